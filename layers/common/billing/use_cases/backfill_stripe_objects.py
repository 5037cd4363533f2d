"""Backfill the mirror from Stripe's lists of objects, beside the webhooks, as far as the time allows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from billing.domain.credit_notes import CreditNote
from billing.domain.errors import BillingError, RefusedError
from billing.domain.invoices import Invoice
from billing.domain.lifecycles import is_complete
from billing.domain.mirror import Deletion, ObjectKind, Observation, Verdict
from billing.domain.recovery import (
    CursorGoneError,
    NotAllowedError,
    OvertakenError,
    UnreadableObject,
    WrongAccountError,
)
from billing.use_cases.backfill_doubts import doubt_list, doubt_owners
from billing.use_cases.end_discounts import end_discounts
from billing.use_cases.learn_discounts import LearnDiscounts
from billing.use_cases.settle_object import SettleObject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from datetime import datetime

    from billing.domain.recovery import KindBackfill, ListedPage, ObjectPage
    from billing.use_cases.mirror_ports import Mirror, StripeObjects
    from billing.use_cases.recovery_ports import BackfillLog, StripeLists
    from billing.use_cases.settle_object import Fetched

CHECKED_AT_ONCE = 50
NOT_ALLOWED = "Stripe does not list them to this API key"
_PARALLEL = 8


@dataclass(frozen=True, slots=True)
class Backfilled:
    """Where the backfill stands, by kind in the order of work; `unreadable` are those that this call met."""

    kinds: tuple[KindBackfill, ...]
    unreadable: tuple[tuple[ObjectKind, UnreadableObject], ...]

    @property
    def finished(self) -> bool:
        """Whether every kind is done."""
        return all(kind.finished for kind in self.kinds)


class BackfillStripeObjects:
    """Reads every list to its end and writes what is later than what stands, as an event would.

    `livemode` is the mode that this system mirrors. Calls to Stripe run in threads of their own, at most
    eight at once and two pages ahead; how fast they may be is the adapters' matter.
    """

    def __init__(
        self,
        lists: StripeLists,
        stripe: StripeObjects,
        mirror: Mirror,
        log: BackfillLog,
        *,
        kinds: Sequence[ObjectKind],
        livemode: bool,
    ) -> None:
        self._lists = lists
        self._mirror = mirror
        self._log = log
        self._kinds = tuple(kinds)
        self._livemode = livemode
        self._settle = SettleObject(mirror, stripe)
        self._learn_discounts = LearnDiscounts(mirror, stripe)

    def __call__(self, more_time: Callable[[], bool]) -> Backfilled:
        """Return where it stands, once everything is done or `more_time` said no before a step.

        The run that was cut is gone on with; without one a new one begins.

        Raises
        ------
        UnavailableError
            Stripe or the database does not answer; the next call goes on from the step's start.
        OvertakenError
            Another run works on the same backfill and is ahead.
        WrongAccountError
            Stripe's objects are of the other mode.
        """
        rows = list(self._log.open() or self._log.begin(self._kinds))
        unreadable: list[tuple[ObjectKind, UnreadableObject]] = []
        with ThreadPoolExecutor(_PARALLEL) as pool:
            run = _Run(
                self._lists,
                self._mirror,
                self._log,
                self._settle,
                self._learn_discounts,
                pool,
                livemode=self._livemode,
            )
            for place, row in enumerate(rows):
                if row.finished:
                    continue
                doubt = doubt_owners(row.kind, rows)
                rows[place] = run.work(row, more_time) if doubt is None else run.stop(row, doubt)
                unreadable += [(row.kind, one) for one in run.taken_unreadable()]
                if not rows[place].finished:
                    break
        return Backfilled(tuple(rows), tuple(unreadable))


class _Run:
    """One call: the kinds one after the other."""

    def __init__(
        self,
        lists: StripeLists,
        mirror: Mirror,
        log: BackfillLog,
        settle: SettleObject,
        learn_discounts: LearnDiscounts,
        pool: ThreadPoolExecutor,
        *,
        livemode: bool,
    ) -> None:
        self._lists = lists
        self._mirror = mirror
        self._log = log
        self._settle = settle
        self._learn_discounts = learn_discounts
        self._pool = pool
        self._livemode = livemode
        self._unreadable: list[UnreadableObject] = []

    def taken_unreadable(self) -> Sequence[UnreadableObject]:
        """Return what could not be read since the last call."""
        taken, self._unreadable = self._unreadable, []
        return taken

    def work(self, row: KindBackfill, more_time: Callable[[], bool]) -> KindBackfill:
        """Return how far the kind came."""
        row = self._list(row, more_time)
        if row.listed and not row.finished:
            row = self._check(row, more_time)
        return row

    def stop(self, row: KindBackfill, reason: str) -> KindBackfill:
        """Return the kind as finished, with why it could not be done."""
        return self._kept(row, replace(row, stopped=reason, finished=True))

    def _list(self, row: KindBackfill, more_time: Callable[[], bool]) -> KindBackfill:
        if row.listed or not more_time():
            return row
        pages = self._pages(row, more_time)
        while True:
            try:
                page = next(pages, None)
            except NotAllowedError:
                # The other kinds are worth having all the same.
                return self.stop(row, NOT_ALLOWED)
            if page is None:
                return row
            row = self._write_page(row, page)

    def _pages(self, row: KindBackfill, more_time: Callable[[], bool]) -> Iterator[ObjectPage]:
        """Yield the pages from the row's place on.

        While the caller writes one, the next is read and the one after it asked for: what goes on at
        Stripe, here and in the database takes about as long each. An error comes after the pages before it.
        """
        asked: Future[ListedPage] | None = self._pool.submit(self._page, row)
        reading: Future[ObjectPage] | None = None
        while asked is not None:
            try:
                listed = asked.result()
            except BillingError:
                if reading is not None:
                    yield reading.result()
                raise
            before, reading = reading, self._pool.submit(listed.read)
            asked = None
            if listed.has_more and more_time():
                row = replace(row, after=listed.last, oldest=listed.oldest or row.oldest)
                asked = self._pool.submit(self._page, row)
            if before is not None:
                yield before.result()
        if reading is not None:
            yield reading.result()

    def _page(self, row: KindBackfill) -> ListedPage:
        try:
            return self._lists.page(row.kind, row.after, None if row.after else row.oldest)
        except CursorGoneError:
            # The last object of the page before was deleted meanwhile: its second is read once more.
            return self._lists.page(row.kind, None, row.oldest)

    def _write_page(self, row: KindBackfill, page: ObjectPage) -> KindBackfill:
        if any(self._is_of_other_mode(seen) for seen in page.observations):
            raise WrongAccountError("Stripe lists objects of the other mode: is it the right API key?")
        began = row.began or page.read_at
        # Each page was asked for after the first had been, so what it shows is known up to then at least.
        seen = [replace(one, as_of=max(one.as_of, began)) for one in page.observations]
        whole = [one for one in seen if is_complete(one.state)]
        parts = [one for one in seen if not is_complete(one.state)]
        found = list(self._pool.map(lambda part: self._settle.fetch(row.kind, part.state.id, part), parts))
        shown = [*whole, *(one.seen for one in found if one.seen is not None)]
        written = self._write(row.kind, shown)
        documents = [one.state for one in shown if isinstance(one.state, Invoice | CreditNote)]
        self._learn_discounts(*documents, each=self._pool.map)
        self._learn_discounts.coupons(page)
        self._unreadable += page.unreadable
        bad = [UnreadableObject(one.id, one.problem) for one in found if one.problem is not None]
        self._unreadable += bad
        return self._kept(
            row,
            replace(
                row,
                began=began,
                after=page.last or row.after,
                oldest=page.oldest or row.oldest,
                pages=row.pages + 1,
                objects=row.objects + len(seen) + len(page.unreadable),
                written=row.written + written,
                fetched=row.fetched + len(parts),
                unreadable=row.unreadable + len(page.unreadable) + len(bad),
                listed=not page.has_more,
                finished=not page.has_more and not page.whole,
            ),
        )

    def _check(self, row: KindBackfill, more_time: Callable[[], bool]) -> KindBackfill:
        """Ask Stripe for what is mirrored and was not listed: it was deleted while nobody told."""
        if row.began is None:
            raise AssertionError("a list that was read has a beginning")
        if row.checked == 0 and row.checked_after is None:
            doubt = doubt_list(self._log, row, row.began)
            if doubt is not None:
                return self.stop(row, doubt)
        while more_time():
            ids = self._log.unseen(row.kind, row.began, row.checked_after, CHECKED_AT_ONCE)
            if not ids:
                return self._kept(row, replace(row, finished=True))
            row = self._check_some(row, row.began, ids)
        return row

    def _check_some(self, row: KindBackfill, began: datetime, ids: Sequence[str]) -> KindBackfill:
        if row.kind is ObjectKind.DISCOUNT:
            ended = end_discounts(self._mirror, ids, began)
            counted = replace(row, written=row.written + ended, deleted=row.deleted + ended)
            return self._kept(row, replace(counted, checked_after=ids[-1], checked=row.checked + len(ids)))
        found = self._fetched(row.kind, ids)
        # What Stripe does not know and does not list is gone: a removed draft leaves nothing behind.
        states = [
            one.seen if one.seen is not None else Observation(Deletion(row.kind, one.id), began)
            for one in found
            if one.problem is None
        ]
        written = self._write(row.kind, states)
        bad = [UnreadableObject(one.id, one.problem) for one in found if one.problem is not None]
        self._unreadable += bad
        return self._kept(
            row,
            replace(
                row,
                checked_after=ids[-1],
                checked=row.checked + len(ids),
                written=row.written + written,
                unreadable=row.unreadable + len(bad),
                deleted=row.deleted + sum(isinstance(one.state, Deletion) for one in states),
            ),
        )

    def _fetched(self, kind: ObjectKind, ids: Sequence[str]) -> list[Fetched]:
        return list(self._pool.map(lambda object_id: self._settle.fetch(kind, object_id), ids))

    def _write(self, kind: ObjectKind, seen: Sequence[Observation]) -> int:
        """Write what is later than what stands; return how many states that were."""
        try:
            verdicts = list(self._mirror.apply_all([(None, one) for one in seen]))
        except RefusedError:
            verdicts = [self._mirror.apply_all([(None, one)])[0] for one in seen]
        for one, verdict in zip(seen, verdicts, strict=True):
            if verdict is Verdict.TIE:
                # An event of the very second in which the page was read.
                self._settle(kind, one.state.id)
        return sum(verdict in (Verdict.APPLIED, Verdict.TIE) for verdict in verdicts)

    def _is_of_other_mode(self, seen: Observation) -> bool:
        # Some objects do not say their mode (refunds).
        return getattr(seen.state, "livemode", self._livemode) != self._livemode

    def _kept(self, before: KindBackfill, after: KindBackfill) -> KindBackfill:
        after = replace(after, steps=before.steps + 1)
        if not self._log.save(before, after):
            raise OvertakenError("Another run of the backfill is ahead of this one.")
        return after
