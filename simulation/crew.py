"""Workers as threads of which one at a time runs, from one step to the next, as the world chooses."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import stripe as stripe_sdk

from billing.adapters.postgres.connection import Database
from billing.adapters.postgres.mirror import PostgresMirror
from billing.adapters.stripe.events import read_event
from billing.domain.errors import UnavailableError
from billing.entrypoints.event_batch import EventBatch
from billing.entrypoints.observability import metrics
from billing.use_cases.apply_stripe_event import ApplyStripeEvent
from simulation.actions import CALLS_MIRROR, Fault
from simulation.stripe import VirtualConnection, VirtualStripeObjects

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from billing.adapters.postgres.connection import Credentials
    from billing.domain.mirror import MalformedEvent, StripeEvent
    from billing.settings import DatabaseSettings
    from billing.use_cases.mirror_ports import Mirror, StripeObjects
    from simulation.stripe import Told, VirtualStripe

_FORESEEN = ("UnavailableError", "ContentionError")
_PATIENCE = 60.0
"""Seconds after which a worker that does not come back is taken for hanging."""


class CrashedError(BaseException):
    """The process of a worker has ended here. No `except Exception` may hold it up."""


@dataclass(frozen=True, slots=True)
class Handed:
    """One delivery: the event, and how often it has been delivered now."""

    event: Told
    attempt: int


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a delivery: when it is done, the queue may forget it."""

    handed: Handed
    is_done: bool


def _closed() -> threading.Lock:
    """Return a gate that one thread passes each time another opens it."""
    gate = threading.Lock()
    gate.acquire()
    return gate


type Mutation = Callable[[Mirror], Mirror]


class _SteppedMirror:
    """Every method of the mirror, each a step."""

    def __init__(self, mirror: Mirror, worker: Worker) -> None:
        self._mirror = mirror
        self._worker = worker

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._mirror, name)

        def step(*given: Any, **named: Any) -> Any:
            self._worker.turn(f"{CALLS_MIRROR}{name}")
            answer = method(*given, **named)
            match self._worker.fault:
                case Fault.LOST:
                    raise UnavailableError("database")
                case Fault.REPEATED:
                    # As Database does when its connection is found dead, which may be after the commit.
                    return method(*given, **named)
                case _:
                    return answer

        return step


class _Noting(ApplyStripeEvent):
    """The use case; what it did not foresee is a finding."""

    def __init__(self, mirror: Mirror, stripe: StripeObjects, findings: list[str]) -> None:
        super().__init__(mirror, stripe, livemode=False)
        self._findings = findings

    def failed(self, event: StripeEvent | MalformedEvent, reason: str) -> None:
        """Keep the failure as the use case does."""
        if not reason.startswith(_FORESEEN):
            self._findings.append(f"{event.type} failed: {reason}")
        super().failed(event, reason)


class Worker:
    """One worker: a process of the function with a connection of its own.

    `mutate` lets a test put a bug around the mirror. The worker's thread runs only between `go` and its next
    step; `at` says which step that is, None where it has nothing to do.
    """

    def __init__(
        self,
        name: str,
        settings: DatabaseSettings,
        credentials: Credentials,
        stripe: VirtualStripe,
        mutate: Mutation,
    ) -> None:
        self.name = name
        self.at: str | None = None
        self.fault = Fault.NONE
        self.batch: tuple[Handed, ...] = ()
        self.ended: list[Ended] = []
        self.findings: list[str] = []
        self._credentials = credentials
        self._stripe = stripe
        self._mutate = mutate
        self._started, self._stopped = _closed(), _closed()
        self._over = False
        self._crashed = False
        self._database = Database(settings, self._sign_in, application_name=name)
        self._apply = self._process()
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._thread.start()

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a batch."""
        return self.at is None

    def receive(self, batch: tuple[Handed, ...]) -> None:
        """Give it a batch, and let it run to its first step."""
        self.batch = batch
        self.ended = []
        self._hand_over()
        self.wait()

    def go(self, fault: Fault = Fault.NONE) -> None:
        """Let it do its next step; `wait` returns when it has."""
        self.fault = fault
        self._hand_over()

    def wait(self) -> None:
        """Return when it stands before its next step, or is idle.

        Raises
        ------
        RuntimeError
            It hangs.
        """
        if not self._stopped.acquire(timeout=_PATIENCE):
            raise RuntimeError(f"{self.name} hangs in: {self.at}")
        self.fault = Fault.NONE

    def is_back(self) -> bool:
        """Return whether `wait` would return at once."""
        return not self._stopped.locked()

    def take_crash(self) -> bool:
        """Return whether it has crashed; a new process stands in its place then.

        It goes on with the session of the old one, as behind a pooler, if that was not closed as well.
        """
        if not self._crashed:
            return False
        self._crashed = False
        self._apply = self._process()
        return True

    def begin(self, stripe: VirtualStripe) -> None:
        """Start a process for another world, on the connection at hand."""
        self.findings.clear()
        self._stripe = stripe
        self._apply = self._process()

    def disconnect(self) -> None:
        """Close its connection; the next statement opens another."""
        self._database.close()

    def close(self) -> None:
        """End its thread and its connection."""
        self._over = True
        self._started.release()
        self._thread.join(_PATIENCE)
        self._database.close()

    def turn(self, what: str) -> None:
        """Stand before a step until it is this worker's turn."""
        self.at = what
        self._stopped.release()
        self._started.acquire()
        if self._is_over():
            raise CrashedError
        match self.fault:
            case Fault.CRASH:
                raise CrashedError
            case Fault.NO_STRIPE if "Stripe" in what:
                raise stripe_sdk.APIConnectionError("no answer")  # type: ignore[no-untyped-call] # the SDK's

    def _is_over(self) -> bool:
        return self._over

    def _hand_over(self) -> None:
        self._started.release()

    def _process(self) -> ApplyStripeEvent:
        mirror = cast("Mirror", _SteppedMirror(PostgresMirror(self._database), self))
        stripe = VirtualStripeObjects(VirtualConnection(self._stripe, self.turn))
        return _Noting(self._mutate(mirror), stripe, self.findings)

    def _sign_in(self, _: bool) -> Credentials:
        if self.fault is Fault.KILLED_AND_CRASHED:
            raise CrashedError  # its connection is gone, and it does not live to open another
        return self._credentials

    def _live(self) -> None:
        while True:
            self._started.acquire()
            if self._is_over():
                return
            try:
                ended = self._invoked()
                self.turn("acknowledges its batch")
                self.ended = ended
            except CrashedError:
                if self._is_over():
                    return
                self._crashed = True
            self.at = None
            self._stopped.release()

    def _invoked(self) -> list[Ended]:
        """Return what the function leaves on the queue of its batch, and what not."""
        records = [
            {
                "messageId": str(place),
                "receiptHandle": str(place),
                "body": handed.event.body,
                "attributes": {
                    "ApproximateReceiveCount": str(handed.attempt),
                    "SentTimestamp": str(int(self._stripe.now * 1000)),
                },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
            }
            for place, handed in enumerate(self.batch)
        ]
        # The records of its first filter are away: every copy comes to the inbox.
        function = EventBatch(read_event, self._apply, lambda _event, _known: None, None, lambda _: None)
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)
        answer = function({"Records": records}, cast("LambdaContext", context))
        metrics().clear_metrics()
        failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
        return [Ended(handed, str(place) not in failed) for place, handed in enumerate(self.batch)]
