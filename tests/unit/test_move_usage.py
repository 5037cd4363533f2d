from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from billing.domain.errors import InvalidParameterError
from billing.entrypoints.usage_moves import move_usage
from billing.use_cases.move_usage import Moved, MoveUsage
from operate import move_usage as command
from operate.cloud import Cloud, OperateError
from tests.support.timed_context import timed_context

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sqs import SQSClient


class FakeMoves:
    """Customers with so many rows each, in one store or the other."""

    def __init__(self, rows: dict[str, int]) -> None:
        self.rows = rows
        self.homes = dict.fromkeys(rows, "postgres")

    def next(self, after: str, to: str) -> str | None:
        """Return the next customer that is elsewhere."""
        return min((name for name, home in self.homes.items() if name > after and home != to), default=None)

    def move(self, customer: str, to: str) -> int:
        """Move it."""
        self.homes[customer] = to
        return self.rows[customer]


class Functions:
    """Lambda's client, whose one function runs here."""

    def __init__(self, run: MoveUsage, failures: int = 0) -> None:
        self.run = run
        self.failures = failures

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """Return what the function answers."""
        assert FunctionName == "move_usage"
        if self.failures:
            self.failures -= 1
            return {"Payload": io.BytesIO(b'{"errorMessage": "no answer"}'), "FunctionError": "Unhandled"}
        answer = move_usage(json.loads(Payload), timed_context(), self.run)
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


def cloud(functions: Functions) -> Cloud:
    return Cloud(
        name="billing-test",
        webhook_url="",
        outputs={"MoveUsageFunctionName": "move_usage"},
        parameters={},
        functions=cast("LambdaClient", functions),
        queues=cast("SQSClient", None),
        secrets=cast("SecretsManagerClient", None),
    )


def test_a_call_goes_on_after_the_last_customer() -> None:
    """Given time for one customer, when called again, then it goes on after that one until none is left."""
    run = MoveUsage(FakeMoves({"a": 3, "b": 4}), "clickhouse")
    times = iter([True, False])
    assert run("", lambda: next(times)) == Moved(1, 3, "a", finished=False)
    assert run("a", lambda: True) == Moved(1, 4, "b", finished=True)


def test_the_command_calls_until_all_is_moved_and_adds_up() -> None:
    """Given calls that fail or do one customer each, when moved, then all are, and are counted."""
    moves = FakeMoves({"a": 3, "b": 4, "c": 1_000})
    out, waits = io.StringIO(), list[float]()
    functions = Functions(MoveUsage(moves, "clickhouse"), failures=2)
    assert command.move_usage(cloud(functions), out, seconds=1e-9, sleep=waits.append) == 0
    assert set(moves.homes.values()) == {"clickhouse"}
    assert out.getvalue().splitlines()[-1] == "✓ to clickhouse: 3 customers, 1,007 rows"
    assert waits == [2.0, 4.0]


def test_the_command_gives_up_on_what_goes_on_failing() -> None:
    """Given a function that goes on failing, when moved, then the command stops with the reason."""
    functions = Functions(MoveUsage(FakeMoves({}), "postgres"), failures=100)
    with pytest.raises(OperateError, match="no answer"):
        command.move_usage(cloud(functions), io.StringIO(), sleep=lambda _: None)


def test_a_place_that_is_no_text_is_refused() -> None:
    """Given a call with a number for the last customer, when it runs, then the parameter is named."""
    with pytest.raises(InvalidParameterError):
        move_usage({"after": 1}, timed_context(), MoveUsage(FakeMoves({}), "postgres"))
