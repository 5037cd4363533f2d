"""The sample events of events/ with the running demo's ids and keys in place of made-up ones."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.problems import LocalCloudError
from local.state import StateFile
from local.stripe_standin.delivery import signature

if TYPE_CHECKING:
    from pathlib import Path

    from local.endpoints import Endpoints
    from local.paths import LocalPaths

SAMPLE_CUSTOMER, SAMPLE_INVOICE, SAMPLE_KEY = "cus_demo", "in_demo1", "bk_" + "A" * 43
"""What the sample events call the demo's customer, an invoice of theirs and their API key."""
_USER = "customer"
_SIGNATURE = "stripe-signature"
_LATEST_INVOICE = "SELECT id FROM invoices WHERE customer = %s ORDER BY created DESC, id DESC LIMIT 1"


@dataclass(frozen=True, slots=True, repr=False)
class DemoSamples:
    """What the running demo has: a customer, an invoice, an API key, the webhook's secret."""

    customer: str
    invoice: str
    api_key: str
    webhook_secret: str

    @classmethod
    def read(cls, paths: LocalPaths, endpoints: Endpoints) -> DemoSamples:
        """Return the demo's, of the customer with the API key.

        Raises
        ------
        LocalCloudError
            There are no demo data yet.
        """
        import psycopg  # noqa: PLC0415 - slow to load, and most commands need none

        customer = StateFile(paths.state / "state.json").read().customers.get(_USER)
        if customer is not None:
            with psycopg.connect(endpoints.database_url) as connection:
                row = connection.execute(_LATEST_INVOICE, [customer]).fetchone()
            if row is not None:
                return cls(customer, str(row[0]), endpoints.api_keys[_USER], endpoints.webhook_secret)
        raise LocalCloudError("there are no demo data yet: let `make dev` finish")

    def filled(self, sample: Path) -> dict[str, Any]:
        """Return a sample event of the demo's; one that Stripe signs is signed anew, for the next 300 s."""
        text = sample.read_text(encoding="utf-8")
        own = {SAMPLE_CUSTOMER: self.customer, SAMPLE_INVOICE: self.invoice, SAMPLE_KEY: self.api_key}
        for name, value in own.items():
            text = text.replace(name, value)
        event: dict[str, Any] = json.loads(text)
        if _SIGNATURE in event.get("headers", {}):
            body = event["body"].encode()
            event["headers"][_SIGNATURE] = signature(body, self.webhook_secret, int(time.time()))
        return event
