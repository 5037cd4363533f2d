"""Row e: the event of row a, through others who mirror Stripe into PostgreSQL."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from bench.harness import Result, Target, interleaved
from bench.peers.client import apply_events
from bench.peers.known import ready_peers
from bench.peers.statements import statements_per_event
from bench.peers.stripe_stub import running_stub
from bench.rows.events import applied
from bench.world import running_postgres
from billing.adapters.postgres.connection import connect
from local.postgres import DATABASE, SUPERUSER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.harness import Run
    from bench.peers.client import Peer
    from bench.peers.stripe_stub import StripeStub
    from bench.world import World

_TARGET = Target("ratio", 0.65)


def measure(run: Run) -> Iterator[Result]:
    """Yield p50 and events per second beside each peer's, and how many statements each sends.

    The peer that is the fastest at 8 clients has the target there.
    """
    with running_postgres(run) as world, running_stub() as stub:
        peers = {peer.key: peer for peer in ready_peers(run, world, stub.endpoint)}
        if not peers:
            return
        row = _Row(run, world, peers)
        run.say("counting statements")
        ours = statements_per_event(world, DATABASE, lambda events: row.ours(1, events))
        sent = {key: statements_per_event(world, key, row.one_client(key)) for key in peers}
        for key, calls in row.calls_per_event(stub).items():
            peers[key] = replace(peers[key], name=f"{peers[key].name}{_asks(calls)}")
        for clients in (1, 8):
            run.say(f"peers, {clients} at once")
            yield from row.at_once(clients)
        for key, peer in peers.items():
            yield Result("e", "invoice.paid, sent", "statements", ours, sent[key], peer.name)
        row.check()


class _Row:
    """Ours and the peers, and how many events each has been given."""

    def __init__(self, run: Run, world: World, peers: dict[str, Peer]) -> None:
        self._run = run
        self._world = world
        self._peers = peers
        self._numbers = itertools.count(1)
        self._given: Counter[str] = Counter()

    def ours(self, clients: int, each: int) -> tuple[float, float]:
        return applied(self._world, clients, each, self._numbers)

    def peer(self, key: str, clients: int, each: int) -> tuple[float, float]:
        peer = self._peers[key]
        self._given[key] += clients * (peer.warm_up + each)
        return apply_events(peer, self._run.scratch, clients, each, self._numbers)

    def one_client(self, key: str) -> Callable[[int], object]:
        return lambda events: self.peer(key, 1, events)

    def calls_per_event(self, stub: StripeStub) -> dict[str, float]:
        """Return how often each asks Stripe about one further event."""
        calls = {}
        for key, peer in self._peers.items():
            before = stub.calls
            self.peer(key, 1, 10)
            calls[key] = (stub.calls - before) / (peer.warm_up + 10)
        return calls

    def at_once(self, clients: int) -> Iterator[Result]:
        each = self._run.size(150 if clients == 1 else 50, 3)
        speeds: dict[str, list[float]] = {key: [] for key in ("ours", *self._peers)}

        def work(key: str) -> Callable[[], float]:
            def once() -> float:
                p50, speed = self.ours(clients, each) if key == "ours" else self.peer(key, clients, each)
                speeds[key].append(speed)
                return p50

            return once

        p50 = interleaved(self._run.size(5, 1), {key: work(key) for key in speeds})
        fastest = min(self._peers, key=p50.__getitem__)
        case = f"invoice.paid, {clients} client{'s' if clients > 1 else ''}"
        for key, peer in self._peers.items():
            target = _TARGET if clients > 1 and key == fastest else None
            yield Result("e", f"{case}, p50", "ms", p50["ours"], p50[key], peer.name, target)
            speed = median(speeds["ours"]), median(speeds[key])
            yield Result("e", case, "events/s", *speed, peer.name)

    def check(self) -> None:
        """Raise RuntimeError unless every peer's database holds every invoice that it was sent."""
        for key, peer in self._peers.items():
            login = self._world.logins[SUPERUSER]
            with connect(replace(self._world.settings, name=key), login) as connection:
                found = connection.execute(f"SELECT count(*) AS rows FROM {peer.stored}").fetchone()  # noqa: S608 - a table of known.py
            if found is None or found["rows"] != self._given[key]:
                raise RuntimeError(f"{peer.name} was sent {self._given[key]} invoices and has {found}")


def _asks(calls: float) -> str:
    return f", asks Stripe {calls:.0f} x an event" if calls else ""
