"""What each event type gives: a snapshot, a deletion, or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from billing.adapters.stripe.event_types import DELETION_TYPES, SNAPSHOT_TYPES, STATE_TYPES, THIN_TYPES
from billing.adapters.stripe.events import read_event
from billing.domain.credit_notes import CreditNote
from billing.domain.customers import Customer
from billing.domain.invoices import Invoice
from billing.domain.lifecycles import kind_of
from billing.domain.mirror import Deletion, NotMirrored, ObjectKind, Unreadable
from billing.domain.payments import InvoicePayment
from billing.domain.subscriptions import Subscription
from billing.domain.tax_rates import TaxRate
from billing.domain.usage_reports import MeterErrors
from tests.fakes import more_payloads as more
from tests.fakes.more_objects import PLAIN
from tests.fakes.stripe_payloads import (
    credit_note,
    customer,
    event,
    invoice,
    invoice_payment,
    subscription,
    tax_rate,
)

OBJECTS = {
    ObjectKind.CUSTOMER: customer,
    ObjectKind.SUBSCRIPTION: subscription,
    ObjectKind.INVOICE: invoice,
    ObjectKind.TAX_RATE: tax_rate,
    ObjectKind.CREDIT_NOTE: credit_note,
    ObjectKind.INVOICE_PAYMENT: invoice_payment,
    ObjectKind.PRODUCT: more.product,
    ObjectKind.PRICE: more.price,
    ObjectKind.COUPON: more.coupon,
    ObjectKind.DISCOUNT: more.discount,
    ObjectKind.METER: more.meter,
    ObjectKind.SCHEDULE: more.schedule,
    ObjectKind.PAYMENT_INTENT: more.payment_intent,
    ObjectKind.CHARGE: more.charge,
    ObjectKind.PAYMENT_METHOD: more.payment_method,
    ObjectKind.REFUND: more.refund,
    ObjectKind.DISPUTE: more.dispute,
}
CLASSES = {
    ObjectKind.CUSTOMER: Customer,
    ObjectKind.SUBSCRIPTION: Subscription,
    ObjectKind.INVOICE: Invoice,
    ObjectKind.TAX_RATE: TaxRate,
    ObjectKind.CREDIT_NOTE: CreditNote,
    ObjectKind.INVOICE_PAYMENT: InvoicePayment,
} | {kind_of(state): type(state) for state in PLAIN}


def content(payload: dict[str, Any]) -> Any:
    return read_event(payload).content


@pytest.mark.parametrize(("what", "kind"), SNAPSHOT_TYPES.items())
def test_every_mirrored_type_gives_its_snapshot(what: str, kind: ObjectKind) -> None:
    """Given an event of a mirrored type, when it is read, then its content is that object."""
    assert isinstance(content(event(what, OBJECTS[kind]())), CLASSES[kind])


@pytest.mark.parametrize(("what", "kind"), DELETION_TYPES.items())
@pytest.mark.parametrize("version", ["2026-05-27.dahlia", "2016-07-06", None])
def test_a_deletion_is_read_in_every_version(what: str, kind: ObjectKind, version: str | None) -> None:
    """Given a deletion of any API version, when it is read, then it names the object that is gone."""
    gone = {"id": "x_1", "object": kind.value, "deleted": True}
    assert content(event(what, gone, api_version=version)) == Deletion(kind, "x_1")


@pytest.mark.parametrize(
    ("what", "about"),
    [
        ("invoice.upcoming", {"object": "invoice", "lines": {}}),
        ("application_fee.created", {"object": "application_fee", "id": "fee_1", "amount": 1.5}),
        ("customer.tax_id.created", {"object": "tax_id", "id": 7}),
        ("balance.available", {"object": "balance"}),
        ("a.type.of.tomorrow", {}),
    ],
)
def test_another_type_changes_nothing_whatever_it_holds(what: str, about: dict[str, Any]) -> None:
    """Given an event type that is not mirrored, when it is read, then it is ignored, not judged."""
    assert content(event(what, about, api_version="2011-01-01")) == NotMirrored()


@pytest.mark.parametrize("what", STATE_TYPES)
def test_what_another_account_tells_is_not_ours(what: str) -> None:
    """Given an event of an account that is connected to ours, when read, then it says nothing of ours."""
    kind = (SNAPSHOT_TYPES | DELETION_TYPES)[what]
    told = event(what, OBJECTS[kind](), account="acct_1Other")
    assert content(told) == Unreadable("event.account: another account's")
    assert not isinstance(content(told | {"account": None}), Unreadable)


def test_what_another_account_tells_thinly_is_not_ours() -> None:
    """Given a thin event with a context, when it is read, then it says nothing of our usage."""
    thin = {
        "id": "evt_1",
        "object": "v2.core.event",
        "type": THIN_TYPES[0],
        "livemode": False,
        "created": "2026-06-01T12:00:00Z",
    }
    assert content(thin | {"context": "acct_1Other"}) == Unreadable("event.context: another account's")
    assert content(thin | {"context": None}) == MeterErrors()


def test_a_type_that_stripe_has_renamed_is_read_and_not_asked_for() -> None:
    """Given the old name of a type, when Stripe is told which types to send, then it is not among them."""
    old = "payment_method.card_automatically_updated"
    assert SNAPSHOT_TYPES[old] is ObjectKind.PAYMENT_METHOD
    assert old not in STATE_TYPES
    assert len(STATE_TYPES) == len(SNAPSHOT_TYPES | DELETION_TYPES) - 1
