"""What the mirror asks of the database; migrations/0007_apply_functions.sql has their contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from billing.domain.mirror import ObjectKind

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLES: Mapping[ObjectKind, LiteralString] = {
    ObjectKind.CUSTOMER: "customers",
    ObjectKind.SUBSCRIPTION: "subscriptions",
    ObjectKind.INVOICE: "invoices",
    ObjectKind.TAX_RATE: "tax_rates",
    ObjectKind.CREDIT_NOTE: "credit_notes",
    ObjectKind.INVOICE_PAYMENT: "invoice_payments",
    ObjectKind.PRODUCT: "products",
    ObjectKind.PRICE: "prices",
    ObjectKind.COUPON: "coupons",
    ObjectKind.DISCOUNT: "discounts",
    ObjectKind.METER: "billing_meters",
    ObjectKind.SCHEDULE: "subscription_schedules",
    ObjectKind.PAYMENT_INTENT: "payment_intents",
    ObjectKind.CHARGE: "charges",
    ObjectKind.PAYMENT_METHOD: "payment_methods",
    ObjectKind.REFUND: "refunds",
    ObjectKind.DISPUTE: "disputes",
}
_FUNCTIONS: Mapping[ObjectKind, LiteralString] = {
    ObjectKind.CUSTOMER: "apply_customer",
    ObjectKind.SUBSCRIPTION: "apply_subscription",
    ObjectKind.INVOICE: "apply_invoice",
    ObjectKind.TAX_RATE: "apply_tax_rate",
    ObjectKind.CREDIT_NOTE: "apply_credit_note",
    ObjectKind.INVOICE_PAYMENT: "apply_invoice_payment",
    ObjectKind.PRODUCT: "apply_product",
    ObjectKind.PRICE: "apply_price",
    ObjectKind.COUPON: "apply_coupon",
    ObjectKind.DISCOUNT: "apply_discount",
    ObjectKind.METER: "apply_billing_meter",
    ObjectKind.SCHEDULE: "apply_subscription_schedule",
    ObjectKind.PAYMENT_INTENT: "apply_payment_intent",
    ObjectKind.CHARGE: "apply_charge",
    ObjectKind.PAYMENT_METHOD: "apply_payment_method",
    ObjectKind.REFUND: "apply_refund",
    ObjectKind.DISPUTE: "apply_dispute",
}
_WITHOUT_STATUS = frozenset(
    (
        ObjectKind.CUSTOMER,
        ObjectKind.TAX_RATE,
        ObjectKind.PRODUCT,
        ObjectKind.PRICE,
        ObjectKind.COUPON,
        ObjectKind.DISCOUNT,
        ObjectKind.PAYMENT_METHOD,
    )
)

# As record_event of the database does it, for events without an effect.
RECORD: LiteralString = """
INSERT INTO stripe_webhook_events AS known (
    id, type, api_version, livemode, created, object_id, digest, outcome, reason, payload, received_at,
    ended_at, attempts
)
SELECT told.id, told.type, told.api_version, told.livemode, told.created, told.object_id, told.digest,
    %(outcome)s, %(reason)s, %(payload)s, coalesce(told.received_at, now()),
    CASE WHEN %(outcome)s <> 'failed' THEN now() END, coalesce(told.attempts, 1)
FROM jsonb_populate_record(NULL::stripe_webhook_events, %(event)s::jsonb) AS told
ON CONFLICT (id) DO UPDATE SET
    type = excluded.type, api_version = excluded.api_version, livemode = excluded.livemode,
    created = excluded.created, object_id = excluded.object_id, digest = excluded.digest,
    outcome = excluded.outcome, reason = excluded.reason, payload = excluded.payload,
    ended_at = excluded.ended_at, attempts = greatest(known.attempts, excluded.attempts)
WHERE known.outcome = 'failed' OR (known.outcome = 'quarantined' AND excluded.outcome <> 'failed')
RETURNING 'applied' AS word"""


# Each transaction that may have written such a row has ended before this begins, so that of two, one that
# writes a payment method and one that deletes its customer, the later one sees what both wrote. No revision
# is raised: whoever settles the row meanwhile ends with this too. In the order of ids, as batches write.
FORGET_CARDS: LiteralString = """
WITH forgotten AS (
    SELECT id
    FROM payment_methods
    WHERE customer = ANY(%(customers)s)
        AND num_nonnulls(last4, exp_month, exp_year) > 0
        AND EXISTS (
            SELECT FROM customers
            WHERE customers.id = payment_methods.customer AND customers.deleted_at IS NOT NULL
        )
    ORDER BY id
    FOR UPDATE
)
UPDATE payment_methods SET last4 = NULL, exp_month = NULL, exp_year = NULL
FROM forgotten
WHERE payment_methods.id = forgotten.id"""


def apply_statement(kind: ObjectKind) -> LiteralString:
    """Return the call writing a state with its event's inbox row; its one value is the verdict's word.

    Its parameters: event, object, state, known_as_of, over_revision.
    """
    return f"SELECT {_FUNCTIONS[kind]}($1::jsonb, $2::text, $3::jsonb, $4::timestamptz, $5::bigint)"


APPLY_TOGETHER: LiteralString = "SELECT apply_together($1::jsonb)"
"""The call that does the same for many, in one transaction and in their order; its one value is their words,
with spaces between. migrations/0026_apply_together.sql says what it takes."""


def function_of(kind: ObjectKind) -> str:
    """Return the function that writes objects of this kind."""
    return _FUNCTIONS[kind]


def standing_statement(kind: ObjectKind) -> LiteralString:
    """Return the statement that reads what the mirror holds of an object."""
    status: LiteralString = "NULL" if kind in _WITHOUT_STATUS else "status"
    return f"""
SELECT revision, as_of, {status} AS status, deleted_at IS NOT NULL AS deleted
FROM {TABLES[kind]}
WHERE id = %(id)s"""  # noqa: S608 - joined from literals above, values are parameters
