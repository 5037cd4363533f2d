"""What the API answers about usage, JSON-ready: the shapes of openapi.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.entrypoints.shapes import decimal, optional_decimal, optional_money, period, time

if TYPE_CHECKING:
    from billing.domain.usage import UsagePoint
    from billing.domain.usage_alerts import UsageAlert
    from billing.domain.usage_overview import MeterStanding
    from billing.domain.usage_plans import MeteredItem
    from billing.use_cases.get_current_usage import CurrentUsage
    from billing.use_cases.get_usage_history import UsageHistory

    type Json = dict[str, object]


def current_usage(found: CurrentUsage) -> Json:
    """Return the body of GET usage/current."""
    return {
        "period": period(found.period),
        "as_of": time(found.as_of),
        "currency": None if found.item is None else found.item.price.currency,
        "subscription": None if found.item is None else _subscription(found.item),
        "meters": [_standing(standing) for standing in found.meters],
    }


def usage_history(found: UsageHistory) -> Json:
    """Return the body of GET usage/history."""
    return {
        "meter": found.meter.name,
        "aggregation": found.meter.aggregation.value,
        "from": time(found.span.start),
        "to": time(found.span.end),
        "granularity": found.grain.value,
        "group_by": found.group_by,
        "data": [_point(point) for point in found.points],
    }


def _subscription(item: MeteredItem) -> Json:
    return {"id": item.subscription, "status": item.status}


def _standing(standing: MeterStanding) -> Json:
    percent = standing.percent
    return {
        "meter": standing.meter.name,
        "display_name": standing.meter.display_name,
        "aggregation": standing.meter.aggregation.value,
        "period": period(standing.period),
        "used": decimal(standing.used),
        "included": optional_decimal(standing.included),
        "remaining": optional_decimal(standing.remaining),
        "percent": None if percent is None else f"{percent:f}",
        "overage": optional_decimal(standing.overage),
        "overage_unit_amount": optional_decimal(standing.overage_price),
        "cost": optional_money(standing.cost),
        "projected": {
            "used": decimal(standing.projected_use),
            "cost": optional_money(standing.projected_cost),
        },
        "alerts": [_alert(alert) for alert in standing.alerts],
    }


def _alert(alert: UsageAlert) -> Json:
    return {
        "kind": alert.threshold.kind.value,
        "value": decimal(alert.threshold.value),
        "fired_at": time(alert.fired_at),
        "used": decimal(alert.used),
    }


def _point(point: UsagePoint) -> Json:
    (group,) = point.groups or (None,)
    return {"start": time(point.start), "group": group, "used": decimal(point.used)}
