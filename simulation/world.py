"""One world: Stripe, the queue, the workers and the database, moved on by one action after the other."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg

from simulation.actions import CALLS_MIRROR, Ask, Cut, Deliver, Fault, Rush, Step, Stop, Turn
from simulation.check import differences
from simulation.crew import Handed
from simulation.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulation.actions import Action, Script
    from simulation.crew import Worker
    from simulation.server import Server
    from simulation.stripe import Told, VirtualStripe

_MOST_RECEIVES = 30
"""Deliveries of an event while things go wrong; the queue would put it aside then, and so does the world."""

_MOST_ATTEMPTS = 3
"""Deliveries of an event in the calm after its history, in which nothing goes wrong any more."""

_LATER = 600.0
"""Seconds after its last event that a world is swept: the sweep leaves young events to the webhook."""

_IN_FLIGHT = frozenset({Fault.KILLED, Fault.KILLED_AND_CRASHED})

type Source = Callable[["World"], "Action | None"]


@dataclass(frozen=True, slots=True)
class Result:
    """What a world came to: its script, and where the mirror differs from Stripe (nowhere, if all is well).

    `told` says of each event what it was about. `idle` holds the places of actions that did nothing, which a
    shorter script can do without.
    """

    script: Script
    differences: tuple[str, ...]
    events: int
    deliveries: int
    swept: int
    counts: Counter[str]
    told: Mapping[str, str]
    idle: frozenset[int]


class World:
    """Carries out actions. What cannot be done any more in a shortened script is left out without a word."""

    def __init__(self, server: Server, workers: list[Worker], stripe: VirtualStripe) -> None:
        self.stripe = stripe
        self.workers = workers
        self.is_up = True
        self.counts: Counter[str] = Counter()
        self._server = server
        self._attempts: Counter[str] = Counter()
        self._done: set[str] = set()
        self._new: list[str] = []
        self._returned: list[str] = []
        self._findings: list[str] = []

    @property
    def has_cut_connections(self) -> bool:
        """Whether workers may hold connections that are dead without their knowing."""
        return bool(self.counts["connections cut"] or self.counts["restarts of the database"])

    def take_new(self) -> list[str]:
        """Return the names of the events that Stripe made since this was last asked."""
        new, self._new = self._new, []
        return new

    def take_returned(self) -> list[str]:
        """Return the events that the queue is to deliver again, which came back since this was last asked."""
        returned, self._returned = self._returned, []
        return [name for name in returned if self._attempts[name] < _MOST_RECEIVES]

    def do(self, action: Action) -> bool:
        """Carry out an action; return whether it did anything."""
        match action:
            case Turn():
                did = self._turn(action)
            case Ask():
                did = self._ask(action)
            case Deliver():
                did = self._deliver(action)
            case Step():
                did = self._step(action)
            case Rush():
                did = self._rush(action)
            case Cut():
                did = self._cut(action)
            case Stop():
                did = self._stop(action)
            case _:
                did = self._start()
        return did

    def calm_down(self) -> int:
        """Let everything come to its end, nothing going wrong any more; return how many events were swept.

        What failed is delivered again, as the queue would. What was never delivered is found by the sweep
        over Stripe's list of events.
        """
        self._start()
        for number in range(len(self.workers)):
            self._finish(number)
        for name in [name for name in self._attempts if name not in self._done]:
            self._insist(name)
        self.stripe.now += _LATER
        missed = sweep(self.stripe, self._server)
        for name, body in missed.items():
            self._insist(name, body)
        return len(missed)

    def result(self, script: Script, swept: int, idle: frozenset[int]) -> Result:
        """Compare the mirror with Stripe, and return what came out."""
        unforeseen = [said for worker in self.workers for said in worker.findings]
        found = [*unforeseen, *self._findings, *differences(self.stripe, self._done, self._server.rows)]
        return Result(
            script,
            tuple(found),
            len(self.stripe.events),
            self._attempts.total(),
            swept,
            self.counts,
            {
                event.name: f"{event.type} of {self.stripe.called(event.object_id)}"
                for event in self.stripe.events.values()
            },
            idle,
        )

    def _turn(self, action: Turn) -> bool:
        before = self.stripe.versions[action.who]
        self.stripe.versions[action.who] = action.version
        if before != action.version:
            self.counts["changes of an API version"] += 1
        return before != action.version

    def _ask(self, action: Ask) -> bool:
        self.stripe.now += action.wait
        told = self.stripe.ask(action)
        if told is None:
            return False
        self.counts["calls"] += 1
        self._new += [event.name for event in told]
        return bool(told) or bool(action.wait)

    def _deliver(self, action: Deliver) -> bool:
        known = [self.stripe.events[name] for name in action.events if name in self.stripe.events]
        if not known:
            return False
        self._finish(action.worker)  # where a shortened script left out its last steps
        self.workers[action.worker].receive(tuple(self._handed(event) for event in known))
        return True

    def _handed(self, event: Told) -> Handed:
        self._attempts[event.name] += 1
        return Handed(event, self._attempts[event.name])

    def _step(self, action: Step) -> bool:
        worker = self.workers[action.worker]
        self.stripe.now += action.wait
        if worker.is_idle:
            return False
        strikes = action.fault.strikes(worker.at or "")
        if action.fault in _IN_FLIGHT and self.is_up:
            with self._server.held():
                worker.go(action.fault)
                strikes = self._server.settled(worker)
                if strikes:
                    self._server.cut(worker)
        else:
            worker.go(action.fault)
        if strikes:
            self.counts[f"worker {action.fault}"] += 1
        worker.wait()
        self._look_after(worker)
        return True

    def _rush(self, action: Rush) -> bool:
        busy = [self.workers[number] for number in action.workers if not self.workers[number].is_idle]
        # Those that wait for Stripe step alone: its answers are not to depend on who is quicker.
        together = [worker for worker in busy if worker.at is not None and worker.at.startswith(CALLS_MIRROR)]
        if not together:
            return False
        if not self.is_up:
            return self._step(Step(action.workers[0]))
        with self._server.held():
            for worker in together:
                worker.go()
                self._server.settled(worker)
        for worker in together:
            worker.wait()
        for worker in together:
            self._look_after(worker)
        self.counts["rushes"] += 1
        return True

    def _cut(self, action: Cut) -> bool:
        if self.is_up:
            self._server.cut(self.workers[action.worker])
            self.counts["connections cut"] += 1
        return self.is_up

    def _stop(self, action: Stop) -> bool:
        if not self.is_up:
            return False
        worker = None if action.worker is None else self.workers[action.worker]
        if worker is None or worker.is_idle:
            self._server.die()
        else:
            self._die_under(worker)
        self.is_up = False
        self.counts["restarts of the database"] += 1
        return True

    def _die_under(self, worker: Worker) -> None:
        try:
            with self._server.held():
                worker.go()
                self._server.settled(worker)
                self._server.die()
        except psycopg.Error:
            self._server.close()  # the lock went with the server
        worker.wait()
        self._look_after(worker)

    def _start(self) -> bool:
        if self.is_up:
            return False
        self._server.revive()
        self.is_up = True
        return True

    def _finish(self, number: int) -> None:
        worker = self.workers[number]
        while not worker.is_idle:
            worker.go()
            worker.wait()
            self._look_after(worker)

    def _look_after(self, worker: Worker) -> None:
        """Settle with the queue what a worker has just ended, or left undone as it died."""
        if not worker.is_idle:
            return
        if worker.take_crash():
            # Nothing was acknowledged, whatever was done: all of the batch comes again.
            self.counts["crashes"] += 1
            self._returned += [handed.event.name for handed in worker.batch]
        for ended in worker.ended:
            name = ended.handed.event.name
            if ended.is_done:
                self._done.add(name)
            else:
                self._returned.append(name)
        worker.batch, worker.ended = (), []

    def _insist(self, name: str, body: str | None = None) -> None:
        """Deliver an event until it is done, as Stripe's list tells it if that is how it came."""
        event = self.stripe.events[name]
        for _ in range(_MOST_ATTEMPTS):
            self.workers[0].receive((self._handed(event if body is None else replace(event, body=body)),))
            self._finish(0)
            if name in self._done:
                return
        self._findings.append(f"{self.stripe.events[name].type} {name} is never done")
