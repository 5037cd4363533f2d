"""What is asked and answered about thresholds and alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.errors import InvalidParameterError
from billing.domain.usage_alerts import Threshold, ThresholdKind
from billing.domain.usage_events import RefusedEventError, quantity
from billing.entrypoints.json_body import json_body
from billing.entrypoints.problems import InvalidParametersError
from billing.entrypoints.shapes import decimal, optional_decimal, period, time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from billing.domain.usage_alerts import UsageAlert
    from billing.entrypoints.http import Request
    from billing.use_cases.get_alerts import AlertsOverview

MOST_THRESHOLDS = 50
_MEMBERS = {"meter", "kind", "value"}


def thresholds(request: Request) -> tuple[Threshold, ...]:
    """Return the thresholds of the body of PUT alerts.

    Raises
    ------
    BodyTooLargeError, UnsupportedMediaTypeError, MalformedBodyError
        The body cannot be read.
    InvalidParametersError
        It is not {"thresholds": [...]}, or one of them is malformed or there twice.
    """
    body = json_body(request)
    if not isinstance(body, dict) or set(body) != {"thresholds"} or not isinstance(body["thresholds"], list):
        raise InvalidParametersError(
            [InvalidParameterError("thresholds", "must be a list, and all there is")]
        )
    given = body["thresholds"]
    if len(given) > MOST_THRESHOLDS:
        raise InvalidParametersError(
            [InvalidParameterError("thresholds", f"must be at most {MOST_THRESHOLDS}")]
        )
    read: list[Threshold] = []
    errors: list[InvalidParameterError] = []
    for place, each in enumerate(given):
        try:
            threshold = _threshold(f"thresholds[{place}]", each)
        except InvalidParameterError as error:
            errors.append(error)
            continue
        if threshold in read:
            errors.append(InvalidParameterError(f"thresholds[{place}]", "is there twice"))
        read.append(threshold)
    if errors:
        raise InvalidParametersError(errors)
    return tuple(read)


def _threshold(place: str, given: object) -> Threshold:
    if not isinstance(given, dict) or set(given) != _MEMBERS:
        raise InvalidParameterError(place, "must have meter, kind and value, and nothing else")
    meter, kind = given["meter"], given["kind"]
    if type(meter) is not str:
        raise InvalidParameterError(f"{place}.meter", "must be the name of a meter")
    if type(kind) is not str or kind not in set(ThresholdKind):
        raise InvalidParameterError(f"{place}.kind", f"must be one of {', '.join(ThresholdKind)}")
    try:
        value = quantity(f"{place}.value", given["value"])
    except RefusedEventError as refused:
        raise InvalidParameterError(refused.field, refused.reason) from None
    if value <= 0:
        raise InvalidParameterError(f"{place}.value", "must be above zero")
    if kind == ThresholdKind.PROJECTED_COST and value != value.to_integral_value():
        raise InvalidParameterError(f"{place}.value", "must be an integer number of minor units")
    return Threshold(meter, ThresholdKind(kind), value)


def overview(found: AlertsOverview) -> Mapping[str, object]:
    """Return the body of GET and PUT alerts."""
    return {
        "default": not found.chose,
        "thresholds": [_shown(threshold) for threshold in found.thresholds],
        "alerts": [_alert(alert) for alert in found.fired],
    }


def _shown(threshold: Threshold) -> dict[str, object]:
    return {
        "meter": threshold.meter,
        "kind": threshold.kind.value,
        "value": decimal(threshold.value),
    }


def _alert(alert: UsageAlert) -> dict[str, object]:
    cost = None
    if alert.projected_cost is not None and alert.currency is not None:
        cost = {"amount": alert.projected_cost, "currency": alert.currency}
    return {
        **_shown(alert.threshold),
        "period": period(alert.period),
        "fired_at": time(alert.fired_at),
        "used": decimal(alert.used),
        "included": optional_decimal(alert.included),
        "projected_cost": cost,
    }
