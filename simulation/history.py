"""Chooses what happens next in a world: seeded, and with an eye on what is there to be hit."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

from simulation.actions import (
    CALLS_MIRROR,
    Ask,
    Cut,
    Deliver,
    Fault,
    Ref,
    Rush,
    Start,
    Step,
    Stop,
    Teller,
    Turn,
)
from simulation.calls import CALLS, SETTING, new_customer
from simulation.scene import Scene
from simulation.stripe import ANSWERED, has_route
from simulation.versions import NEW_VERSIONS, OLD_VERSIONS

if TYPE_CHECKING:
    from random import Random

    from local.stripe_standin.store import Json
    from simulation.actions import Action
    from simulation.scene import Kind
    from simulation.world import World

_KINDS = tuple(kind for kind in CALLS if has_route(kind.method, kind.pattern))

_TRIES = 4


@dataclass(frozen=True, slots=True)
class Style:
    """How one world goes; every world has its own, so that quiet and wild ones both occur.

    `pause` is the mean time between two calls in seconds, `backlog` how many deliveries may wait, `window`
    among how many of them the next is drawn, `batch` the most in one hand-over; the rest are probabilities:
    `old` that the account begins with an old API version, and moves on without its endpoint or with it.
    """

    events: int
    customers: int
    workers: int
    pause: float
    backlog: int
    window: int
    batch: int
    dropped: float
    repeated: float
    faults: float
    rushes: float
    outages: float
    old: float

    @classmethod
    def of(cls, random: Random, outages: float) -> Style:
        """Return a style; `outages` is the probability that the database dies once in a world."""
        return cls(
            events=random.randint(100, 400),
            customers=random.randint(1, 6),
            workers=random.randint(1, 6),
            pause=random.choice((0.02, 0.1, 0.3, 1.0)),
            backlog=random.choice((3, 10, 40, 150)),
            window=random.choice((1, 4, 20, 150)),
            batch=random.choice((1, 3, 10, 10)),
            dropped=random.choice((0.0, 0.02, 0.1, 0.3)),
            repeated=random.choice((0.0, 0.1, 0.3)),
            faults=random.choice((0.0, 0.002, 0.01, 0.03)),
            rushes=random.choice((0.0, 0.005, 0.02)),
            outages=outages,
            old=0.4,
        )


_FAULTS = (
    (Fault.CRASH, 4),
    (Fault.LOST, 3),
    (Fault.REPEATED, 3),
    (Fault.KILLED, 1),
    (Fault.KILLED_AND_CRASHED, 1),
    (Fault.NO_STRIPE, 4),
)


class History:
    """Makes the actions of one world until its events are made and delivered."""

    def __init__(self, random: Random, style: Style) -> None:
        self._random = random
        self._style = style
        self._calls = 0
        self._owners: dict[str, str] = {}
        self._alive: dict[str, list[str]] = {}
        self._gone: dict[str, list[str]] = {}
        self._named = 0
        self._last: str | None = None
        self._outage_at = random.randrange(style.events) if random.random() < style.outages else None
        self._down_for = 0
        self._seen = 0
        self._waiting: list[str] = []
        self._turns = self._versions()

    def next(self, world: World) -> Action | None:
        """Return the next action, None when everything was delivered that is not dropped."""
        self._notice(world)
        if not world.is_up:
            self._down_for -= 1
            if self._down_for <= 0:
                return Start()
        busy = [number for number, worker in enumerate(world.workers) if not worker.is_idle]
        idle = [number for number, worker in enumerate(world.workers) if worker.is_idle]
        making = self._seen < self._style.events
        if self._turns and self._seen >= self._turns[0][0]:
            return self._turns.pop(0)[1]
        if not (making or busy or self._waiting):
            return None
        if self._outage_at is not None and self._seen >= self._outage_at and world.is_up:
            self._outage_at = None
            self._down_for = self._random.choice((0, 3, 30))
            return Stop(self._random.choice([*busy, None]))
        calm = len(self._waiting) < self._style.backlog
        choices = [
            (3.0 if calm else 0.3) if making else 0.0,
            2.0 if idle and self._waiting else 0.0,
            4.0 if busy else 0.0,
        ]
        (what,) = self._random.choices((self._ask, self._deliver, self._step), choices)
        return what(world, idle, busy)

    def _versions(self) -> list[tuple[int, Turn]]:
        """Return the changes of API versions, each with after how many events it comes."""
        if not self._chance(self._style.old):
            return []
        old, pinned = self._random.choice(OLD_VERSIONS), self._random.choice(OLD_VERSIONS)
        first = [(0, Turn(Teller.ACCOUNT, old)), (0, Turn(Teller.ENDPOINT, pinned))]
        moves = [
            (self._random.randrange(self._style.events), Turn(who, self._random.choice(NEW_VERSIONS)))
            for who in Teller
            if self._chance(0.5)
        ]
        return [*first, *sorted(moves, key=itemgetter(0))]

    def _notice(self, world: World) -> None:
        """Put what Stripe sends, and what the queue delivers again, among what waits for delivery."""
        for event in world.take_new():
            self._seen += 1
            if self._random.random() < self._style.dropped:
                continue
            copies = 1
            while self._random.random() < self._style.repeated:
                copies += 1
            self._waiting += [event] * copies
        self._waiting += world.take_returned()

    def _ask(self, world: World, idle: list[int], busy: list[int]) -> Action:
        del idle, busy
        self._calls += 1
        setting = self._calls - 1
        if setting < len(SETTING):
            pattern, params = SETTING[setting]
            return Ask(self._calls, self._pause(), "POST", pattern, {}, params, owner=None)
        self._learn(world)
        customers = self._alive.get("customer", [])
        if len(set(customers) - world.stripe.gone) < self._style.customers:
            scene = Scene(self._random, "", {}, self._alive, 0)
            owner = f"customer@{self._calls}"
            self._owners[owner] = owner
            params = new_customer(scene)
            return Ask(self._calls, self._pause(), "POST", "/v1/customers", {}, params, owner=owner)
        kind, subject = self._chosen(world)
        whose = self._owners.get(subject)
        self._last = subject
        items = world.stripe.items_of(subject) if kind.on == "subscription" else 0
        names = {**self._alive, "its customer": [whose or ""]}
        params = kind.params(Scene(self._random, subject, world.stripe.look(subject) or {}, names, items))
        path: dict[str, Ref | str] = dict(kind.path)
        if kind.parameter is None:
            path[kind.pattern.partition("{")[2].partition("}")[0]] = Ref(subject)
        else:
            params = {**params, kind.parameter: Ref(subject)}
        return Ask(self._calls, self._pause(), kind.method, kind.pattern, path, params, whose)

    def _chosen(self, world: World) -> tuple[Kind, str]:
        """Return a call and its object; often one whose state is under way, or the one of the call before."""
        self._last = self._asked_for(world) or self._last
        if self._last is not None and self._chance(0.5):
            state = self._state(world, self._last)
            on = self._last.partition("@")[0]
            fitting = [kind for kind in _KINDS if kind.on == on and kind.fits(state)]
            if fitting:
                (kind,) = self._random.choices(fitting, [kind.weight for kind in fitting])
                return kind, self._last
        while True:
            (kind,) = self._random.choices(_KINDS, [kind.weight for kind in _KINDS])
            subjects = (self._gone if kind.revives else self._alive).get(kind.on, [])
            for subject in self._random.sample(subjects, min(_TRIES, len(subjects))):
                if kind.fits(self._state(world, subject)):
                    return kind, subject

    def _asked_for(self, world: World) -> str | None:
        """Return the object whose state Stripe has read and a worker has not got yet, if there is one."""
        for worker in world.workers:
            if worker.at is not None and worker.at.startswith(ANSWERED):
                known = filter(world.stripe.knows, worker.at.removeprefix(ANSWERED).split("/"))
                object_id = next(known, None)
                if object_id is not None and self._chance(0.3):
                    return world.stripe.name_of(object_id)
        return None

    def _state(self, world: World, name: str) -> Json | None:
        """Return the object as Stripe keeps it, None if it is gone; where it belongs is noted."""
        kind, is_gone = name.partition("@")[0], name in world.stripe.gone
        here, there = (self._gone, self._alive) if is_gone else (self._alive, self._gone)
        if name in there.get(kind, []):
            there[kind].remove(name)
            here.setdefault(kind, []).append(name)
        return None if is_gone else world.stripe.look(name)

    def _learn(self, world: World) -> None:
        """Learn what was made since the last call, and whose it is."""
        for name in list(world.stripe.names)[self._named :]:
            self._alive.setdefault(name.partition("@")[0], []).append(name)
            state = world.stripe.look(name) or {}
            # A refund and a dispute name no customer but the charge, which has one.
            about = state.get("customer") or state.get("charge")
            if name not in self._owners and about is not None and world.stripe.knows(str(about)):
                known = world.stripe.name_of(str(about))
                self._owners[name] = self._owners.get(known, known)
        self._named = len(world.stripe.names)

    def _deliver(self, world: World, idle: list[int], busy: list[int]) -> Action:
        size = min(self._random.randint(1, self._style.batch), len(self._waiting))
        batch = [self._waiting.pop(self._place(world, busy)) for _ in range(size)]
        return Deliver(self._random.choice(idle), tuple(batch))

    def _place(self, world: World, busy: list[int]) -> int:
        """Return which of the waiting events is next; often one that gets in the way of what is under way."""
        near = range(min(len(self._waiting), self._style.window))
        if self._style.rushes and busy and self._chance(0.3):
            told = world.stripe.events
            under_way = {handed.event.object_id for each in busy for handed in world.workers[each].batch}
            rivals = [place for place in near if told[self._waiting[place]].object_id in under_way]
            if rivals:
                return self._random.choice(rivals)
        return self._random.choice(near)

    def _step(self, world: World, idle: list[int], busy: list[int]) -> Action:
        worker = self._random.choice(busy)
        if not world.is_up:
            return Step(worker, self._tick())
        if len(busy) > 1 and self._random.random() < self._style.rushes:
            return Rush(tuple(self._random.sample(busy, self._random.randint(2, len(busy)))))
        if self._random.random() < self._style.faults:
            if idle and self._chance(0.2):
                return Cut(self._random.choice(idle))
            (fault,) = self._random.choices(*zip(*_FAULTS, strict=True))
            return Step(worker, self._tick(), fault)
        if (world.workers[worker].at or "").startswith(ANSWERED) and self._chance(0.2):
            return Step(worker, round(self._random.expovariate(1.0), 3))  # a slow answer of Stripe
        return Step(worker, self._tick())

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _pause(self) -> float:
        if self._chance(0.5):  # half of the calls follow at once
            return 0.0
        return round(self._random.expovariate(1 / self._style.pause), 3)

    def _tick(self) -> float:
        return 0.0 if self._chance(0.8) else round(self._random.expovariate(10), 3)


def _rivals(world: World, busy: list[int]) -> list[int]:
    """Return those of the busy workers whose batches are about one object; the first such object counts."""
    holders: dict[str, list[int]] = {}
    for number in busy:
        worker = world.workers[number]
        if worker.at is not None and worker.at.startswith(CALLS_MIRROR):
            for object_id in {handed.event.object_id for handed in worker.batch} - {None}:
                holders.setdefault(str(object_id), []).append(number)
    return next((numbers for _, numbers in sorted(holders.items()) if len(numbers) > 1), [])
