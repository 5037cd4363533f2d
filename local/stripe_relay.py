"""Brings the events of Stripe's test mode to this machine, which Stripe cannot reach.

It asks for the list of events again and again, and posts each one that is new to the webhook, signed with
the local secret. Each question overlaps the last one, because an event can be listed late; what was posted
is remembered, and what is posted twice nevertheless (after a kill) does no harm. An event that is not taken
is tried again in later rounds, and given up after some.

Settings: STRIPE_API_KEY, STRIPE_WEBHOOK_SECRET, BILLING_WEBHOOK_URL, BILLING_RELAY_STATE (a file),
and STRIPE_API_BASE if it is not Stripe's.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.problems import LocalCloudError
from local.seed.api import Api
from local.stripe_standin.delivery import signature

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_SECONDS = 3.0
OVERLAP_SECONDS = 120
MOST_ATTEMPTS = 20
_KEPT_BY_STRIPE_SECONDS = 30 * 86_400
_MOST_EVENTS = 10_000
_TIMEOUT_SECONDS = 30
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(slots=True)
class Progress:
    """What is settled: everything before `since`, and the events `done` after that with their times."""

    since: int
    done: dict[str, int] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)


class Relay:
    """Posts what `api` lists to the webhook; `state` is the file that remembers how far it came."""

    def __init__(self, api: Api, *, webhook_url: str, secret: str, state: Path) -> None:
        self._api = api
        self._webhook_url = webhook_url
        self._secret = secret
        self._state = state
        self._progress = self._read()

    def poll(self, say: Callable[[str], None] = lambda _: None) -> int:
        """Post every new event once, oldest first, and return how many the webhook took.

        Raises
        ------
        LocalCloudError
            Stripe does not answer, or refuses the key.
        """
        progress = self._progress
        window = {"gte": max(0, progress.since - OVERLAP_SECONDS)}
        listed = list(islice(self._api.all("/v1/events", created=window), _MOST_EVENTS))
        if len(listed) == _MOST_EVENTS:
            say(f"Stripe has more than {_MOST_EVENTS} events to relay: the oldest are left out")
        taken, unsettled = 0, []
        for event in reversed(listed):
            if event["id"] in progress.done:
                continue
            problem = self._post(event)
            if problem is None:
                taken += 1
            else:
                attempts = progress.attempts.get(event["id"], 0) + 1
                progress.attempts[event["id"]] = attempts
                given_up = attempts >= MOST_ATTEMPTS
                say(f"{event['type']} {event['id']}: {problem}; {'given up' if given_up else 'again later'}")
                if not given_up:
                    unsettled.append(int(event["created"]))
                    continue
            progress.attempts.pop(event["id"], None)
            progress.done[event["id"]] = int(event["created"])
        # The window moves on only over what is settled, so that nothing is left behind it.
        newest = max((int(event["created"]) for event in listed), default=progress.since)
        progress.since = max(progress.since, min([newest, *(created - 1 for created in unsettled)]))
        horizon = progress.since - OVERLAP_SECONDS
        progress.done = {name: created for name, created in progress.done.items() if created >= horizon}
        self._write()
        return taken

    def _post(self, event: dict[str, Any]) -> str | None:
        payload = json.dumps(event, ensure_ascii=False).encode()
        request = urllib.request.Request(  # noqa: S310 - our own webhook
            self._webhook_url,
            data=payload,
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "Stripe-Signature": signature(payload, self._secret, int(time.time())),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS):  # noqa: S310 - our own webhook
                return None
        except urllib.error.HTTPError as error:
            with error:
                return f"the webhook answered {error.code}"
        except OSError as error:
            return f"the webhook does not answer ({type(error).__name__})"

    def _read(self) -> Progress:
        try:
            kept = json.loads(self._state.read_bytes())
            return Progress(int(kept["since"]), dict(kept["done"]), dict(kept["attempts"]))
        except (OSError, ValueError, KeyError, TypeError):
            # The first start, or a damaged file: begin with all that Stripe still lists; doubles do no harm.
            return Progress(int(time.time()) - _KEPT_BY_STRIPE_SECONDS)

    def _write(self) -> None:
        self._state.parent.mkdir(parents=True, exist_ok=True)
        progress = self._progress
        content = {"since": progress.since, "done": progress.done, "attempts": progress.attempts}
        with tempfile.NamedTemporaryFile("w", dir=self._state.parent, delete=False) as file:
            json.dump(content, file)
        Path(file.name).replace(self._state)


def main() -> int:
    """Relay until the process is stopped; return 1 when a setting is missing."""
    names = ("STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET", "BILLING_WEBHOOK_URL", "BILLING_RELAY_STATE")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        print(f"stripe-relay: set {', '.join(missing)}", file=sys.stderr)
        return 1
    key, secret, webhook_url, state = (os.environ[name] for name in names)
    api = Api(os.environ.get("STRIPE_API_BASE", "https://api.stripe.com"), key)
    relay = Relay(api, webhook_url=webhook_url, secret=secret, state=Path(state))
    pause = POLL_SECONDS
    try:
        while True:
            try:
                taken = relay.poll(lambda line: print(line, flush=True))
            except LocalCloudError as error:
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
                print(f"{error}; again in {pause:.0f} s", flush=True)
            else:
                pause = POLL_SECONDS
                if taken:
                    print(f"relayed {taken} events", flush=True)
            time.sleep(pause)
    except KeyboardInterrupt:
        return 0
    finally:
        api.close()


if __name__ == "__main__":
    sys.exit(main())
