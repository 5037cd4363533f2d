"""What is sold and how it is paid, from Stripe's JSON to the row."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.adapters.postgres.plain_state import plain_state
from billing.adapters.stripe.events import read_event, read_object
from billing.domain.charges import ChargeStatus
from billing.domain.lifecycles import is_complete, kind_of, may_follow
from billing.domain.mirror import Deletion, ObjectKind, Standing, Unreadable
from billing.domain.money import Money
from billing.domain.payment_intents import PaymentIntentStatus
from billing.domain.schedules import ScheduleStatus
from tests.fakes import more_payloads as payloads
from tests.fakes.more_objects import (
    CHARGE,
    COUPON,
    DISCOUNT,
    DISPUTE,
    METER,
    PAYMENT_INTENT,
    PAYMENT_METHOD,
    PLAIN,
    PRICE,
    PRODUCT,
    REFUND,
    SCHEDULE,
    TIERED_PRICE,
    T,
)
from tests.fakes.stripe_payloads import API_VERSION, event

if TYPE_CHECKING:
    from billing.domain.mirror import Snapshot
    from tests.support.stripe_openapi import Spec

type Json = dict[str, Any]

CASES: list[tuple[str, Json, Snapshot]] = [
    ("product.updated", payloads.product(), PRODUCT),
    ("price.updated", payloads.price(), PRICE),
    ("coupon.updated", payloads.coupon(), COUPON),
    ("customer.discount.updated", payloads.discount(), DISCOUNT),
    ("billing.meter.updated", payloads.meter(), METER),
    ("subscription_schedule.updated", payloads.schedule(), SCHEDULE),
    ("payment_intent.succeeded", payloads.payment_intent(), PAYMENT_INTENT),
    ("charge.refunded", payloads.charge(), CHARGE),
    ("payment_method.attached", payloads.payment_method(), PAYMENT_METHOD),
    ("refund.updated", payloads.refund(), REFUND),
    ("charge.refund.updated", payloads.refund(), REFUND),
    ("charge.dispute.updated", payloads.dispute(), DISPUTE),
]


def content(what: str, about: Json, version: str | None = API_VERSION) -> Any:
    return read_event(event(what, about, api_version=version)).content


@pytest.mark.parametrize(("what", "told", "state"), CASES, ids=[case[0] for case in CASES])
def test_an_object_is_read_with_every_member(what: str, told: Json, state: Snapshot) -> None:
    """Given an object's payload, when it is read, then the snapshot equals it member by member."""
    assert content(what, told) == state


@pytest.mark.parametrize(("what", "told", "state"), CASES, ids=[case[0] for case in CASES])
def test_the_payloads_of_these_tests_are_stripes(
    stripe_spec: Spec, what: str, told: Json, state: Snapshot
) -> None:
    """Given a payload of these tests, when held to Stripe's OpenAPI, then nothing breaks it."""
    assert stripe_spec.answer_violations(told["object"], told) == []


@pytest.mark.parametrize(("what", "told", "state"), CASES, ids=[case[0] for case in CASES])
def test_an_id_may_come_as_its_object(what: str, told: Json, state: Snapshot) -> None:
    """Given a payload whose references are expanded, when it is read, then the ids are the same."""
    names = ("customer", "product", "charge", "payment_intent", "payment_method", "latest_charge")
    expandable = {
        name: {"id": told[name], "object": name} for name in names if isinstance(told.get(name), str)
    }
    assert content(what, {**told, **expandable}) == state


@pytest.mark.parametrize("state", PLAIN, ids=lambda state: type(state).__name__)
def test_a_state_has_every_field_as_json(state: Snapshot) -> None:
    """Given a snapshot, when written as a row, then it has every field, in JSON, without a float."""

    def refuse(text: str) -> float:
        raise AssertionError(text)

    row = json.loads(json.dumps(plain_state(state)), parse_float=refuse)
    assert list(row) == [each.name for each in fields(state)]


def test_decimals_and_money_are_exact_in_a_row() -> None:
    """Given amounts, when written as a row, then decimals are texts and money is minor units."""
    row = plain_state(TIERED_PRICE)
    assert [tier["unit_amount"] for tier in row["tiers"]] == [None, "0.05"]
    assert (
        plain_state(replace(PRICE, unit_amount=Decimal("0.000000000001")))["unit_amount"] == "0.000000000001"
    )
    assert plain_state(COUPON)["amount_off"] == 500
    assert plain_state(SCHEDULE)["phases"][0]["start_date"] == T.isoformat()


@given(amount=st.integers(-(10**15), 10**15), currency=st.sampled_from(["usd", "jpy", "kwd", "eur"]))
def test_money_of_another_currency_is_refused(amount: int, currency: str) -> None:
    """Given any amount, when its currency is not the row's, then nothing is written (22)."""
    charge = replace(CHARGE, amount=Money(amount, currency))
    if currency == CHARGE.currency:
        assert plain_state(charge)["amount"] == amount
    else:
        with pytest.raises(ValueError, match="usd cannot keep money"):
            plain_state(charge)


def test_a_value_without_a_place_is_refused() -> None:
    """Given a value of a type that no column has, when written, then it is refused, not guessed."""
    with pytest.raises(TypeError, match="float"):
        plain_state(replace(COUPON, percent_off=0.5))  # type: ignore[arg-type] # the mistake


def test_a_tiered_price_without_tiers_is_not_whole() -> None:
    """Given an event of a tiered price, when it is read, then its tiers are to be asked for."""
    assert not is_complete(content("price.created", payloads.tiered_price()))
    whole = content("price.created", payloads.tiered_price(tiers=payloads.tiers()))
    assert is_complete(whole)
    assert whole == TIERED_PRICE


def test_a_detached_payment_method_keeps_no_digits() -> None:
    """Given a card that is detached, when it is read, then its digits and expiry are gone."""
    gone = content("payment_method.detached", payloads.payment_method(customer=None))
    assert gone == replace(PAYMENT_METHOD, customer=None, last4=None, exp_month=None, exp_year=None)


@pytest.mark.parametrize(
    ("kind", "details", "last4"),
    [("sepa_debit", {"last4": "3000"}, "3000"), ("link", {"email": "canary@example.com"}, None)],
)
def test_other_payment_methods_are_known_by_their_digits_alone(
    kind: str, details: Json, last4: str | None
) -> None:
    """Given a payment method that is no card, when it is read, then its last digits are there at most."""
    told = {**without(payloads.payment_method(type=kind), "card"), kind: details}
    unlike_a_card = replace(PAYMENT_METHOD, type=kind, brand=None, exp_month=None, exp_year=None)
    assert content("payment_method.attached", told) == replace(unlike_a_card, last4=last4)


def test_a_percentage_off_has_no_currency() -> None:
    """Given a coupon of per cent, when it is read, then the digits are exact and there is no amount."""
    read = content("coupon.created", payloads.coupon(percent_off=12.5, amount_off=None, currency=None))
    assert (read.percent_off, read.amount_off, read.currency) == (Decimal("12.5"), None, None)


def test_a_deletion_remembers_what_was_deleted() -> None:
    """Given the deletion of a discount, when it is read, then what it was is still known."""
    told = payloads.discount(deleted=True)
    del told["end"]
    gone = content("customer.discount.deleted", told)
    assert gone == Deletion(ObjectKind.DISCOUNT, "di_1")
    assert gone.last == replace(DISCOUNT, end=None)
    assert content("coupon.deleted", {"id": "LAUNCH", "object": "coupon", "deleted": True}).last is None


@pytest.mark.parametrize(
    ("what", "told", "said"),
    [
        ("charge.failed", payloads.charge(amount=28.56), "charge.amount: not an integer"),
        ("charge.failed", payloads.charge(status="lost"), "charge.status: lost is not known"),
        ("price.created", payloads.price(recurring=None), "price.recurring: null"),
        ("price.created", payloads.price(type="yearly"), "price.type: yearly is not known"),
        ("coupon.created", payloads.coupon(currency=None), "coupon.currency: null"),
        ("refund.created", payloads.refund(id=None), "refund.id: null"),
        (
            "customer.discount.created",
            payloads.discount(source={"type": "gift"}),
            "discount.source.type: not known",
        ),
        ("product.created", payloads.product(livemode=True), "product.livemode: not that of the event"),
    ],
)
def test_what_cannot_be_read_is_quarantined(what: str, told: Json, said: str) -> None:
    """Given a payload that is not what it should be, when it is read, then the member is named."""
    assert content(what, told) == Unreadable(said)


def test_nothing_secret_or_personal_is_read() -> None:
    """Given payloads full of canaries, when read and written as rows, then no canary is there (33)."""
    for what, told, _ in CASES:
        row = json.dumps(plain_state(content(what, told))).lower()
        assert "canary" not in row
        assert "example.com" not in row


def without(members: Json, *names: str) -> Json:
    return {name: value for name, value in members.items() if name not in names}


@pytest.mark.parametrize(
    ("state", "earlier", "later"),
    [
        (CHARGE, ChargeStatus.PENDING, ChargeStatus.FAILED),
        (PAYMENT_INTENT, PaymentIntentStatus.PROCESSING, PaymentIntentStatus.SUCCEEDED),
        (SCHEDULE, ScheduleStatus.NOT_STARTED, ScheduleStatus.RELEASED),
    ],
    ids=lambda value: getattr(value, "id", value),
)
def test_a_lifecycle_never_runs_backwards(state: Any, earlier: str, later: str) -> None:
    """Given two states of one second that nobody can settle, then the later of the lifecycle stays."""
    standing = Standing(1, T, later, deleted=False)
    assert not may_follow(replace(state, status=earlier), standing)
    assert may_follow(replace(state, status=later), Standing(1, T, earlier, deleted=False))


@pytest.mark.parametrize("state", PLAIN, ids=lambda state: type(state).__name__)
def test_equal_ranks_follow_the_order_of_arrival(state: Snapshot) -> None:
    """Given two states of one second of the same rank, or of none, then the one that came last stands."""
    standing = Standing(1, T, getattr(state, "status", None), deleted=False)
    assert may_follow(state, standing)
    assert may_follow(Deletion(kind_of(state), state.id), standing)
    assert not may_follow(state, replace(standing, deleted=True))


@pytest.mark.parametrize(("what", "told", "state"), CASES, ids=[case[0] for case in CASES])
@given(data=st.data())
def test_damage_is_never_read_as_something_else(
    what: str, told: Json, state: Snapshot, data: st.DataObject
) -> None:
    """Given a payload with any JSON in any place, when it is read, then no error escapes."""
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
    name = data.draw(st.sampled_from(sorted(told)))
    broken: Any = data.draw(scalars | st.lists(scalars, max_size=2) | st.just({"data": [None, {}]}))
    for version in (API_VERSION, "2016-07-06"):
        content(what, {**told, name: broken}, version)


def test_what_is_fetched_reads_as_what_is_told() -> None:
    """Given an object as the API answers with it, when it is read, then it is what its event told."""
    for _, told, state in CASES:
        assert read_object(kind_of(state), told, API_VERSION) == state
