"""JSON logs and EMF metrics for every function: nothing personal, nothing secret, nothing at import.

What may be logged: ids (request, Stripe event, Stripe object), types, verdicts, counts, milliseconds,
names of error classes. Error messages of vendors stay out, because a database or an SDK may quote
the row or the request in them.
"""

from __future__ import annotations

import sys
import traceback
from functools import cache, wraps
from logging import StreamHandler
from os import environ
from typing import TYPE_CHECKING, TextIO

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics

from billing.domain.errors import BillingError
from billing.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from aws_lambda_powertools.utilities.typing import LambdaContext

    type Handler[Answer] = Callable[[Any, LambdaContext], Answer]

_NAMESPACE = "Billing"


class UnexpectedError(Exception):
    """Stands for an unforeseen error; names its class only, as Lambda prints what a handler raises."""


class _Stdout(StreamHandler[TextIO]):
    """Writes to what sys.stdout is now, not to what it was when the logger was made."""

    @property
    def stream(self) -> TextIO:
        return sys.stdout

    @stream.setter
    def stream(self, _: TextIO) -> None:
        """Take what StreamHandler sets, and leave it."""


@cache
def logger() -> Logger:
    """Return the function's logger; service and level come from POWERTOOLS_SERVICE_NAME and _LOG_LEVEL."""
    return Logger(logger_handler=_Stdout(), utc=True, use_rfc3339=True)


@cache
def metrics() -> Metrics:
    """Return the function's metrics; namespace and service come from the POWERTOOLS_* environment."""
    return Metrics(namespace=environ.get("POWERTOOLS_METRICS_NAMESPACE") or _NAMESPACE)


def count(name: str, value: int = 1) -> None:
    """Add `value` to a counter of this invocation; it is written when the handler ends."""
    metrics().add_metric(name=name, unit="Count", value=value)


def failure(error: BaseException) -> dict[str, str]:
    """Return what may be logged of an error: its class, its cause's class, and where it came from.

    `where` is the last frame as file:line, without paths.
    """
    facts = {"error": type(error).__name__}
    cause = error.__cause__ or error.__context__
    if cause is not None:
        facts["cause"] = type(cause).__name__
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        facts["where"] = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}"
    return facts


def observed[Answer](handler: Handler[Answer]) -> Handler[Answer]:
    """Wrap a Lambda handler: request ids on every line, ColdStart counted, metrics written at the end.

    Keys that one invocation appends to the logger are gone in the next. An error leaves as it is
    when it is ours, whose messages are safe, and as UnexpectedError when it is not: Lambda prints
    it. Metrics are written in every case.
    """
    started: list[bool] = []

    def counted(event: Any, context: LambdaContext) -> Answer:
        try:
            if not started:
                started.append(True)
                metrics().provider.add_cold_start_metric(context)
            return handler(event, context)
        except (BillingError, SettingsError) as error:
            _unhandled(error)
            raise
        except Exception as error:  # noqa: BLE001 - the last handler: what leaves is printed, so it is named only
            _unhandled(error)
            raise UnexpectedError(type(error).__name__) from None
        finally:
            if metrics().metric_set:
                metrics().flush_metrics()

    @wraps(handler)
    def wrapper(event: Any, context: LambdaContext) -> Answer:
        answer: Answer = logger().inject_lambda_context(counted, log_event=False, clear_state=True)(
            event, context
        )
        return answer

    return wrapper


def _unhandled(error: Exception) -> None:
    count("UnhandledErrors")
    logger().error("the handler failed", extra=failure(error))
