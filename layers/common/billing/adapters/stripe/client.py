"""One connection to Stripe's API: the version, the key, the pace, and what its errors mean here."""

from __future__ import annotations

import json
import math
import random
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from billing.adapters.stripe.event_types import API_VERSION
from billing.adapters.stripe.reading import UnreadableError
from billing.domain.errors import UnavailableError
from billing.domain.recovery import CursorGoneError, NotAllowedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import stripe
    from requests import Session
    from stripe import HTTPClient, StripeClient

_OK = 200
_REDIRECTED = 300
_BAD_REQUEST = 400
_NOT_FOUND = 404
_MISSING = frozenset(("resource_missing", "not_found"))
"""How the API v1 and the API v2 say that there is no such object."""
PAGE_TOKEN = "page"  # noqa: S105 - a parameter's name
"""The parameter of API v2 that says which page of a list comes next."""
_TOO_MANY = 429
_SERVER_ERROR = 500
_LONGEST_WAIT = 30.0
_FIRST_WAIT = 0.5


class RejectedError(Exception):
    """Stripe will not do what was asked, however often it is; `code` says why, in Stripe's words."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON object of Stripe's."""

    members: dict[str, object]
    before: datetime
    """A time of Stripe's clock at which the answer's state was not read yet, in whole seconds."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Seconds to wait for a connection, for an answer, and in all where Stripe asks to slow down (429).

    For `rest` seconds after Stripe did not answer nobody asks it: all would wait as long for nothing.
    """

    connect: float = 3.0
    answer: float = 10.0
    patience: float = 0.0
    rest: float = 0.0


_USUAL = Waiting()


class StripeConnection:
    """Reads and writes JSON of one account, in the API version that the readers know; for any thread.

    `api_key` returns the key, True asks for a fresh reading; `base` is the address of the API;
    `retries` is how often the SDK tries again, half a second and more apart; `clock` counts seconds.
    `pace` returns when the next call may be made, and `refused` is called when Stripe asks to slow down all
    the same; `waiting` says how long calls then wait, and for Stripe's answers, before they give up.
    """

    def __init__(
        self,
        api_key: Callable[[bool], str],
        base: str,
        *,
        retries: int = 2,
        clock: Callable[[], float] = time.monotonic,
        pace: Callable[[], None] | None = None,
        refused: Callable[[], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        waiting: Waiting = _USUAL,
    ) -> None:
        self._api_key = api_key
        self._base = base
        self._retries = retries
        self._clock = clock
        self._pace = pace
        self._refused = refused
        self._sleep = sleep
        self._waiting = waiting
        self._resting_until = -math.inf
        self._lock = threading.Lock()
        self._client: StripeClient | None = None
        self._session: Session | None = None

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        with self._lock:
            if self._session is not None:
                self._session.close()
            self._session = self._client = None

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Answer | None:
        """Return the JSON object at this path, None if Stripe does not know it.

        Raises
        ------
        CursorGoneError
            The object that `starting_after` names is not there any more, or Stripe refuses the page's token.
        NotAllowedError
            The key may not read this, or Stripe has no such path or refuses what is asked there.
        UnavailableError
            Stripe does not answer, asks to slow down for longer than the patience, or refuses the key.
        UnreadableError
            The answer is no JSON object, or has no Date.
        """
        import stripe

        try:
            answer, elapsed = self._patiently("get", path, query or {})
        except stripe.InvalidRequestError as error:
            if error.code in _MISSING and error.http_status == _NOT_FOUND:
                return None
            raise _refusal(error, query or {}) from error
        except stripe.PermissionError as error:
            raise NotAllowedError from error
        except stripe.StripeError as error:
            raise UnavailableError("stripe") from error
        try:
            members = _parsed(answer)
        except (ValueError, RecursionError) as error:
            raise UnavailableError("stripe") from error
        if not isinstance(members, dict):
            raise UnreadableError(path.split("/")[2], "not an object")
        return Answer(members, _before(answer.headers, elapsed))

    def post(self, path: str, body: Mapping[str, Any]) -> None:
        """Have Stripe take the body; what it answers beyond that is of no interest.

        Raises
        ------
        NotAllowedError
            The key may not do this.
        RejectedError
            Stripe refuses the body.
        UnavailableError
            Stripe does not answer, asks to slow down for longer than the patience, or refuses the key; it may
            have taken the body.
        """
        import stripe

        try:
            self._patiently("post", path, body)
        except stripe.PermissionError as error:
            raise NotAllowedError from error
        except (stripe.AuthenticationError, stripe.RateLimitError) as error:
            raise UnavailableError("stripe") from error
        except stripe.StripeError as error:
            if error.http_status is None or not _BAD_REQUEST <= error.http_status < _SERVER_ERROR:
                raise UnavailableError("stripe") from error
            raise RejectedError(error.code or "invalid_request") from error

    def _patiently(self, method: str, path: str, given: Mapping[str, Any]) -> tuple[Any, float]:
        """Return the answer and how long its call took, in seconds."""
        import stripe

        if self._clock() < self._resting_until:
            raise UnavailableError("stripe")
        left, tries = self._waiting.patience, 0
        while True:
            if self._pace is not None:
                self._pace()
            started = self._clock()
            try:
                return self._ask(method, path, given), self._clock() - started
            except stripe.APIConnectionError:
                self._resting_until = self._clock() + self._waiting.rest
                raise
            except stripe.StripeError as error:
                if error.http_status != _TOO_MANY:
                    raise
                if self._refused is not None:
                    self._refused()
                wait = _wait(error.headers or {}, tries)
                if wait > left:
                    raise
            left, tries = left - wait, tries + 1
            self._sleep(wait)

    def _ask(self, method: str, path: str, given: Mapping[str, Any]) -> Any:
        import stripe

        client = self._connected(None)
        try:
            return client.raw_request(method, path, **given)
        except stripe.AuthenticationError:
            # The key may have been rolled; once, so that a wrong one does not hammer the store.
            return self._connected(client).raw_request(method, path, **given)

    def _connected(self, refused: StripeClient | None) -> StripeClient:
        """Return a client with the key at hand, or with a fresh one if `refused` had the one at hand."""
        import requests
        import stripe

        with self._lock:
            if self._client is None or self._client is refused:
                if self._session is None:
                    # The SDK makes one for each thread otherwise, which nobody could close.
                    self._session = requests.Session()
                self._client = stripe.StripeClient(
                    self._api_key(refused is not None),
                    stripe_version=API_VERSION,
                    base_addresses={"api": self._base},
                    max_network_retries=self._retries,
                    http_client=_http_client(self._session, self._waiting),
                )
            return self._client


class _Unparsed(bytes):
    """An empty JSON object for the SDK to parse, which knows the answer that it stands for."""

    whole: bytes

    def decode(self, *_: object) -> str:
        text = _UnparsedText("{}")
        text.whole = self.whole
        return text


class _UnparsedText(str):
    __slots__ = ("whole",)
    whole: bytes


def _parsed(answer: Any) -> Any:
    """Return the JSON of an answer, whose text `_http_client` kept from the SDK."""
    return json.loads(answer.body.whole)


def _http_client(session: Session, waiting: Waiting) -> HTTPClient:
    """Return a client that keeps answers from the SDK, which would make an OrderedDict of every object.

    That is a fifth of a page's CPU. Errors go through: the SDK tells what they mean.
    """
    import stripe

    class Client(stripe.RequestsClient):
        def request(  # type: ignore[override] # as the SDK's own clients override it
            self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
        ) -> tuple[bytes, int, Mapping[str, str]]:
            content, status, told = super().request(method, url, headers, post_data)
            if not _OK <= status < _REDIRECTED:
                return content, status, told
            unparsed = _Unparsed(b"{}")
            unparsed.whole = content
            return unparsed, status, told

    return Client(timeout=(waiting.connect, waiting.answer), session=session)


def _refusal(error: stripe.InvalidRequestError, query: Mapping[str, Any]) -> UnavailableError:
    """Return what it means here that Stripe refuses to show something."""
    is_page = PAGE_TOKEN in query and error.http_status == _BAD_REQUEST
    if is_page or (error.code in _MISSING and error.param == "starting_after"):
        return CursorGoneError()
    # What Stripe refuses to show it refuses at every try.
    is_refused = error.http_status in {_BAD_REQUEST, _NOT_FOUND}
    return NotAllowedError() if is_refused else UnavailableError("stripe")


def _wait(headers: Mapping[str, str], tries: int) -> float:
    """Return how many seconds to wait after a 429: what Stripe asks for, else ever longer, never over 30."""
    asked = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    if asked.isdecimal():
        return min(float(asked), _LONGEST_WAIT)
    # Not all at the same moment: others wait as well.
    longest = min(_FIRST_WAIT * 2.0 ** min(tries, 10), _LONGEST_WAIT)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads calls, protects nothing


def _before(headers: Mapping[str, str], elapsed: float) -> datetime:
    """Return a whole second of Stripe's clock that is not after the reading of the state.

    The Date header is written when the answer is, so after the state was read; the state was read
    after the request left, which is at most `elapsed` seconds before the answer arrived.
    """
    for name, value in headers.items():
        if name.lower() == "date":
            try:
                written = parsedate_to_datetime(value)
            except ValueError:
                break
            return written - timedelta(seconds=math.ceil(elapsed))
    raise UnreadableError("date", "missing")
