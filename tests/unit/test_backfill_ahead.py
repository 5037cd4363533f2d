"""How far a backfill goes ahead of what it writes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING

import pytest

from billing.domain.errors import UnavailableError
from billing.domain.mirror import ObjectKind
from billing.use_cases.backfill_stripe_objects import BackfillStripeObjects
from tests.fakes.mirror import FakeMirror
from tests.fakes.objects import SECOND, T0, an_invoice
from tests.fakes.recovery import FakeBackfillLog, FakeStripeLists
from tests.fakes.stripe_objects import FakeStripeObjects

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from billing.domain.invoices import Invoice
    from billing.domain.mirror import Observation, StripeEvent, Verdict
    from billing.domain.recovery import ListedPage, ObjectPage
    from billing.use_cases.backfill_stripe_objects import Backfilled

NOW = T0 + timedelta(days=1)


def invoices(count: int) -> list[Invoice]:
    return [an_invoice(id=f"in_{n:04}", created=T0 + n * SECOND) for n in range(count)]


def backfilled(lists: FakeStripeLists, mirror: FakeMirror, log: FakeBackfillLog) -> Backfilled:
    """Return where a backfill of invoices stands."""
    stripe = FakeStripeObjects(NOW + SECOND)
    run = BackfillStripeObjects(lists, stripe, mirror, log, kinds=(ObjectKind.INVOICE,), livemode=False)
    return run(lambda: True)


class FailingLists(FakeStripeLists):
    """Lists of which Stripe does not tell the page after the second invoice."""

    def page(self, kind: ObjectKind, after: str | None, until: datetime | None) -> ListedPage:
        """Return the next page, if it is not that one."""
        if after == "in_0001":
            raise UnavailableError("stripe")
        return super().page(kind, after, until)


def test_the_pages_before_one_that_does_not_come_are_written() -> None:
    """Given a page that Stripe never tells, when backfilled, then those before it are written."""
    mirror, lists = FakeMirror(), FailingLists(NOW, 1)
    lists.put(*invoices(4))
    log = FakeBackfillLog(mirror)
    with pytest.raises(UnavailableError):
        backfilled(lists, mirror, log)
    assert (log.rows[0].after, log.rows[0].pages) == ("in_0001", 3)
    assert {name for _, name in mirror.held} == {"in_0001", "in_0002", "in_0003"}


class ProbedLists(FakeStripeLists):
    """Lists that say which pages were asked for, and let none be read before the next one is asked for."""

    def __init__(self, last: str) -> None:
        super().__init__(NOW, 1)
        self.last = last
        self.pages: dict[str | None, Event] = defaultdict(Event)

    def page(self, kind: ObjectKind, after: str | None, until: datetime | None) -> ListedPage:
        """Return the next page."""
        page = super().page(kind, after, until)
        self.pages[after].set()
        return replace(page, read=lambda: self._read(page))

    def _read(self, page: ListedPage) -> ObjectPage:
        if page.last is not None and page.last != self.last:
            assert self.pages[page.last].wait(30)
        return page.read()


class ProbingMirror(FakeMirror):
    """A database that notes how many pages were asked for when one is written."""

    def __init__(self, lists: ProbedLists) -> None:
        super().__init__()
        self.lists = lists
        self.ahead: list[int] = []

    def apply_all(self, told: Sequence[tuple[StripeEvent | None, Observation]]) -> list[Verdict]:
        """Write the page once the one after the next is asked for."""
        number = int(told[0][1].state.id.removeprefix("in_"))
        if number >= 2:
            assert self.lists.pages[f"in_{number - 1:04}"].wait(30)
        self.ahead.append(len(self.lists.pages))
        return super().apply_all(told)


def test_a_page_is_written_while_the_next_is_read_and_the_one_after_asked_for() -> None:
    """Given pages of one invoice, when each is written, then two more were asked for, and no third one."""
    lists = ProbedLists(last="in_0000")
    mirror = ProbingMirror(lists)
    lists.put(*invoices(5))
    assert backfilled(lists, mirror, FakeBackfillLog(mirror)).finished
    assert mirror.ahead == [3, 4, 5, 5, 5]
