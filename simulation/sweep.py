"""The sweep over Stripe's list of events, run in a world: the real one, on a queue that only notes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from billing.adapters.postgres.sweeps import PostgresSweepLog
from billing.adapters.stripe.event_list import StripeEventList
from billing.adapters.stripe.event_types import DELETION_TYPES, SNAPSHOT_TYPES
from billing.use_cases.sweep_stripe_events import SweepStripeEvents
from simulation.stripe import VirtualConnection

if TYPE_CHECKING:
    from simulation.server import Server
    from simulation.stripe import VirtualStripe


class _Queue:
    def __init__(self) -> None:
        self.bodies: list[str] = []

    def put(self, body: str, *, is_missing: bool = False) -> None:  # noqa: ARG002 - the port's
        self.bodies.append(body)


def sweep(stripe: VirtualStripe, server: Server) -> dict[str, str]:
    """Return the events that the sweep puts on the queue, by their names, in its order and as listed."""
    queue = _Queue()
    SweepStripeEvents(
        StripeEventList(VirtualConnection(stripe)),
        queue,
        PostgresSweepLog(server.sweeper),
        lambda: datetime.fromtimestamp(stripe.now, UTC),
        types=[*SNAPSHOT_TYPES, *DELETION_TYPES],
        livemode=False,
    )(lambda: True)
    names = {event.id: event.name for event in stripe.events.values()}
    return {names[json.loads(body)["id"]]: body for body in queue.bodies}
