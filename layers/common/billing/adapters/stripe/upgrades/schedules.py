"""Subscription schedules of older API versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from billing.adapters.stripe.upgrades.members import renamed, with_absent

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.adapters.stripe.upgrades.members import Members


def schedule_in_2020(schedule: Members) -> Members:
    """Make items of the plans of each phase, and prices of their plans."""
    return _with_phases(schedule, _phase_in_2020)


def schedule_in_basil(schedule: Members) -> Members:
    """Make a list of each phase's coupon, and of the coupons of what is charged when it begins."""
    return _with_phases(schedule, _phase_in_basil)


def _phase_in_2020(phase: Members) -> Members:
    changed = renamed(phase, items="plans")
    items = changed.get("items")
    if not isinstance(items, list):
        return changed
    return {**changed, "items": [_item(one) if isinstance(one, dict) else one for one in items]}


def _item(item: Members) -> Members:
    # A metered plan had a quantity of null.
    told = {name: value for name, value in item.items() if name != "quantity" or value is not None}
    return renamed(told, price="plan")


def _phase_in_basil(phase: Members) -> Members:
    changed = with_absent(phase, add_invoice_items=[])
    if "discounts" in changed or "coupon" not in changed:
        return changed
    coupon = changed["coupon"]
    told = [] if coupon is None else [{"coupon": coupon, "discount": None, "promotion_code": None}]
    return {**changed, "discounts": told}


def _with_phases(schedule: Members, change: Callable[[Members], Members]) -> Members:
    phases = schedule.get("phases")
    if not isinstance(phases, list):
        return schedule
    changed = [change(cast("Members", one)) if isinstance(one, dict) else one for one in phases]
    return {**schedule, "phases": changed}
