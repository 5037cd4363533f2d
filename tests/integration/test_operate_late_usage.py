"""The operator's command for late usage."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from billing.domain.usage import LatePolicy
from operate.cli import main
from operate.cloud import OperateError
from operate.late_usage import late_usage

if TYPE_CHECKING:
    from tests.support.operated import Operated


@pytest.fixture
def known(operated: Operated) -> Operated:
    """Mirror a customer, and one that is deleted."""
    for customer, deleted in (("cus_1", None), ("cus_gone", datetime(2026, 1, 1, tzinfo=UTC))):
        operated.owner.execute(
            "INSERT INTO customers (id, livemode, created, balance, delinquent, tax_exempt,"
            " preferred_locales, as_of, deleted_at)"
            " VALUES (%s, false, now(), 0, false, 'none', '{}', now(), %s)",
            [customer, deleted],
        )
    return operated


def test_a_policy_is_set_shown_and_told_once(known: Operated) -> None:
    """Given no policy, when one is set twice and shown, then it holds, and the outbox has one change."""
    assert late_usage(known.cloud, known.out, "cus_1", None) == 0
    for _ in range(2):
        late_usage(known.cloud, known.out, "cus_1", "next_period")
    late_usage(known.cloud, known.out, "cus_1", None)

    assert known.told().splitlines() == [
        "cus_1: open_period",
        "cus_1: next_period (was open_period)",
        "cus_1: next_period",
        "cus_1: next_period",
    ]
    assert known.owner.execute("SELECT customer, late FROM usage_policies").fetchall() == [
        {"customer": "cus_1", "late": "next_period"}
    ]
    assert known.owner.execute("SELECT type, customer, data FROM events").fetchall() == [
        {
            "type": "usage.late_policy.changed",
            "customer": "cus_1",
            "data": {"before": "open_period", "policy": "next_period"},
        }
    ]


@pytest.mark.parametrize(
    ("customer", "policy", "named"),
    [
        ("cus_1", "later", "policy: must be one of open_period, next_period, ignore"),
        ("cus_2", "ignore", "customer: cus_2 is not known"),
        ("cus_2", None, "customer: cus_2 is not known"),
        ("cus_gone", "ignore", "customer: cus_gone is not known"),
        ("", "ignore", "customer: must be the id of a customer"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(
    known: Operated, customer: str, policy: str | None, named: str
) -> None:
    """Given no such policy or customer, when it is set, then the message names it, and nothing changes."""
    with pytest.raises(OperateError, match=f"^{named}$"):
        late_usage(known.cloud, known.out, customer, policy)
    assert known.owner.execute("SELECT FROM usage_policies").fetchall() == []
    assert known.owner.execute("SELECT FROM events").fetchall() == []


def test_a_member_that_is_not_known_is_named(known: Operated) -> None:
    """Given a member by another name, when the function is called, then it says so."""
    answer = known.cloud.call("LateUsageFunctionName", {"customer": "cus_1", "polcy": "ignore"})
    assert answer == {"error": "polcy: is not known here"}


def test_the_command_takes_every_policy_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    """Given a policy that is none, when the command is called, then it names those there are."""
    with pytest.raises(SystemExit):
        main(["late-usage", "cus_1", "later"])
    told = capsys.readouterr().err
    assert all(policy.value in told for policy in LatePolicy)
