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

SAMPLE_CUSTOMER, SAMPLE_KEY = "cus_demo", "bk_" + "A" * 43
SAMPLE_INVOICE, SAMPLE_CREDIT_NOTE = "in_demo1", "cn_demo1"
"""What the sample events call the demo's customer, their API key, an invoice and a credit note of theirs."""
_USER = "customer"
_SIGNATURE = "stripe-signature"
_LATEST = """
SELECT invoices.id, credit_notes.id
FROM invoices, credit_notes
WHERE invoices.customer = %(customer)s AND credit_notes.customer = %(customer)s
ORDER BY invoices.created DESC, invoices.id DESC, credit_notes.created DESC
LIMIT 1"""


@dataclass(frozen=True, slots=True, repr=False)
class DemoSamples:
    """What the running demo has: a customer with documents, an API key, the webhook's secret."""

    customer: str
    invoice: str
    credit_note: str
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
                row = connection.execute(_LATEST, {"customer": customer}).fetchone()
            if row is not None:
                invoice, credit_note = map(str, row)
                api_key = endpoints.api_keys[_USER]
                return cls(customer, invoice, credit_note, api_key, endpoints.webhook_secret)
        raise LocalCloudError("there are no demo data yet: let `make dev` finish")

    def filled(self, sample: Path) -> dict[str, Any]:
        """Return a sample event of the demo's; one that Stripe signs is signed anew, for the next 300 s."""
        text = sample.read_text(encoding="utf-8")
        own = {
            SAMPLE_CUSTOMER: self.customer,
            SAMPLE_INVOICE: self.invoice,
            SAMPLE_CREDIT_NOTE: self.credit_note,
            SAMPLE_KEY: self.api_key,
        }
        for name, value in own.items():
            text = text.replace(name, value)
        event: dict[str, Any] = json.loads(text)
        if _SIGNATURE in event.get("headers", {}):
            body = event["body"].encode()
            event["headers"][_SIGNATURE] = signature(body, self.webhook_secret, int(time.time()))
        return event
