"""Subscription schedules of the API versions from 2025-03-31.basil on, with lists of discounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.schedules import (
    PhaseDiscount,
    PhaseItem,
    SchedulePhase,
    ScheduleStatus,
    SubscriptionSchedule,
)

if TYPE_CHECKING:
    from billing.adapters.stripe.reading import Node


def read_schedule(schedule: Node) -> SubscriptionSchedule:
    """Return the snapshot.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    schedule.expect("object", "subscription_schedule")
    current = schedule.optional_node("current_phase")
    return SubscriptionSchedule(
        id=schedule.text("id"),
        livemode=schedule.flag("livemode"),
        created=schedule.instant("created"),
        customer=schedule.reference("customer"),
        status=schedule.choice("status", ScheduleStatus),
        subscription=schedule.optional_reference("subscription"),
        released_subscription=schedule.optional_text("released_subscription"),
        end_behavior=schedule.text("end_behavior"),
        current_phase_start=None if current is None else current.instant("start_date"),
        current_phase_end=None if current is None else current.instant("end_date"),
        canceled_at=schedule.optional_instant("canceled_at"),
        completed_at=schedule.optional_instant("completed_at"),
        released_at=schedule.optional_instant("released_at"),
        phases=tuple(_phase(phase) for phase in schedule.nodes("phases")),
    )


def _phase(phase: Node) -> SchedulePhase:
    return SchedulePhase(
        start_date=phase.instant("start_date"),
        end_date=phase.instant("end_date"),
        trial_end=phase.optional_instant("trial_end"),
        currency=phase.currency("currency"),
        collection_method=phase.optional_text("collection_method"),
        proration_behavior=phase.text("proration_behavior"),
        items=tuple(_item(item) for item in phase.nodes("items")),
        add_invoice_items=tuple(_item(item) for item in phase.nodes("add_invoice_items")),
        discounts=tuple(
            PhaseDiscount(
                coupon=discount.optional_reference("coupon"),
                promotion_code=discount.optional_reference("promotion_code"),
                discount=discount.optional_reference("discount"),
            )
            for discount in phase.nodes("discounts")
        ),
    )


def _item(item: Node) -> PhaseItem:
    # A metered price has no quantity, and Stripe leaves the member out.
    return PhaseItem(item.reference("price"), item.integer("quantity") if item.has("quantity") else None)
