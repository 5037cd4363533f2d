from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from billing.domain.mirror import MalformedEvent, NotMirrored, Outcome, Receipt
from billing.domain.recovery import InboxRow
from billing.use_cases.recognise_stripe_event import RecogniseStripeEvent
from tests.fakes.objects import SECOND, T0, an_event
from tests.fakes.recovery import FakeInbox

if TYPE_CHECKING:
    from billing.domain.mirror import StripeEvent

ONE, OTHER = "ab" * 16, "cd" * 16


def told(digest: str | None = ONE, **members: object) -> StripeEvent:
    """Return the event that ended, or one that differs in these members."""
    event = replace(an_event("evt_1", NotMirrored()), receipt=Receipt(T0, 1, "{}", digest))
    return replace(event, **members)  # type: ignore[arg-type]


@pytest.fixture
def inbox() -> FakeInbox:
    """Return an inbox in which evt_1 has ended."""
    return with_digest(ONE)


def with_digest(digest: str | None) -> FakeInbox:
    event, inbox = told(), FakeInbox()
    inbox.rows["evt_1"] = InboxRow(
        id="evt_1",
        type=event.type,
        outcome=Outcome.APPLIED,
        reason=None,
        attempts=1,
        received_at=T0,
        ended_at=T0,
        object_id=event.object_id,
        api_version=event.api_version,
        created=event.created,
        digest=digest,
    )
    return inbox


def test_a_copy_is_no_other_event(inbox: FakeInbox) -> None:
    """Given an ended event, when it comes again, then nothing is told and nothing kept."""
    assert RecogniseStripeEvent(inbox)(told()) is None
    assert inbox.conflicts == {}


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (told(type="invoice.voided"), "event.type: another one ended under this id"),
        (told(object_id="in_9"), "event.data.object.id: another one ended under this id"),
        (told(created=T0 + 99 * SECOND), "event.created: another one ended under this id"),
        (told(OTHER), "event.data: another one ended under this id"),
    ],
)
def test_what_is_another_event_is_told_and_kept(inbox: FakeInbox, other: StripeEvent, reason: str) -> None:
    """Given an ended event, when another one comes under its id, then how it differs is told and kept."""
    assert RecogniseStripeEvent(inbox)(other) == reason
    assert list(inbox.conflicts.values()) == [reason]


@pytest.mark.parametrize(
    ("known", "copy"),
    [
        (None, told()),  # it ended before digests were kept
        (ONE, told(None)),  # a thin event
        (ONE, told(OTHER, api_version="2020-08-27")),  # as the sweep finds it, in the account's version
        (ONE, replace(told(), receipt=None)),
    ],
)
def test_what_cannot_be_compared_is_a_copy(known: str | None, copy: StripeEvent) -> None:
    """Given an event without a digest, or of another version, when it comes again, then it is a copy."""
    assert RecogniseStripeEvent(with_digest(known))(copy) is None


def test_what_was_found_out_before_is_kept(inbox: FakeInbox) -> None:
    """Given that an event is known to be another one, when it is recognised, then that is kept."""
    malformed = MalformedEvent("evt_1", "invoice.paid", "event.created: missing")
    assert RecogniseStripeEvent(inbox)(malformed, "event.created: missing") == "event.created: missing"
    assert RecogniseStripeEvent(inbox)(malformed) is None
    assert list(inbox.conflicts.values()) == ["event.created: missing"]
