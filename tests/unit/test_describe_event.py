from __future__ import annotations

from dataclasses import asdict, replace

from billing.domain.mirror import Outcome
from billing.domain.recovery import InboxRow
from operate.replay import describe
from tests.fakes.objects import T0

ROW = InboxRow(
    id="evt_1",
    type="invoice.paid",
    outcome=Outcome.APPLIED,
    reason=None,
    attempts=1,
    received_at=T0,
    ended_at=T0,
    object_id="in_1",
    api_version="2026-05-27.dahlia",
)


def test_an_event_is_told_in_a_line() -> None:
    """Given rows of the inbox, when described, then tries, others and reasons are told."""
    said = describe(asdict(ROW))
    assert said == f"evt_1  applied      invoice.paid  received {str(T0)[:19]}"
    assert (
        describe(asdict(replace(ROW, attempts=3, conflicts=2)))
        == f"{said}, 3 tries, 2 other events under its id"
    )
    failed = replace(ROW, outcome=Outcome.FAILED, reason="UnavailableError: away")
    assert describe(asdict(failed)).endswith(": UnavailableError: away")
