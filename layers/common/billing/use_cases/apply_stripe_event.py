"""Apply one event of Stripe to the mirror, whatever came before it and however often it comes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from billing.domain.credit_notes import CreditNote
from billing.domain.errors import ContentionError, RefusedError, UnavailableError
from billing.domain.invoices import Invoice
from billing.domain.lifecycles import is_complete, kind_of, may_follow
from billing.domain.mirror import (
    Deletion,
    MalformedEvent,
    Mention,
    NotMirrored,
    ObjectKind,
    Observation,
    Outcome,
    Unreadable,
    Verdict,
)
from billing.domain.usage_reports import MeterErrors
from billing.use_cases.learn_discounts import LearnDiscounts
from billing.use_cases.learn_tax_rates import LearnTaxRates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from billing.domain.mirror import Snapshot, Standing, StripeEvent
    from billing.use_cases.mirror_ports import Mirror, StripeObjects

    type Fetched = set[tuple[ObjectKind, str]]

_TAKEN_AGAIN = frozenset((ObjectKind.PRODUCT, ObjectKind.PRICE, ObjectKind.COUPON))
"""The kinds whose ids their owner may choose, and choose again once the object is deleted."""

_TOLD_BY_NO_ID = frozenset((ObjectKind.DISCOUNT,))
"""The kinds of which Stripe tells none by its id: nobody is asked."""

ROUNDS = 3
"""How often a settlement starts anew because the object moved meanwhile."""


@dataclass(frozen=True, slots=True)
class Applied:
    """How an event ended; `outcome` is None when it was a duplicate of one that ended before.

    `asked_stripe` is True when the event alone could not tell the state (a tie, or lines missing);
    `reason` says why an event was quarantined, `refused` how many meter events it says that Stripe refused.
    """

    outcome: Outcome | None
    asked_stripe: bool = False
    reason: str | None = None
    refused: int = 0


class ApplyStripeEvent:
    """Brings the mirror to Stripe's state, event by event, in any order.

    `livemode` is the mode that this system mirrors; an event of the other mode is quarantined.
    `keep_meter_errors` keeps what an event says that Stripe refused of usage, as KeepMeterErrors does.
    """

    def __init__(
        self,
        mirror: Mirror,
        stripe: StripeObjects,
        *,
        livemode: bool,
        keep_meter_errors: Callable[[str], int | None] = lambda _: None,
    ) -> None:
        self._mirror = mirror
        self._stripe = stripe
        self._livemode = livemode
        self._keep_meter_errors = keep_meter_errors
        self._learn_tax_rates = LearnTaxRates(mirror, stripe)
        self._learn_discounts = LearnDiscounts(mirror, stripe)

    def __call__(self, event: StripeEvent | MalformedEvent, fetched: Fetched | None = None) -> Applied:
        """Return how the event ended; its inbox row and its effect are one transaction.

        `fetched` is kept by the caller for events that all had come before the first of them is applied: what
        Stripe says of an object then holds the changes of all of them, so that it is asked once. It costs
        least where the newest event comes first.

        Raises
        ------
        UnavailableError
            The database or Stripe does not answer. Nothing was written, or all but a tax rate or a discount
            that the event's document names: then its next delivery is a duplicate that brings it.
        ContentionError
            The object moved in every round; nothing was written.
        """
        if isinstance(event, MalformedEvent):
            return self._record(event, Outcome.QUARANTINED, event.reason)
        applied = self._apply(event, set() if fetched is None else fetched)
        if applied.outcome is not Outcome.QUARANTINED:
            # After the document, which is worth more than the names of its taxes and discounts. Of a stale
            # one too: it may have been overtaken by a state that was fetched, and whose names no event told.
            self._learn_names_in(event.content)
        return applied

    def together(self, events: Sequence[StripeEvent]) -> Mapping[str, Applied]:
        """Apply what needs nobody to be asked, in one transaction; return how it ended, by the event's id.

        What is not in the answer is for __call__: ties, what an event does not tell, what changes nothing,
        and everything if the database refused one of the states; none of that is applied. So is an event
        whose document names what Stripe does not tell now: applied, then a duplicate that brings the names.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        told = [(event, seen) for event in events if (seen := self._seen(event)) is not None]
        try:
            verdicts = self._mirror.apply_all(told)
        except RefusedError:
            return {}
        done = {
            event.id: _ended(verdict)
            for (event, _), verdict in zip(told, verdicts, strict=True)
            if verdict is not Verdict.TIE
        }
        for event, seen in told:
            if event.id in done:
                try:
                    self._learn_names_in(seen.state)
                except UnavailableError:
                    del done[event.id]
        return done

    def _seen(self, event: StripeEvent) -> Observation | None:
        """Return the state that the event tells whole, None if it does not."""
        if event.livemode != self._livemode:
            return None
        match event.content:
            case Unreadable() | NotMirrored() | Mention() | MeterErrors():
                return None
            case content:
                return Observation(content, event.created) if is_complete(content) else None

    def _apply(self, event: StripeEvent, fetched: Fetched) -> Applied:
        if event.livemode != self._livemode:
            mode = "live" if event.livemode else "test"
            return self._record(event, Outcome.QUARANTINED, f"livemode: an event of {mode} mode")
        match event.content:
            case Unreadable(reason=reason):
                return self._record(event, Outcome.QUARANTINED, reason)
            case NotMirrored() | MeterErrors():
                return self._without_state(event)
            case Mention() as mention:
                return self._settle(event, mention, fetched)
            case content if (seen := self._seen(event)) is not None:
                verdict = self._mirror.apply(event, seen)
                return self._settle(event, content, fetched) if verdict is Verdict.TIE else _ended(verdict)
            case content:
                return self._settle(event, content, fetched)

    def failed(self, event: StripeEvent | MalformedEvent, reason: str) -> None:
        """Keep that a try to apply the event failed, and why; a later try overwrites it.

        Of a malformed event there is nothing to apply: its next try keeps it as quarantined.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        if not isinstance(event, MalformedEvent):
            self._mirror.record(event, Outcome.FAILED, reason)

    def _without_state(self, event: StripeEvent) -> Applied:
        if isinstance(event.content, NotMirrored):
            return self._record(event, Outcome.IGNORED)
        refused = self._keep_meter_errors(event.id)
        if refused is None:
            return self._record(event, Outcome.QUARANTINED, "Stripe does not know the event any more")
        # What was kept is kept once, so the inbox may come second.
        ended = self._record(event, Outcome.APPLIED)
        return ended if ended.outcome is None else replace(ended, asked_stripe=True, refused=refused)

    def _learn_names_in(self, content: object) -> None:
        if isinstance(content, Invoice | CreditNote):
            self._learn_tax_rates(content)
            self._learn_discounts(content)

    def _record(
        self, event: StripeEvent | MalformedEvent, outcome: Outcome, reason: str | None = None
    ) -> Applied:
        verdict = self._mirror.record(event, outcome, reason)
        return Applied(None if verdict is Verdict.DUPLICATE else outcome, reason=reason)

    def _settle(
        self, event: StripeEvent, content: Snapshot | Deletion | Mention, fetched: Fetched
    ) -> Applied:
        """Ask Stripe for the state, and write it if the object still stands as it did before asking."""
        kind = kind_of(content)
        for _ in range(ROUNDS):
            standing = self._mirror.standing(kind, content.id)
            if standing is not None and (
                _is_overtaken(event, content, standing)
                or ((kind, content.id) in fetched and event.created <= standing.as_of)
            ):
                # What stands holds this event's change already, so Stripe need not be asked.
                verdict = self._mirror.settle(event, None, standing)
                asked = found = False
            else:
                told = self._stripe.fetch(kind, content.id)
                asked, found = kind not in _TOLD_BY_NO_ID, told is not None
                observation = _observed(event, content, told, standing)
                if isinstance(observation, Unreadable):
                    return self._record(event, Outcome.QUARANTINED, observation.reason)
                if observation is not None:
                    # Before the state: once the event has ended, its next delivery asks for none.
                    self._learn_names_in(observation.state)
                verdict = self._mirror.settle(event, observation, standing)
            if verdict is not Verdict.MOVED:
                if found and verdict is not Verdict.DUPLICATE:
                    fetched.add((kind, content.id))
                return _ended(verdict, asked_stripe=asked)
        raise ContentionError(f"The {kind.value} kept changing while its state was settled.")


def _observed(
    event: StripeEvent,
    content: Snapshot | Deletion | Mention,
    found: Observation | None,
    standing: Standing | None,
) -> Observation | Unreadable | None:
    """Return the state to write, None to keep what stands, or why there is no telling.

    `found` is what Stripe says, None if it does not know the object.
    """
    if found is not None:
        # Read after the event and after what stands, so it holds every change up to both.
        stamps = [found.as_of, event.created] + ([standing.as_of] if standing is not None else [])
        return replace(found, as_of=max(stamps))
    if standing is not None and standing.deleted:
        return None
    if isinstance(content, Mention):
        return Unreadable(f"{content.reason}, and Stripe does not know it any more")
    if not is_complete(content):
        return Unreadable(f"{kind_of(content).value}: incomplete, and Stripe does not know it any more")
    if standing is None or may_follow(content, standing):
        return Observation(content, event.created)
    return None


def _is_overtaken(event: StripeEvent, content: Snapshot | Deletion | Mention, standing: Standing) -> bool:
    if standing.deleted and kind_of(content) not in _TAKEN_AGAIN:
        return True
    return event.created < standing.as_of and (standing.deleted or not isinstance(content, Deletion))


def _ended(verdict: Verdict, *, asked_stripe: bool = False) -> Applied:
    match verdict:
        case Verdict.APPLIED:
            return Applied(Outcome.APPLIED, asked_stripe=asked_stripe)
        case Verdict.STALE:
            return Applied(Outcome.STALE, asked_stripe=asked_stripe)
        case Verdict.DUPLICATE:
            return Applied(None, asked_stripe=asked_stripe)
        case Verdict.TIE | Verdict.MOVED:
            raise AssertionError(f"{verdict} is no end")
