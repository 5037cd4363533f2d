"""Objects without children as PostgreSQL keeps them."""

from __future__ import annotations

import json
from dataclasses import fields
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.mirror import PostgresMirror
from billing.adapters.postgres.mirror_sql import TABLES
from billing.domain.lifecycles import kind_of
from billing.domain.mirror import Deletion, ObjectKind, Observation, Outcome, Receipt, Unreadable, Verdict
from billing.domain.money import Money
from tests.fakes.more_objects import DISCOUNT, PAYMENT_METHOD, PLAIN, T, changed
from tests.fakes.more_payloads import payment_intent
from tests.fakes.objects import SECOND, T0, a_payment, a_tax_rate, an_event

if TYPE_CHECKING:
    from billing.adapters.postgres.connection import Connection, Database
    from billing.domain.mirror import Snapshot, StripeEvent

HEAD = {"as_of", "revision", "deleted_at"}
CUSTOMER_GONE = Deletion(ObjectKind.CUSTOMER, "cus_1")
EACH = (*PLAIN, a_tax_rate(), a_payment())


def row_of(owner: Connection, state: Snapshot) -> dict[str, Any]:
    row = owner.execute(
        f"SELECT * FROM {TABLES[kind_of(state)]} WHERE id = %s",  # noqa: S608 - a name of our own
        [state.id],
    ).fetchone()
    assert row is not None
    return dict(row)


def shown(value: Any) -> Any:
    match value:
        case Money():
            return value.amount
        case tuple():
            return list(value)
        case _:
            return value


@pytest.mark.parametrize("state", EACH, ids=lambda state: type(state).__name__)
def test_a_row_has_every_field_and_no_other(
    worker_database: Database, owner: Connection, state: Snapshot
) -> None:
    """Given an object, when it is mirrored, then its row has exactly its fields, each with its value."""
    PostgresMirror(worker_database).apply(an_event("evt_1", state), Observation(state, T0))
    row = row_of(owner, state)
    assert row.keys() - HEAD == {each.name for each in fields(state)}
    documents = {"tiers", "phases"}
    for each in fields(state):
        if each.name not in documents:
            assert row[each.name] == shown(getattr(state, each.name)), each.name


def test_tiers_and_phases_are_documents(worker_database: Database, owner: Connection) -> None:
    """Given a tiered price and a schedule, when mirrored, then tiers and phases are there in order."""
    mirror = PostgresMirror(worker_database)
    kept: dict[str, dict[str, Any]] = {}
    for state in PLAIN:
        if kind_of(state) in (ObjectKind.PRICE, ObjectKind.SCHEDULE):
            told = changed(state, id=f"{state.id}_{len(kept)}")
            mirror.apply(an_event(f"evt_{told.id}", told), Observation(told, T0))
            kept[told.id] = row_of(owner, told)
    assert kept["price_1_0"]["tiers"] == []
    assert kept["price_1_1"]["tiers"] == [
        {"up_to": 1000, "unit_amount": None, "flat_amount": "500"},
        {"up_to": None, "unit_amount": "0.05", "flat_amount": None},
    ]
    [phase] = kept["sub_sched_1_2"]["phases"]
    assert phase["items"] == [{"price": "price_1", "quantity": None}]
    assert phase["discounts"] == [{"coupon": "LAUNCH", "promotion_code": None, "discount": None}]
    assert phase["start_date"] == T.isoformat()


@pytest.mark.parametrize("first", ["state", "deletion"])
def test_a_deleted_discount_still_tells_its_coupon(
    worker_database: Database, owner: Connection, first: str
) -> None:
    """Given a discount's creation and deletion in any order, then its row is deleted and tells its coupon."""
    mirror = PostgresMirror(worker_database)
    gone = Deletion(ObjectKind.DISCOUNT, DISCOUNT.id, last=changed(DISCOUNT, end=None))
    events = [an_event("evt_1", DISCOUNT), an_event("evt_2", gone, after=5)]
    for event in events if first == "state" else events[::-1]:
        assert isinstance(event.content, Deletion | type(DISCOUNT))
        mirror.apply(event, Observation(event.content, event.created))
    row = row_of(owner, DISCOUNT)
    assert (row["coupon"], row["customer"], row["deleted_at"] is None) == ("LAUNCH", "cus_1", False)
    # What the deletion does not tell stays as it stood.
    assert row["end"] == (DISCOUNT.end if first == "state" else None)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("together", [True, False])
def test_the_digits_of_a_deleted_customer_are_forgotten(
    worker_database: Database, owner: Connection, order: tuple[int, ...], together: bool
) -> None:
    """Given a card, its change and its customer's deletion, in any order, then no digits are kept (33)."""
    mirror = PostgresMirror(worker_database)
    told: list[tuple[StripeEvent, Snapshot | Deletion]] = [
        (an_event("evt_1", PAYMENT_METHOD), PAYMENT_METHOD),
        (an_event("evt_2", PAYMENT_METHOD, after=9), changed(PAYMENT_METHOD, exp_year=2035)),
        (an_event("evt_3", CUSTOMER_GONE, after=5), CUSTOMER_GONE),
    ]
    another = changed(PAYMENT_METHOD, id="pm_2", customer="cus_2")
    mirror.apply(an_event("evt_4", another), Observation(another, T0))
    seen = [(told[number][0], Observation(told[number][1], told[number][0].created)) for number in order]
    if together:
        mirror.apply_all(seen)
    else:
        for event, observation in seen:
            mirror.apply(event, observation)
    row = row_of(owner, PAYMENT_METHOD)
    assert (row["customer"], row["brand"]) == ("cus_1", "visa")
    assert (row["last4"], row["exp_month"], row["exp_year"]) == (None, None, None)
    assert row_of(owner, another)["last4"] == "4242"


def test_an_event_that_comes_again_forgets_what_its_first_try_did_not(
    worker_database: Database, owner: Connection
) -> None:
    """Given a deletion that ended before the digits were forgotten, when it comes again, then they are."""
    mirror = PostgresMirror(worker_database)
    gone = an_event("evt_2", CUSTOMER_GONE, after=5)
    mirror.apply(gone, Observation(CUSTOMER_GONE, gone.created))
    mirror.apply(an_event("evt_1", PAYMENT_METHOD), Observation(PAYMENT_METHOD, T0))
    owner.execute("UPDATE payment_methods SET last4 = '4242'")
    assert mirror.apply(gone, Observation(CUSTOMER_GONE, gone.created)) is Verdict.DUPLICATE
    assert row_of(owner, PAYMENT_METHOD)["last4"] is None


def test_a_new_column_reaches_its_function(owner: Connection, worker_database: Database) -> None:
    """Given a migration that adds a column, when it defines the function anew, then the column is written."""
    owner.execute("ALTER TABLE coupons ADD COLUMN valid boolean")
    owner.execute("SELECT define_apply_function('apply_coupon', 'coupons')")
    coupon = {"id": "C", "livemode": False, "created": T.isoformat(), "duration": "once"}
    for second, valid in enumerate((True, False)):
        told = {"state": json.dumps({**coupon, "valid": valid}), "at": T + second * SECOND}
        rows = worker_database.query(
            Statement("SELECT apply_coupon(NULL, 'C', %(state)s::jsonb, %(at)s, NULL) AS word", told)
        )
        assert rows == [{"word": "applied"}]
    assert owner.execute("SELECT valid FROM coupons").fetchall() == [{"valid": False}]


def test_a_quarantined_event_keeps_no_client_secret(worker_database: Database, owner: Connection) -> None:
    """Given an unreadable payment intent, when it is kept, then its secret is not (33)."""
    body = json.dumps({"id": "evt_1", "data": {"object": payment_intent(amount=1.5)}})
    event = an_event("evt_1", Unreadable("payment_intent.amount: not an integer"))
    kept = changed(event, receipt=Receipt(T, 1, body))
    PostgresMirror(worker_database).record(kept, Outcome.QUARANTINED, "payment_intent.amount: not an integer")
    row = owner.execute("SELECT payload FROM stripe_webhook_events").fetchone()
    assert row is not None
    assert "secret_canary" in body
    assert "secret_canary" not in row["payload"]
    told = json.loads(row["payload"])
    assert told["data"]["object"] == {**payment_intent(amount=1.5), "client_secret": None}
