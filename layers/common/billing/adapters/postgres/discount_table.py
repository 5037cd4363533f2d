"""Discounts in PostgreSQL, with the coupons that they apply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString

from billing.adapters.postgres.codec import money_or_none

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


SELECT_UNKNOWN: LiteralString = """
SELECT named.id FROM unnest(%(ids)s::text[]) AS named(id)
WHERE NOT EXISTS (
    SELECT FROM discounts AS applied JOIN coupons AS coupon ON coupon.id = applied.coupon
    WHERE applied.id = named.id
)"""

# Deleted ones too: what they lowered goes on naming them. A coupon that was created after the discount began
# is another one, which was given the id of a deleted one since.
_SELECT: LiteralString = """
SELECT applied.id, applied.coupon, coalesce(nullif(coupon.name, ''), coupon.id) AS name, coupon.percent_off,
    coupon.amount_off, coupon.currency
FROM discounts AS applied
LEFT JOIN coupons AS coupon
    ON coupon.id = applied.coupon AND (coupon.created <= applied.start) IS NOT FALSE
WHERE applied.id IN"""

SELECT_OF_INVOICE: LiteralString = f"""{_SELECT} (
    SELECT discount ->> 'discount'
    FROM invoices, jsonb_array_elements(invoices.discounts) AS discount
    WHERE invoices.id = %(id)s AND invoices.customer = %(customer)s
    UNION
    SELECT discount ->> 'discount'
    FROM invoice_line_items AS line, jsonb_array_elements(line.discounts) AS discount
    WHERE line.invoice = %(id)s AND line.customer = %(customer)s
)"""  # noqa: S608 - joined from literals above, values are parameters

SELECT_OF_CREDIT_NOTE: LiteralString = f"""{_SELECT} (
    SELECT discount ->> 'discount'
    FROM credit_notes, jsonb_array_elements(credit_notes.discounts) AS discount
    WHERE credit_notes.id = %(id)s AND credit_notes.customer = %(customer)s
    UNION
    SELECT discount ->> 'discount'
    FROM credit_note_line_items AS line, jsonb_array_elements(line.discounts) AS discount
    WHERE line.credit_note = %(id)s AND line.customer = %(customer)s
)"""  # noqa: S608 - joined from literals above, values are parameters

type Coupons = Mapping[str, Mapping[str, Any]]
"""What SELECT_OF_INVOICE or SELECT_OF_CREDIT_NOTE found, as arguments of a DiscountAmount, by discount."""


def read_coupons(rows: Sequence[Mapping[str, Any]]) -> Coupons:
    """Return the coupons of rows of SELECT_OF_INVOICE or SELECT_OF_CREDIT_NOTE."""
    return {
        row["id"]: {
            "coupon": row["coupon"],
            "name": row["name"],
            "percent_off": row["percent_off"],
            "amount_off": money_or_none(row["amount_off"], row["currency"]),
        }
        for row in rows
    }
