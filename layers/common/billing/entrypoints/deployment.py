"""The migrate function: a custom resource of the deploy, and a command for operators.

As a custom resource it answers CloudFormation at the event's ResponseURL, whatever happens: a
deploy that hears nothing waits for an hour. As a command it takes {"action": "up"}, {"action":
"status"} or {"action": "down", "to": 3} and returns what it did.

Source: AWS CloudFormation, "Custom resource response objects".
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from billing.domain.errors import BillingError, InvalidParameterError, UnavailableError
from billing.domain.schema import SchemaError
from billing.entrypoints.observability import count, failure, logger
from billing.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from billing.use_cases.migrate_schema import MigrateSchema

    type Report = dict[str, object]

_TRIES = 3
_TIMEOUT_SECONDS = 10
_REASON_LIMIT = 2000
_SHOWN = (BillingError, SchemaError, SettingsError)


def deploy(event: Mapping[str, Any], migrate: Callable[[], MigrateSchema]) -> Report:
    """Migrate for the deploy, or for an operator; return what was done.

    Raises
    ------
    InvalidParameterError
        An operator's `action` or `to` is not one that exists.
    SchemaError
        The migrations and the database do not fit together.
    UnavailableError
        The database, the secrets or CloudFormation do not answer.
    """
    if "RequestType" not in event:
        return _command(event, migrate)
    try:
        # Deleting the stack deletes no data: the database is the operator's.
        applied = [] if event["RequestType"] == "Delete" else list(migrate().up())
    except Exception as error:
        count("MigrationsFailed")
        logger().error("the migration failed", extra=failure(error))
        reason = str(error) if isinstance(error, _SHOWN) else f"{type(error).__name__}; see the log"
        _answer(event, {"Status": "FAILED", "Reason": reason[:_REASON_LIMIT]})
        raise
    count("MigrationsApplied", len(applied))
    logger().info("migrated", extra={"applied": applied})
    _answer(event, {"Status": "SUCCESS"})
    return {"applied": applied}


def _command(event: Mapping[str, Any], migrate: Callable[[], MigrateSchema]) -> Report:
    match dict(event):
        case {"action": "up", **rest} if not rest:
            return {"applied": list(migrate().up())}
        case {"action": "down", "to": int(to), **rest} if not rest and not isinstance(to, bool):
            return {"rolled_back": list(migrate().down(to))}
        case {"action": "status", **rest} if not rest:
            status = migrate().status()
            return {
                "applied": list(status.applied),
                "pending": list(status.pending),
                "drift": list(status.drift),
            }
    raise InvalidParameterError("action", "up, status, or down with the number to go back to")


def _answer(event: Mapping[str, Any], outcome: Mapping[str, str]) -> None:
    body = {
        "PhysicalResourceId": event.get("PhysicalResourceId", "schema"),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        **outcome,
    }
    # CloudFormation signs the URL for an empty content type.
    request = Request(  # noqa: S310 -- the URL is CloudFormation's
        event["ResponseURL"], json.dumps(body).encode(), {"Content-Type": ""}, method="PUT"
    )
    for attempt in range(_TRIES):
        try:
            with urlopen(request, timeout=_TIMEOUT_SECONDS):  # noqa: S310 -- the URL is CloudFormation's
                return
        except (URLError, TimeoutError) as error:
            logger().warning("CloudFormation did not take the answer", extra=failure(error))
            time.sleep(2**attempt)
    raise UnavailableError("cloudformation")
