"""The demo data reaches the mirror through the signed webhook alone, and ends as Stripe has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.adapters.postgres.invoices import PostgresInvoiceReader
from billing.adapters.postgres.mirror import PostgresMirror
from billing.adapters.stripe.objects import StripeApi
from billing.use_cases.apply_stripe_event import ApplyStripeEvent
from local.seed import seed
from local.send_events.verifying import differences, wait_for_inbox
from tests.fixtures.stripe_data import API_KEY, running_standin
from tests.support.applying_webhook import applying_webhook

if TYPE_CHECKING:
    from billing.adapters.postgres.connection import Database

SECRET = "whsec_seed"


def test_the_seed_reaches_the_mirror_through_the_webhook(
    worker_database: Database, api_database: Database, database_url: str
) -> None:
    """Given a webhook at work while the seed runs, when all arrived, then the mirror equals Stripe.

    Customers see the names of their discounts, which no event of an invoice tells.
    """
    with running_standin() as standin:
        apply = ApplyStripeEvent(
            PostgresMirror(worker_database), StripeApi(lambda _: API_KEY, standin.base_url), livemode=False
        )
        with applying_webhook(apply, SECRET) as url:
            standin.deliver_to(url, SECRET)
            seed(standin.base_url, API_KEY)
            api = standin.client().v1
            ids = [event.id for event in api.events.list({"limit": 100}).auto_paging_iter()]
            outcomes = wait_for_inbox(database_url, ids, patience=60, longest=120, tell=lambda _: None)
            states = [
                found.to_dict()
                for listed in (api.customers, api.subscriptions, api.invoices)
                for found in listed.list({"limit": 100}).auto_paging_iter()
            ]
            for state in states:
                if state["object"] == "invoice":
                    lines = api.invoices.line_items.list(state["id"], {"limit": 100})
                    state["lines"]["data"] = [line.to_dict() for line in lines.auto_paging_iter()]

            assert outcomes.counts["quarantined"] == 0
            assert differences(database_url, states) == []
            assert max(len(state["lines"]["data"]) for state in states if "lines" in state) == 300
            reader = PostgresInvoiceReader(api_database)
            discounted = [state for state in states if state.get("total_discount_amounts")]
            shown = [reader.get(state["customer"], state["id"]) for state in discounted]
            names = [each.name for found in shown if found is not None for each in found.discounts]
            assert names == ["Launch discount"] * len(discounted) != []
