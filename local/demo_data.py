"""Fills a new local cloud: demo customers at Stripe, their events through the webhook, who may sign in."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from functools import partial
from typing import TYPE_CHECKING

from local.aws_session import LocalClients
from local.demo import write_demo_users
from local.events import EventCatchUp
from local.problems import LocalCloudError

if TYPE_CHECKING:
    from local.assembly import Assembly
    from local.progress import Progress
    from local.secrets import LocalSecrets
    from local.state import StateFile


class DemoData:
    """The demo data of one local cloud; made once, completed after a crash, left alone afterwards."""

    def __init__(
        self, assembly: Assembly, secrets: LocalSecrets, state: StateFile, progress: Progress
    ) -> None:
        self._assembly = assembly
        self._secrets = secrets
        self._state = state
        self._progress = progress

    def ensure(self, queue_url: str) -> None:
        """Seed what is missing, wait until all events are applied, and let the demo users in.

        `queue_url` is the queue that events wait in.

        Raises
        ------
        LocalCloudError
            Stripe or its stand-in refuses, or events are not applied in time.
        """
        if self._assembly.stripe_test_key is None:
            self._register_webhook()
        state = self._state.read()
        if not state.seeded:
            state = self._state.change(seeded=int(time.time()))
        with self._progress.step("Demo data") as step:
            if state.customers:
                step.note = "there already"
            else:
                from local.seed import seed  # noqa: PLC0415 - the Stripe SDK is slow to load, and needed once

                def show(line: str) -> None:
                    step.note = line

                customers = seed(self._assembly.stripe_url, self._assembly.stripe_key, tell=show)
                step.note = f"{len(customers)} customers"
                state = self._state.change(customers=dict(customers))
        clients = LocalClients(self._assembly.aws.endpoint)
        with self._progress.step("Stripe events") as step:

            def tell(present: int, listed: int) -> None:
                step.note = f"{present} of {listed} applied"

            EventCatchUp(
                api_base=self._assembly.stripe_url,
                api_key=self._assembly.stripe_key,
                webhook_url=self._assembly.webhook_url,
                webhook_secret=self._secrets.webhook_secret,
                dsn=self._assembly.postgres.owner_dsn,
                queue_is_empty=partial(clients.queue_is_empty, queue_url),
            ).run(tell, since=state.seeded)
        with self._progress.step("Users"):
            write_demo_users(
                self._assembly.postgres.owner_dsn,
                self._assembly.issuer,
                state.customers,
                self._secrets.api_key,
            )

    def _register_webhook(self) -> None:
        body = {"url": self._assembly.webhook_url, "secret": self._secrets.webhook_secret}
        request = urllib.request.Request(  # noqa: S310 - our own stand-in
            f"{self._assembly.stripe_url}/_standin/webhook",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method="PUT",
        )
        try:
            with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - our own stand-in
                return
        except (urllib.error.URLError, OSError) as error:
            raise LocalCloudError(f"the Stripe stand-in does not take the webhook: {error}") from None
