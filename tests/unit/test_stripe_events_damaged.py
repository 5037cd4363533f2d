from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.adapters.stripe.events import read_event
from billing.domain.credit_notes import CreditNote
from billing.domain.customers import Customer
from billing.domain.errors import PayloadRejectedError
from billing.domain.invoices import Invoice
from billing.domain.mirror import MalformedEvent, MalformedEventError, Unreadable
from billing.domain.payments import InvoicePayment
from billing.domain.subscriptions import Subscription
from billing.domain.tax_rates import TaxRate
from tests.fakes.stripe_payloads import (
    CREATED,
    credit_note,
    customer,
    event,
    invoice,
    invoice_payment,
    line,
    subscription,
    tax_rate,
)

MONTH = 2_592_000


def content(payload: dict[str, Any]) -> Any:
    return read_event(payload).content


def reason(payload: dict[str, Any]) -> str:
    unreadable = content(payload)
    assert isinstance(unreadable, Unreadable)
    return unreadable.reason


def invoice_reason(**members: Any) -> str:
    return reason(event("invoice.paid", invoice(**members)))


def line_with(**members: Any) -> dict[str, Any]:
    return {"object": "list", "data": [line(), line(**members)], "has_more": False}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"total": 28.56}, "invoice.total: not an integer"),
        ({"total": True}, "invoice.total: not an integer"),
        ({"total": "2856"}, "invoice.total: not an integer"),
        ({"total": 10**30}, "invoice.total: out of range"),
        ({"total": None}, "invoice.total: null"),
        ({"status": "on_hold"}, "invoice.status: on_hold is not known"),
        ({"status": "<b>\n"}, "invoice.status: an unknown value is not known"),
        ({"status": None}, "invoice.status: null"),
        ({"currency": "USD"}, "invoice.currency: not three lower-case letters"),
        ({"customer": None}, "invoice.customer: null"),
        ({"customer": 7}, "invoice.customer: not an object"),
        ({"created": -1}, "invoice.created: out of range"),
        ({"created": 10**12}, "invoice.created: out of range"),
        ({"period_end": CREATED - MONTH - 1}, "invoice.period_end: before period_start"),
        ({"parent": {"type": "barter_details"}}, "invoice.parent.type: not known"),
        ({"description": "a\x00b"}, "invoice.description: holds a character that cannot be stored"),
        ({"description": "\ud800"}, "invoice.description: holds a character that cannot be stored"),
        ({"object": "charge"}, "invoice.object: not invoice"),
        ({"livemode": True}, "invoice.livemode: not that of the event"),
        ({"lines": []}, "invoice.lines: not an object"),
        ({"lines": {"data": [7], "has_more": False}}, "invoice.lines.data[0]: not an object"),
        ({"lines": {"data": {}, "has_more": False}}, "invoice.lines.data: not a list"),
        ({"lines": {"data": []}}, "invoice.lines.has_more: missing"),
        ({"lines": line_with(currency="eur")}, "invoice.lines.data[1].currency: not usd"),
        ({"lines": line_with(amount=1.0)}, "invoice.lines.data[1].amount: not an integer"),
        (
            {"lines": line_with(quantity_decimal=1.5)},
            "invoice.lines.data[1].quantity_decimal: not a decimal in a text",
        ),
        (
            {"lines": line_with(quantity_decimal="NaN")},
            "invoice.lines.data[1].quantity_decimal: not a decimal in a text",
        ),
        ({"lines": line_with(parent={"type": "x"})}, "invoice.lines.data[1].parent.type: not known"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_path(members: dict[str, Any], said: str) -> None:
    """Given one wrong member of an invoice, when it is read, then the reason names path and rule."""
    assert invoice_reason(**members) == said


def test_a_wrong_locale_is_named_with_its_place() -> None:
    """Given a list with one wrong text, when it is read, then the reason names its index."""
    payload = event("customer.updated", customer(preferred_locales=["de", 7]))
    assert reason(payload) == "customer.preferred_locales[1]: not a text"


def paths(members: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return where every member of a JSON value stands."""
    if isinstance(members, dict):
        return [p for key, value in members.items() for p in [(*path, key), *paths(value, (*path, key))]]
    if isinstance(members, list):
        return [p for n, value in enumerate(members) for p in paths(value, (*path, n))]
    return []


# What the mirror does not hold, and what Stripe leaves out by its schema.
UNREAD = {
    ("metadata",),
    ("discount",),
    ("discounts",),
    ("items", "data", 0, "discounts"),
    ("customer_tax_ids", 1, "type"),
    ("lines", "object"),
    ("lines", "data", 0, "discountable"),
    ("lines", "data", 0, "discounts"),
    ("lines", "data", 0, "livemode"),
    ("lines", "data", 0, "quantity"),
    ("lines", "data", 0, "quantity_decimal"),
    ("lines", "data", 0, "parent", "invoice_item_details"),
    ("lines", "data", 0, "parent", "subscription_item_details", "invoice_item"),
    ("lines", "data", 0, "parent", "subscription_item_details", "subscription_item"),
    ("lines", "data", 0, "taxes", 0, "type"),
    ("parent", "quote_details"),
    ("parent", "subscription_details", "metadata"),
    ("total_taxes", 0, "type"),
    ("items", "object"),
    ("items", "data", 0, "created"),
    ("items", "data", 0, "quantity"),
    ("items", "data", 0, "subscription"),
    ("items", "data", 0, "price", "object"),
    ("flat_amount",),
    ("amount_shipping",),
    ("customer_account",),
    ("discount_amount",),
    ("lines", "url"),
    ("lines", "data", 0, "discount_amount"),
    ("lines", "data", 0, "metadata"),
    ("lines", "data", 0, "pretax_credit_amounts"),
    ("lines", "data", 0, "tax_rates"),
    ("lines", "data", 0, "unit_amount"),
    ("pdf",),
    ("pretax_credit_amounts",),
    ("refunds", 0, "payment_record_refund"),
    ("refunds", 0, "type"),
    ("shipping_cost",),
    ("subtotal_excluding_tax",),
    ("jurisdiction_level",),
}


@pytest.mark.parametrize(
    ("what", "about"),
    [
        ("customer.updated", customer()),
        ("customer.subscription.updated", subscription()),
        ("invoice.paid", invoice()),
        ("tax_rate.updated", tax_rate()),
        ("credit_note.updated", credit_note()),
        ("invoice_payment.paid", invoice_payment()),
    ],
)
def test_no_missing_member_becomes_a_null(what: str, about: dict[str, Any]) -> None:
    """Given a payload with any one mirrored member removed, when it is read, then it is quarantined."""
    told = {}
    for path in paths(about):
        if path in UNREAD:
            continue
        damaged = copy.deepcopy(about)
        holder: Any = damaged
        for step in path[:-1]:
            holder = holder[step]
        del holder[path[-1]]
        told[path] = content(event(what, damaged))
    assert told
    assert {path for path, read in told.items() if not isinstance(read, Unreadable)} == set()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=8), values, max_size=3),
    max_leaves=6,
)


@given(data=st.data())
def test_any_damage_is_read_or_quarantined_and_never_an_error(data: st.DataObject) -> None:
    """Given any member replaced by any JSON, when the event is read, then it is a snapshot or a reason."""
    what, about = data.draw(
        st.sampled_from(
            [
                ("customer.updated", customer()),
                ("customer.subscription.updated", subscription()),
                ("invoice.paid", invoice()),
                ("tax_rate.updated", tax_rate()),
                ("credit_note.updated", credit_note()),
                ("invoice_payment.paid", invoice_payment()),
            ]
        )
    )
    damaged = copy.deepcopy(about)
    path = data.draw(st.sampled_from(paths(damaged)))
    holder: Any = damaged
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = data.draw(json_values)
    snapshots = Customer | Subscription | Invoice | TaxRate | CreditNote | InvoicePayment
    assert isinstance(content(event(what, damaged)), snapshots | Unreadable)


@pytest.mark.parametrize("name", ["created", "livemode", "data"])
def test_an_event_that_lacks_something_is_told_with_its_id(name: str) -> None:
    """Given an envelope without a member, when it is read, then the error has what the inbox can keep."""
    payload = event("invoice.paid", invoice())
    del payload[name]
    with pytest.raises(MalformedEventError) as told:
        read_event(payload)
    assert told.value.event == MalformedEvent("evt_1", "invoice.paid", f"event.{name}: missing")


@pytest.mark.parametrize("name", ["id", "type", "object"])
def test_what_is_no_event_is_rejected(name: str) -> None:
    """Given an envelope without a member that the inbox needs, when it is read, then it is rejected."""
    payload = event("invoice.paid", invoice())
    del payload[name]
    with pytest.raises(PayloadRejectedError, match=name):
        read_event(payload)
