"""Plays as many worlds as it takes, one process a core, and tells how it went."""

from __future__ import annotations

import multiprocessing
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING

from local.progress import Progress
from simulation.play import Theatre
from simulation.server import running_server
from simulation.shrink import Shrinker
from simulation.story import story

if TYPE_CHECKING:
    from collections.abc import Iterable
    from multiprocessing.queues import Queue

    from simulation.play import Plan

_PROJECT = Path(__file__).parents[1]
_PATIENCE = 300.0
"""Seconds without a word of any shard, after which the run is given up."""

_MEGABYTE = 1024


@dataclass(frozen=True, slots=True)
class Played:
    """What a shard tells of one world; `failure` is the story of one that failed, `memory` its peak in MB."""

    shard: int
    events: int
    deliveries: int
    swept: int
    counts: Counter[str]
    memory: int
    failure: str | None = None


class _Word(Enum):
    """What else a shard says."""

    READY = auto()
    DONE = auto()


type Said = Played | _Word | str


@dataclass(slots=True)
class Total:
    """The sum over all worlds."""

    worlds: int = 0
    events: int = 0
    deliveries: int = 0
    swept: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    memory: dict[int, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, played: Played) -> None:
        """Count a world."""
        self.worlds += 1
        self.events += played.events
        self.deliveries += played.deliveries
        self.swept += played.swept
        self.counts += played.counts
        self.memory[played.shard] = max(self.memory.get(played.shard, 0), played.memory)
        if played.failure is not None:
            self.failures.append(played.failure)


def simulate(plan: Plan, events: int, shards: int, *, first: int = 0) -> int:
    """Play worlds from `first` on until so many events were made; return the exit status, 1 if one failed."""
    progress = Progress()
    progress.say(f"seed {plan.seed} · {events:,} events · {shards} processes · commit {_commit()}")
    total, began = Total(), time.monotonic()
    with progress.step("simulation") as step:
        tenths = 0
        for played in _all(plan, events, shards, first):
            if played is None:
                began = time.monotonic()  # what takes no part in the rate: making the servers
                continue
            total.add(played)
            rate = total.events / (time.monotonic() - began)
            step.note = (
                f"{min(total.events / events, 1):4.0%} · {total.events:,} events · {rate:,.0f}/s"
                f" · {max(events - total.events, 0) / rate:,.0f} s to go"
            )
            if total.events * 10 // events > tenths:
                tenths = total.events * 10 // events
                progress.say(step.line("·"))
            if total.failures:
                break
    progress.say(_summary(plan, total, time.monotonic() - began))
    for failure in total.failures:
        progress.say(failure)
    return 1 if total.failures else 0


def _summary(plan: Plan, total: Total, seconds: float) -> str:
    wrong = ", ".join(
        f"{count:,} times {what}" for what, count in sorted(total.counts.items()) if what != "calls"
    )
    memory = ", ".join(f"{peak} MB" for _, peak in sorted(total.memory.items()))
    verdict = "the mirror differs from Stripe" if total.failures else "the mirror is Stripe's state"
    return (
        f"{verdict}: {total.events:,} events of {total.counts['calls']:,} calls in {total.worlds:,} worlds\n"
        f"{total.deliveries:,} deliveries · {total.swept:,} events found by the sweep\n"
        f"{wrong or 'nothing went wrong'}\n"
        f"{seconds:,.0f} s · {total.events / seconds:,.0f} events/s · peak memory of each process: {memory}\n"
        f"seed {plan.seed} · commit {_commit()}"
    )


def _all(plan: Plan, events: int, shards: int, first: int) -> Iterable[Played | None]:
    """Yield None when all shards are ready, and the worlds as they end; whoever stops asking ends them."""
    context = multiprocessing.get_context("spawn")
    queue: Queue[Said] = context.Queue()
    share = -(-events // shards)
    processes = [
        context.Process(target=_shard, args=(plan, share, shard, range(first + shard, 10**9, shards), queue))
        for shard in range(shards)
    ]
    for process in processes:
        process.start()
    left, starting = shards, shards
    try:
        while left:
            try:
                said = queue.get(timeout=_PATIENCE)
            except Empty:
                raise RuntimeError(f"no shard said a word for {_PATIENCE:.0f} s") from None
            if isinstance(said, str):
                raise RuntimeError(f"a shard failed:\n{said}")  # noqa: TRY004 - not about a type
            if said is _Word.READY:
                starting -= 1
                if not starting:
                    yield None
            elif said is _Word.DONE:
                left -= 1
            else:
                yield said
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _shard(plan: Plan, share: int, shard: int, numbers: range, queue: Queue[Said]) -> None:
    """Play this shard's worlds on a server of its own: the death of a shared one would hit the other shards'
    worlds at moments that no seed knows.
    """  # noqa: D205 - one sentence
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C reaches the parent too, which says when to end
    signal.signal(signal.SIGTERM, _end)
    state = Path(tempfile.mkdtemp(prefix="billing-simulation-"))
    state.chmod(0o755)  # PostgreSQL's account must get through; what is private in there says so itself
    try:
        with running_server(state, lambda _: None) as server:
            theatre = Theatre(server)
            queue.put(_Word.READY)
            made = 0
            for number in numbers:
                parent = multiprocessing.parent_process()
                if made >= share or parent is None or not parent.is_alive():
                    break
                played = play(theatre, plan, number, shard)
                made += played.events
                queue.put(played)
            theatre.close()
        queue.put(_Word.DONE)
    except Exception as error:  # noqa: BLE001 - told to the parent, which raises it
        import traceback  # noqa: PLC0415 - only then

        queue.put("".join(traceback.format_exception(error)))
    finally:
        # All is told, and what is left is to leave: a signal would only cut that short.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        shutil.rmtree(state, ignore_errors=True)


def _end(*_: object) -> None:
    """End in good order: the server of this shard is to go with it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(1)


def play(theatre: Theatre, plan: Plan, number: int, shard: int = 0) -> Played:
    """Play one world; one that fails is made shorter and told."""
    result = theatre.play(plan, number)
    failure = None
    if result.differences:
        failure = story(plan.seed, number, result, Shrinker(theatre.replay)(result.script))
    return Played(
        shard,
        result.events,
        result.deliveries,
        result.swept,
        result.counts,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // _MEGABYTE,
        failure,
    )


def _commit() -> str:
    """Return the commit that is checked out, and whether anything differs from it."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=_PROJECT, check=False, capture_output=True, text=True)  # noqa: S607 - the project's
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if changed else "")
