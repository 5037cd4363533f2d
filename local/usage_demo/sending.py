"""Sends usage to the API, and asks it what stands."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.problems import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.usage_demo.story import Json

_TIMEOUT = 60
_TRIES = 5
_WAIT = 2.0
_BUSY = frozenset((429, 503))


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a batch."""

    accepted: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class Api:
    """The billing API at `url`, called with a customer's API key."""

    url: str
    key: str

    def send(self, events: Sequence[Json]) -> Sent:
        """Send a batch of at most 1,000 events; busy answers are waited out, a few times.

        Raises
        ------
        LocalCloudError
            The API does not answer, refuses the batch, or refuses one of its events.
        """
        body = json.dumps(list(events)).encode()
        said = self._call("usage/events", body, "application/cloudevents-batch+json")
        if said["errors"]:
            first = said["errors"][0]
            raise LocalCloudError(f"{len(said['errors'])} events were refused, the first: {first['detail']}")
        return Sent(said["accepted"], said["duplicates"])

    def usage(self) -> Json:
        """Return the current usage.

        Raises
        ------
        LocalCloudError
            The API does not answer.
        """
        return self._call("usage/current", None, None)

    def _call(self, path: str, body: bytes | None, content_type: str | None) -> Json:
        headers = {"Authorization": f"Bearer {self.key}"}
        if content_type is not None:
            headers["Content-Type"] = content_type
        request = urllib.request.Request(f"{self.url}/api/v1/billing/{path}", body, headers)  # noqa: S310 - ours
        for left in reversed(range(_TRIES)):
            try:
                with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310 - ours
                    said: dict[str, Any] = json.load(answer)
                    return said
            except urllib.error.HTTPError as error:
                if error.code not in _BUSY or not left:
                    raise LocalCloudError(f"{path} answered {error.code}: {error.read()[:500]!r}") from error
            except (urllib.error.URLError, TimeoutError) as error:
                if not left:
                    raise LocalCloudError(f"{self.url} does not answer: {error}") from error
            time.sleep(_WAIT)
        raise LocalCloudError(f"{path} does not answer")
