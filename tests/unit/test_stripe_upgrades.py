from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.adapters.stripe.event_types import DELETION_TYPES, SNAPSHOT_TYPES
from billing.adapters.stripe.events import read_event
from billing.adapters.stripe.upgrades import CHANGES, read_version, upgraded
from billing.domain.mirror import Deletion, MalformedEventError, Mention, NotMirrored, ObjectKind, Unreadable
from billing.domain.usage_reports import MeterErrors
from tests.fakes.stripe_payloads import (
    API_VERSION,
    CREATED,
    credit_note,
    customer,
    event,
    invoice,
    subscription,
    tax_rate,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

type Json = dict[str, Any]


def without(members: Json, *names: str) -> Json:
    return {name: value for name, value in members.items() if name not in names}


def renamed(members: Json, old: str, new: str) -> Json:
    return {**without(members, new), old: members[new]}


def old_taxes(members: Json, old: str, new: str) -> Json:
    amounts = [
        {
            "amount": tax["amount"],
            "inclusive": tax["tax_behavior"] == "inclusive",
            "tax_rate": (tax["tax_rate_details"] or {}).get("tax_rate"),
            "taxability_reason": tax["taxability_reason"],
            "taxable_amount": tax["taxable_amount"],
        }
        for tax in members[new]
    ]
    return {**without(members, new), old: amounts}


def listed(members: Json, name: str, change: Callable[[Json], Json]) -> Json:
    return {**members, name: {**members[name], "data": [change(one) for one in members[name]["data"]]}}


def acacia_line(told: Json) -> Json:
    """Return a line as it was before 2025-03-31.basil."""
    details = told["parent"]["subscription_item_details"]
    price = told["pricing"]["price_details"]
    old = {
        **without(told, "parent", "pricing", "quantity_decimal"),
        "type": "subscription",
        "subscription": details["subscription"],
        "subscription_item": details["subscription_item"],
        "proration": details["proration"],
        "price": {
            "id": price["price"],
            "product": price["product"],
            "unit_amount": None,
            "unit_amount_decimal": told["pricing"]["unit_amount_decimal"],
        },
    }
    return old_taxes(old, "tax_amounts", "taxes")


def acacia_invoice(told: Json) -> Json:
    """Return an invoice as it was before 2025-03-31.basil."""
    old = {**without(told, "parent"), "subscription": told["parent"]["subscription_details"]["subscription"]}
    return listed(old_taxes(old, "total_tax_amounts", "total_taxes"), "lines", acacia_line)


def plan_line(told: Json) -> Json:
    """Return a line as it was when prices were plans."""
    price = told["price"]
    plan = {"id": price["id"], "product": price["product"], "amount_decimal": price["unit_amount_decimal"]}
    return {**without(told, "price"), "plan": plan}


def invoice_of_2019(told: Json) -> Json:
    """Return an invoice as it was before 2019-03-14, from a system that tells a status beside `paid`."""
    old = renamed(renamed(acacia_invoice(told), "date", "created"), "billing", "collection_method")
    return listed(without(old, "total_excluding_tax"), "lines", plan_line)


def invoice_of_2018(told: Json) -> Json:
    """Return a paid invoice as it was before 2018-11-08."""
    return {**without(invoice_of_2019(told), "status"), "paid": True, "closed": True, "forgiven": False}


def acacia_subscription(told: Json) -> Json:
    """Return a subscription as it was before 2025-03-31.basil."""
    [first] = told["items"]["data"]
    periods = ("current_period_start", "current_period_end")
    old = {**told, **{name: first[name] for name in periods}}
    return listed(old, "items", lambda one: without(one, *periods))


def two_intervals(price: Callable[[str], Json]) -> Json:
    """Return a subscription with a monthly and a yearly item, which an old version tells one period of."""
    told = subscription()
    [one] = told["items"]["data"]
    items = [one | {"price": {**one["price"], **price(interval)}} for interval in ("month", "year")]
    period = {name: one[name] for name in ("current_period_start", "current_period_end")}
    data = [without(item, *period) for item in items]
    return {**told, **period, "items": {**told["items"], "data": data}}


def subscription_of_2019(told: Json) -> Json:
    """Return a subscription as it was before 2019-10-17: plans, no currency, billing and start."""
    old = renamed(renamed(acacia_subscription(told), "billing", "collection_method"), "start", "start_date")
    old = listed(
        old, "items", lambda one: {**without(one, "price"), "plan": {**one["price"], "currency": "usd"}}
    )
    return without(old, "currency", "cancel_at")


def credit_note_of_2020(told: Json) -> Json:
    """Return a credit note for before the payment as it was before 2025-03-31.basil."""
    old = without(told, "refunds", "pre_payment_amount", "post_payment_amount", "effective_at")
    old = old_taxes({**old, "refund": None}, "tax_amounts", "total_taxes")
    return listed(old, "lines", lambda one: old_taxes(one, "tax_amounts", "taxes"))


PAID = invoice(
    status="paid",
    status_transitions={
        "finalized_at": CREATED,
        "marked_uncollectible_at": None,
        "paid_at": CREATED + 9,
        "voided_at": None,
    },
)
BEFORE_PAYMENT = credit_note(
    type="pre_payment", refunds=[], pre_payment_amount=1142, post_payment_amount=0, effective_at=None
)
PLAIN_CUSTOMER = customer(name=None, phone=None, address=None, tax_exempt="none", preferred_locales=[])


@pytest.mark.parametrize(
    ("version", "what", "today", "then"),
    [
        ("2024-09-30.acacia", "invoice.paid", PAID, acacia_invoice(PAID)),
        ("2020-08-27", "invoice.paid", PAID, acacia_invoice(PAID)),
        ("2019-02-19", "invoice.paid", PAID, invoice_of_2019(PAID)),
        ("2018-10-31", "invoice.paid", PAID, invoice_of_2018(PAID)),
        ("2015-10-16", "invoice.paid", PAID, invoice_of_2018(PAID)),
        (
            "2023-10-16",
            "customer.subscription.updated",
            subscription(),
            acacia_subscription(subscription()),
        ),
        (
            "2019-08-14",
            "customer.subscription.updated",
            subscription(),
            subscription_of_2019(subscription()),
        ),
        (
            "2019-08-14",
            "customer.updated",
            PLAIN_CUSTOMER,
            renamed(
                without(PLAIN_CUSTOMER, "name", "phone", "address", "tax_exempt", "preferred_locales"),
                "account_balance",
                "balance",
            ),
        ),
        (
            "2020-08-27",
            "tax_rate.updated",
            tax_rate(country=None, tax_type=None),
            without(
                tax_rate(), "country", "state", "tax_type", "rate_type", "effective_percentage", "flat_amount"
            ),
        ),
        ("2020-08-27", "credit_note.created", BEFORE_PAYMENT, credit_note_of_2020(BEFORE_PAYMENT)),
    ],
)
def test_an_object_reads_alike_in_every_version(version: str, what: str, today: Json, then: Json) -> None:
    """Given one object in today's shape and in an old one, when both are read, then they are equal (12)."""
    old = dict(then)
    if what == "tax_rate.updated":
        version = "2020-03-02"
    read = read_event(event(what, old, api_version=version)).content
    assert not isinstance(read, Mention | Unreadable), read
    assert read == read_event(event(what, today)).content


@pytest.mark.parametrize(
    ("version", "what", "then", "lacks"),
    [
        (
            "2018-01-23",
            "invoice.updated",
            {**invoice_of_2018(PAID), "paid": False},
            "invoice.status: missing (in 2018-01-23)",
        ),
        (
            "2018-01-23",
            "invoice.updated",
            without(invoice_of_2018(PAID), "status_transitions"),
            "invoice.status_transitions: missing (in 2018-01-23)",
        ),
        (
            "2016-07-06",
            "customer.subscription.updated",
            without(subscription_of_2019(subscription()), "items"),
            "subscription.items: missing (in 2016-07-06)",
        ),
        (
            "2020-08-27",
            "credit_note.created",
            {**credit_note_of_2020(BEFORE_PAYMENT), "refund": "re_1"},
            "credit_note.refunds: missing (in 2020-08-27)",
        ),
        (
            "2016-07-06",
            "invoice.updated",
            {**without(invoice_of_2018(PAID), "total_discount_amounts"), "discount": {"id": "di_1"}},
            "invoice.total_discount_amounts: missing (in 2016-07-06)",
        ),
        (
            "2024-06-20",
            "customer.subscription.updated",
            two_intervals(lambda interval: {"recurring": {"interval": interval, "interval_count": 1}}),
            "subscription.items.data[0].current_period_start: missing (in 2024-06-20)",
        ),
        (
            "2018-01-23",
            "customer.subscription.updated",
            two_intervals(lambda interval: {"interval": interval, "interval_count": 1}),
            "subscription.items.data[0].current_period_start: missing (in 2018-01-23)",
        ),
        (None, "invoice.updated", invoice(), "api_version: missing"),
    ],
)
def test_what_an_old_payload_does_not_tell_is_asked_for(
    version: str | None, what: str, then: Json, lacks: str
) -> None:
    """Given an old payload that lacks something, when read, then nothing is made up (12)."""
    read = read_event(event(what, then, api_version=version)).content
    assert read == Mention(SNAPSHOT_TYPES[what], then["id"], lacks)


def test_today_is_left_alone() -> None:
    """Given payloads of today and of the first version of today's shape, then no change touches them."""
    for version in (API_VERSION, "2025-03-31.basil"):
        told = invoice()
        assert upgraded(ObjectKind.INVOICE, told, read_version(version)) is told


@pytest.mark.parametrize("kind", list(ObjectKind))
@given(data=st.data())
def test_no_old_payload_breaks_the_changes(kind: ObjectKind, data: st.DataObject) -> None:
    """Given any JSON in any place of an object, when it is upgraded, then nothing is raised."""
    scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
    members = {
        "invoice": invoice_of_2018(PAID),
        "subscription": subscription_of_2019(subscription()),
        "credit_note": credit_note_of_2020(BEFORE_PAYMENT),
    }.get(kind.value, {})
    name = data.draw(st.sampled_from([*members, "lines", "items", "plan", "total_tax_amounts"]))
    broken = data.draw(scalars | st.lists(scalars, max_size=2) | st.just({"data": [None, {"plan": 1}, {}]}))
    since = data.draw(st.sampled_from(["2014-11-05", *(change.since for change in CHANGES)]))
    upgraded(kind, {**members, name: broken}, read_version(since))


def test_every_recorded_event_of_every_version_is_read_or_named(stripe_data: Path) -> None:
    """Given the 1,300 recorded events from 2014 on, when read, then each is a state, a mention or no state.

    Two lack what every event has, some name no object, and the fixtures of one repository are of another mode
    than their event; nothing else is unreadable, because Stripe can be asked.
    """
    found: Counter[str] = Counter()
    for file in sorted((stripe_data / "events").glob("*/*.json")):
        payload = json.loads(file.read_bytes())
        try:
            told = read_event(payload)
        except MalformedEventError:
            found["malformed"] += 1
            continue
        mirrored = told.type in SNAPSHOT_TYPES | DELETION_TYPES
        assert isinstance(told.content, NotMirrored) is not mirrored, file
        if isinstance(told.content, Unreadable):
            why = told.content.reason.rpartition(".")[2]
            assert why in {"id: missing", "livemode: not that of the event"}, (file, told.content)
            found[why] += 1
            continue
        found["mention" if isinstance(told.content, Mention) else "read"] += 1
        if not isinstance(told.content, Mention | NotMirrored | Deletion | MeterErrors):
            assert told.content.id == payload["data"]["object"]["id"], file
    assert found == {
        "read": 1136,
        "mention": 177,
        "id: missing": 13,
        "livemode: not that of the event": 11,
        "malformed": 2,
    }
