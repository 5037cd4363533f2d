"""What every BackfillLog promises; the fake keeps it as PostgreSQL does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from billing.adapters.postgres.backfills import PostgresBackfillLog
from billing.adapters.postgres.mirror import PostgresMirror
from billing.domain.mirror import Deletion, ObjectKind, Observation
from billing.domain.recovery import KindBackfill
from tests.fakes.mirror import FakeMirror
from tests.fakes.more_objects import DISCOUNT
from tests.fakes.objects import SECOND, T0, a_customer, an_invoice
from tests.fakes.recovery import FakeBackfillLog

if TYPE_CHECKING:
    from billing.use_cases.mirror_ports import Mirror
    from billing.use_cases.recovery_ports import BackfillLog

KINDS = (ObjectKind.INVOICE, ObjectKind.CUSTOMER)


@dataclass(frozen=True, slots=True)
class Backfills:
    """A log, and the mirror beside it."""

    log: BackfillLog
    mirror: Mirror


@pytest.fixture(params=["fake", "postgres"])
def backfills(request: pytest.FixtureRequest) -> Backfills:
    if request.param == "fake":
        fake = FakeMirror()
        return Backfills(FakeBackfillLog(fake), fake)
    database = request.getfixturevalue("worker_database")
    return Backfills(PostgresBackfillLog(database), PostgresMirror(database))


def test_nothing_is_open_at_first(backfills: Backfills) -> None:
    """Given no backfill, when asked, then there is none to go on with."""
    assert list(backfills.log.open()) == []


def test_a_run_is_open_in_its_order_until_every_kind_is_finished(backfills: Backfills) -> None:
    """Given a new run, when one kind after the other finishes, then it is open until the last has."""
    invoices, customers = backfills.log.begin(KINDS)
    assert [invoices, customers] == [KindBackfill(1, kind) for kind in KINDS]
    further = replace(
        invoices,
        began=T0,
        after="in_7",
        oldest=T0 - SECOND,
        pages=3,
        objects=300,
        written=200,
        fetched=7,
        unreadable=1,
        listed=True,
        checked_after="in_5",
        checked=4,
        deleted=2,
        stopped="because",
        finished=True,
        steps=1,
    )
    assert backfills.log.save(invoices, further)
    assert list(backfills.log.open()) == [further, customers]
    assert backfills.log.save(customers, replace(customers, finished=True, steps=1))
    assert list(backfills.log.open()) == []
    assert [row.run for row in backfills.log.begin(KINDS)] == [2, 2]


def test_a_run_that_was_overtaken_keeps_nothing(backfills: Backfills) -> None:
    """Given a kind that is further than a run knows, or finished, when it saves, then nothing is kept."""
    invoices, _ = backfills.log.begin(KINDS)
    further = replace(invoices, after="in_2", steps=1)
    assert backfills.log.save(invoices, further)
    assert not backfills.log.save(invoices, replace(invoices, after="in_1", steps=1))
    assert backfills.log.open()[0] == further
    done = replace(further, finished=True, steps=2)
    assert backfills.log.save(further, done)
    assert not backfills.log.save(done, replace(done, finished=False, steps=3))


def test_what_was_not_seen_is_told_in_order(backfills: Backfills) -> None:
    """Given invoices of two seconds, a deleted one and a customer, then only older invoices are unseen."""
    old = [an_invoice(id=f"in_{n}") for n in range(5)]
    backfills.mirror.apply_all([(None, Observation(one, T0)) for one in old])
    backfills.mirror.apply_all(
        [
            (None, Observation(an_invoice(id="in_seen"), T0 + SECOND)),
            (None, Observation(Deletion(ObjectKind.INVOICE, "in_3"), T0)),
            (None, Observation(a_customer(), T0)),
        ]
    )
    unseen = backfills.log.unseen
    assert list(unseen(ObjectKind.INVOICE, T0 + SECOND, None, 10)) == ["in_0", "in_1", "in_2", "in_4"]
    assert list(unseen(ObjectKind.INVOICE, T0 + SECOND, "in_1", 1)) == ["in_2"]
    assert backfills.log.count_unseen(ObjectKind.INVOICE, T0 + SECOND) == (4, 5)
    assert backfills.log.count_unseen(ObjectKind.SUBSCRIPTION, T0) == (0, 0)


def test_a_discount_that_no_list_shows_is_not_unseen(backfills: Backfills) -> None:
    """Given discounts of all owners, then unseen are those that Stripe's customers and subscriptions show."""
    of_customer = replace(DISCOUNT, id="di_1", subscription=None)
    put_on = [
        of_customer,
        replace(of_customer, id="di_2", subscription="sub_1"),
        replace(of_customer, id="di_3", subscription_item="si_1"),
        replace(of_customer, id="di_4", invoice="in_1"),
        replace(of_customer, id="di_5", invoice_item="ii_1"),
        replace(of_customer, id="di_6", checkout_session="cs_1"),
    ]
    backfills.mirror.apply_all([(None, Observation(one, T0)) for one in put_on])
    log = backfills.log
    assert list(log.unseen(ObjectKind.DISCOUNT, T0 + SECOND, None, 10)) == ["di_1", "di_2", "di_3"]
    assert log.count_unseen(ObjectKind.DISCOUNT, T0 + SECOND) == (3, 3)
    assert log.count_unseen(ObjectKind.DISCOUNT, T0) == (0, 3)
