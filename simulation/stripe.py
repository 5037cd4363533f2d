"""Stripe in a world: the stand-in's handlers without HTTP, with ids and a clock that can be had again."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from billing.adapters.stripe.client import StripeConnection
from billing.adapters.stripe.objects import StripeApi
from local.stripe_standin import API_VERSION
from local.stripe_standin.call import Call, ids_from
from local.stripe_standin.errors import StripeError
from local.stripe_standin.expand import expand
from local.stripe_standin.forms import nest
from local.stripe_standin.routes import HELPER_ROUTES, ROUTES
from local.stripe_standin.server import shown
from local.stripe_standin.store import Store
from simulation.actions import Ref, Teller
from simulation.versions import rendered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from local.stripe_standin.call import Handler
    from local.stripe_standin.store import Json
    from simulation.actions import Ask

_EPOCH = 1_700_000_000
_APART = 10_000
"""Seconds from world to world, which are more than one takes: the sweeps of a database go on in time."""

_HANDLERS: Mapping[tuple[str, str], Handler] = {
    (route.method, route.pattern): route.handler for route in (*ROUTES, *HELPER_ROUTES)
}
_READS = [
    (re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.pattern)), route)
    for route in ROUTES
    if route.method == "GET"
]

_ENDS = frozenset(
    {
        "coupon.deleted",
        "customer.deleted",
        "customer.discount.deleted",
        "invoice.deleted",
        "invoiceitem.deleted",
        "product.deleted",
    }
)
_BEGINS_ANEW = frozenset({"coupon.created", "product.created"})
"""What may happen to the id of an object that was deleted."""

ANSWERED = "has Stripe's answer on "
"""How the step of a worker begins that lies between Stripe's reading of a state and its arrival."""


def has_route(method: str, pattern: str) -> bool:
    """Return whether the stand-in has this endpoint."""
    return (method, pattern) in _HANDLERS


@dataclass(frozen=True, slots=True)
class Told:
    """An event of Stripe: its name in the world, and its JSON as it would be delivered."""

    name: str
    id: str
    type: str
    object_id: str | None
    body: str


class VirtualStripe:
    """One account of Stripe; `tag` (8 hexadecimal digits) is in every id, so that worlds do not meet.

    `now` is its clock, in Unix seconds with a fraction; whoever lets time pass adds to it. `gone` holds the
    names of the objects that Stripe deleted. `versions` says how events are told: to the endpoint, and in the
    account's list of them.
    """

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.store = Store(None, one_thread=False)
        self.now = float(_EPOCH + _APART * int(tag, 16))
        self.names: dict[str, str] = {}
        self.events: dict[str, Told] = {}
        self.gone: set[str] = set()
        self.versions = dict.fromkeys(Teller, API_VERSION)
        self._named: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._last_event = 0

    def close(self) -> None:
        """Forget everything."""
        self.store.close()

    def ask(self, call: Ask) -> list[Told] | None:
        """Return the events of a call, None if Stripe refused it or what it is about does not exist."""
        try:
            path = {name: str(self._resolved(ref)) for name, ref in call.path.items()}
            params = self._resolved(dict(call.params))
        except LookupError:
            return None
        seconds = int(self.now)
        asked = Call(store=self.store, path=path, params=params, clock=seconds, now=seconds)
        try:
            with ids_from(self._token):
                self._do(_HANDLERS[call.method, call.pattern], asked)
        except StripeError:
            return None
        return self._harvest(call.number)

    def get(self, path: str, query: Mapping[str, Any]) -> Json:
        """Return the answer to a reading call.

        Raises
        ------
        StripeError
            Stripe refuses it.
        """
        for pattern, route in _READS:
            found = pattern.fullmatch(path)
            if found is not None:
                params = route.params.read_all(nest(_pairs("", query)))
                paths = params.pop("expand", [])
                seconds = int(self.now)
                call = Call(self.store, found.groupdict(), params, clock=seconds, now=seconds)
                return expand(route.handler(call), paths, lambda object_id: shown(self.store, object_id))
        raise StripeError(f"Unrecognized request URL (GET: {path})", status=404)

    def look(self, name: str) -> Json | None:
        """Return the object of this name as Stripe keeps it, None if it is gone."""
        object_id = self.names.get(name)
        return None if object_id is None else self.store.find(object_id)

    def knows(self, object_id: str) -> bool:
        """Return whether an event was about the object."""
        return object_id in self._named

    def name_of(self, object_id: str) -> str:
        """Return the name of an object that an event was about."""
        return self._named[object_id]

    def called(self, object_id: str | None) -> str:
        """Return what to call an object in a message: its name in this world, or its id."""
        return self._named.get(object_id or "", str(object_id))

    def items_of(self, name: str) -> int:
        """Return how many items a subscription has."""
        return len(self.store.children("subscription_item", self.names[name]))

    def _do(self, handler: Handler, call: Call) -> None:
        refused = None
        with self.store.transaction():
            try:
                handler(call)
            except StripeError as error:
                if not error.keep:
                    raise
                refused = error  # a declined card: what was done before it stays done
        del refused

    def _token(self, size: int) -> str:
        return f"{self.tag}{next(self._numbers):0{2 * size - len(self.tag)}x}"

    def _harvest(self, number: int) -> list[Told]:
        rows = self.store.db.execute(
            "SELECT seq, body FROM objects WHERE kind = 'event' AND seq > ? ORDER BY seq", (self._last_event,)
        ).fetchall()
        told = []
        for place, (seq, body) in enumerate(rows):
            event = json.loads(body)
            about = event["data"]["object"]
            name = f"{number}.{place}"
            told.append(Told(name, event["id"], event["type"], about.get("id"), self._told(seq, event)))
            self._last_event = seq
            if about.get("id", "") not in self._named:
                self._name(about, number)
            if event["type"] in _ENDS:
                self.gone.add(self._named[about["id"]])
            elif event["type"] in _BEGINS_ANEW:
                self.gone.discard(self._named[about["id"]])
        self.events |= {each.name: each for each in told}
        return told

    def _told(self, seq: int, event: Json) -> str:
        """Return the event's JSON as the endpoint gets it; the list has it in the account's version."""
        bodies = {
            who: json.dumps(rendered(event, version, self.store.get))
            for who, version in self.versions.items()
        }
        kept = bodies[Teller.ACCOUNT]
        self.store.db.execute("UPDATE objects SET body = ? WHERE seq = ?", (kept, seq))
        return bodies[Teller.ENDPOINT]

    def _name(self, obj: Json, number: int) -> None:
        if "id" not in obj:
            return
        name = f"{obj['object']}@{number}"
        for place in itertools.count(2):
            if name not in self.names:
                break
            name = f"{obj['object']}@{number}.{place}"
        self.names[name] = obj["id"]
        self._named[obj["id"]] = name

    def _id(self, ref: Ref) -> str:
        object_id = self.names[ref.name]
        if ref.item is None:
            return object_id
        return str(self.store.children("subscription_item", object_id)[ref.item]["id"])

    def _resolved(self, value: Any) -> Any:
        match value:
            case Ref():
                return self._id(value)
            case dict():
                return {key: self._resolved(inner) for key, inner in value.items()}
            case list() | tuple():
                return [self._resolved(inner) for inner in value]
            case _:
                return value


def _pairs(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the parameters as the SDK writes them into a query."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from _pairs(f"{name}[{key}]" if name else key, inner)
        case list() | tuple():
            for place, inner in enumerate(value):
                yield from _pairs(f"{name}[{place}]", inner)
        case _:
            yield name, str(value)


@dataclass(frozen=True, slots=True)
class _Body:
    whole: str


@dataclass(frozen=True, slots=True)
class _Response:
    body: _Body
    headers: Mapping[str, str]


class VirtualConnection(StripeConnection):
    """The real client of Stripe's API, with the stand-in in place of the network.

    `turn` is called before a request reaches Stripe and again before its answer arrives: whatever the world
    does in between lies between the reading of the state and the Date header, which is written as late as
    can be.
    """

    def __init__(self, stripe: VirtualStripe, turn: Callable[[str], None] = lambda _: None) -> None:
        super().__init__(lambda _: "", "", clock=lambda: stripe.now)
        self._virtual = stripe
        self._turn = turn

    def _ask(self, *asked: Any) -> _Response:
        import stripe  # noqa: PLC0415 - as the adapter does it

        path, query = asked[-2:]
        self._turn(f"asks Stripe for {path}")
        try:
            answer = self._virtual.get(path, query)
        except StripeError as error:
            raise stripe.InvalidRequestError(  # type: ignore[no-untyped-call] # the SDK's
                error.message, error.param, code=error.code, http_status=error.status
            ) from None
        self._turn(f"{ANSWERED}{path}")
        return _Response(_Body(json.dumps(answer)), {"Date": formatdate(int(self._virtual.now), usegmt=True)})


class VirtualStripeObjects(StripeApi):
    """The real reader of Stripe's objects, on a virtual connection."""

    def __init__(self, connection: VirtualConnection) -> None:
        super().__init__(lambda _: "", "")
        self._stripe = connection
