"""What a batch asks of Stripe, and what becomes of the others when Stripe does not tell."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.fakes.stripe_payloads import customer, event, invoice, line, tax_rate
from tests.support.event_worker import FAILED_NONE, counted, logged, paid
from tests.support.timed_context import TimedContext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.stripe_data import RunningStandin
    from tests.support.event_worker import Worker

TAXED = [
    {
        "amount": 1,
        "tax_behavior": "exclusive",
        "tax_rate_details": {"tax_rate": "txr_9"},
        "taxability_reason": "standard_rated",
        "taxable_amount": 10,
        "type": "tax_rate_details",
    }
]


class Limit:
    """The stand-in's count of calls."""

    def __init__(self, stripe: RunningStandin) -> None:
        self._stripe = stripe

    def allow(self, per_second: float) -> None:
        """Take so many calls a second from now on, and count them."""
        self._stripe.helper("PUT", "/_standin/rate", {"per_second": per_second})

    def taken(self) -> int:
        """Return how many calls were answered."""
        return int(self._stripe.helper("GET", "/_standin/rate")["taken"])


@pytest.fixture
def limit(stripe_standin: RunningStandin) -> Iterator[Limit]:
    yield Limit(stripe_standin)
    stripe_standin.helper("PUT", "/_standin/rate", {"per_second": None})


def just_now() -> int:
    """Return a second that is hardly over, so that Stripe's state is no newer than its events."""
    while time.time() % 1 > 0.1:
        time.sleep(0.01)
    return int(time.time())


def test_ten_ties_of_one_object_cost_one_call(
    worker: Worker, stripe_standin: RunningStandin, limit: Limit
) -> None:
    """Given ten states of one invoice and second, when they come at once in a batch, one call is made."""
    lines = {"data": [line(discount_amounts=[], taxes=[])], "has_more": False}
    state = invoice(total_discount_amounts=[], total_taxes=[], status="paid", lines=lines)
    stripe_standin.load(state)
    limit.allow(1000)
    now = just_now()
    told = [state | {"status": "open", "description": str(n)} for n in range(10)]
    events = [event("invoice.updated", one, id=f"evt_{n}", created=now) for n, one in enumerate(told)]
    assert worker.apply(*events) == FAILED_NONE
    assert (worker.invoice_status(), limit.taken()) == ("paid", 1)
    assert set(worker.inbox().values()) == {"applied", "stale"}


def test_ten_events_without_all_lines_cost_the_calls_of_one(
    worker: Worker, stripe_standin: RunningStandin, limit: Limit
) -> None:
    """Given ten events of a long invoice in ten seconds, when they come in a batch, then it is read once."""
    lines = [line(id=f"il_{n}", discount_amounts=[], taxes=[]) for n in range(30)]
    state = invoice(total_discount_amounts=[], total_taxes=[], status="paid")
    stripe_standin.load(state | {"lines": {"data": lines, "has_more": False}})
    limit.allow(1000)
    now = just_now()
    told = state | {"lines": {"data": lines[:10], "has_more": True}}
    events = [event("invoice.updated", told, id=f"evt_{n}", created=now - n % 7) for n in range(10)]
    assert worker.apply(*events) == FAILED_NONE
    rows = worker.owner.execute("SELECT FROM invoice_line_items").fetchall()
    # The invoice, its lines, and the invoice once more, to see that they belong to it.
    assert (len(rows), limit.taken()) == (30, 3)


@pytest.mark.parametrize("how", ["unreadable", "away"])
def test_a_tax_rate_that_stripe_does_not_tell_holds_up_no_other_event(
    worker: Worker, stripe_standin: RunningStandin, limit: Limit, how: str
) -> None:
    """Given a rate that cannot be read or had, when its invoice comes with others, then those end (11)."""
    stripe_standin.load(tax_rate(id="txr_9") | ({"percentage": None} if how == "unreadable" else {}))
    if how == "away":
        limit.allow(0.0001)
    taxed = event("invoice.updated", invoice(total_taxes=TAXED, total_discount_amounts=[]), id="evt_1")
    others = [event("customer.created", customer(id=f"cus_{n}"), id=f"evt_{n}") for n in range(2, 9)]
    assert worker.apply(*others, taxed) == ([] if how == "unreadable" else ["7"])
    assert worker.inbox() == {f"evt_{n}": "applied" for n in range(1, 9)}
    limit.allow(1000)
    assert worker.apply(taxed) == FAILED_NONE
    rates = worker.owner.execute("SELECT FROM tax_rates WHERE id = 'txr_9'").fetchall()
    assert len(rates) == (how == "away")


def test_an_event_that_there_is_no_time_for_comes_again(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given ten seconds left, when a batch has a tie, then the others end, and it waits without an error."""
    worker.apply(paid("evt_1"))
    capsys.readouterr()
    monkeypatch.setattr(TimedContext, "left", 10_000)
    tie = event("invoice.updated", invoice(status="open"), id="evt_2")
    assert worker.apply(tie, *(event("customer.created", customer(), id=f"evt_{n}") for n in (3, 4))) == ["0"]
    assert worker.inbox() == {"evt_1": "applied", "evt_3": "applied", "evt_4": "applied"}
    sums = counted(logged(capsys))
    assert (sums["StripeEventsPostponed"], "StripeEventsFailed" in sums) == (1, False)
