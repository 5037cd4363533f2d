from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from billing.domain.errors import UnavailableError
from billing.entrypoints.observability import UnexpectedError, count, failure, logger, observed
from tests.support.lambdas import lambda_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext


@pytest.fixture
def lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[dict[str, Any]]]:
    """Return what reads the lines that were written since it was last called."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "function-under-test")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Billing")
    return lambda: [json.loads(text) for text in capsys.readouterr().out.splitlines()]


def test_every_line_has_the_request_id_and_only_its_own_keys(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    """Given a key appended in one invocation, when the next one logs, then the key is gone."""

    @observed
    def handler(event: str, _: LambdaContext) -> None:
        logger().info(event)
        logger().append_keys(leaked=event)

    handler("first", lambda_context())
    handler("second", lambda_context())
    first, second = [line for line in lines() if line.get("message") in {"first", "second"}]
    assert first["function_request_id"] == second["function_request_id"] == lambda_context().aws_request_id
    assert "leaked" not in second


def test_a_cold_start_is_counted_once(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """Given a new handler, when it runs twice, then one ColdStart is written with the function's name."""

    @observed
    def handler(_: object, __: LambdaContext) -> int:
        return 7

    assert [handler(None, lambda_context()), handler(None, lambda_context())] == [7, 7]
    starts = [line for line in lines() if "ColdStart" in line]
    assert [(start["ColdStart"], start["function_name"]) for start in starts] == [
        ([1.0], "function-under-test")
    ]


def test_metrics_are_written_when_the_handler_fails(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """Given a handler that counts and fails, when it ends, then its counters and the failure are written."""

    @observed
    def handler(_: object, __: LambdaContext) -> None:
        count("Things", 3)
        raise ValueError("canary")

    with pytest.raises(UnexpectedError):
        handler(None, lambda_context())
    [written] = [line for line in lines() if "Things" in line]
    assert (written["Things"], written["UnhandledErrors"]) == ([3.0], [1.0])


def test_a_foreign_error_leaves_without_its_message(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """Given an error that quotes a row, when it leaves the handler, then neither log nor error quote it."""

    @observed
    def handler(_: object, __: LambdaContext) -> None:
        raise ValueError("canary@example.com")

    with pytest.raises(UnexpectedError, match=r"^ValueError$") as caught:
        handler(None, lambda_context())
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    written = lines()
    assert "canary" not in json.dumps(written)
    [told] = [line for line in written if line.get("message") == "the handler failed"]
    assert (told["error"], told["where"].split(":")[0]) == ("ValueError", "test_observability.py")


def test_our_own_error_leaves_as_it_is() -> None:
    """Given an error of ours, whose message is safe, when it leaves the handler, then it is the same."""

    @observed
    def handler(_: object, __: LambdaContext) -> None:
        raise UnavailableError("database")

    with pytest.raises(UnavailableError):
        handler(None, lambda_context())


def test_a_failure_names_its_cause_without_messages() -> None:
    """Given an error with a cause, when its facts are asked for, then both classes are named, no message."""
    error = UnavailableError("database")
    error.__cause__ = ValueError("canary")
    facts = failure(error)
    assert (facts["error"], facts["cause"]) == ("UnavailableError", "ValueError")
    assert "canary" not in json.dumps(facts)
