"""The demo data is complete, valid to Stripe, and made only once, even when the maker is killed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from local.problems import LocalCloudError
from local.seed import seed
from local.seed.api import Api
from local.seed.plan import demo, month_start
from local.seed.shapes import Outcome
from tests.fixtures.stripe_data import API_KEY, running_standin
from tests.support.stripe_openapi import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.fixtures.stripe_data import RunningStandin
    from tests.support.stripe_openapi import Spec

STATUSES = {
    Outcome.DRAFT: "draft",
    Outcome.OPEN: "open",
    Outcome.PAID_BY_CARD: "paid",
    Outcome.PAID_BY_TRANSFER: "paid",
    Outcome.VOID: "void",
    Outcome.UNCOLLECTIBLE: "uncollectible",
}


@pytest.fixture(scope="module")
def seeded() -> Iterator[tuple[RunningStandin, Mapping[str, str]]]:
    """Run the seed once for the tests that only look at what it made."""
    with running_standin() as standin:
        yield standin, seed(standin.base_url, API_KEY)


def objects(standin: RunningStandin) -> dict[str, int]:
    counts: dict[str, int] = standin.helper("GET", "/_standin/health")["objects"]
    return counts


def invoices(standin: RunningStandin, customer: str) -> list[dict[str, Any]]:
    listed = standin.client().v1.invoices.list({"customer": customer, "limit": 100})
    return [invoice.to_dict() for invoice in listed.auto_paging_iter()]


def test_the_demo_customer_has_a_credit_note(seeded: tuple[RunningStandin, Mapping[str, str]]) -> None:
    """Given the seed, when credit notes are listed, then four seats of one paid invoice were refunded."""
    standin, customers = seeded
    (note,) = standin.client().v1.credit_notes.list().data
    assert (note.customer, note.total, note.reason) == (customers["customer"], 21_021, "order_change")
    assert [refund.amount_refunded for refund in note.refunds] == [21_021]
    assert note.lines.data[0].quantity == 4


def test_every_request_of_the_seed_is_valid_to_stripe(stripe_spec: Spec) -> None:
    """Given Stripe's OpenAPI, when the seed runs, then no request and no answer breaks it."""
    recorder = Recorder(stripe_spec)
    with running_standin() as standin:
        standin.observers.append(recorder)
        seed(standin.base_url, API_KEY)

    assert recorder.violations == []
    assert {status for _, _, status in recorder.seen} == {200, 404}


def test_each_customer_has_the_planned_history(seeded: tuple[RunningStandin, Mapping[str, str]]) -> None:
    """Given the seed, when the invoices are listed, then statuses and currencies are as planned."""
    standin, customers = seeded
    for plan in demo(datetime.now(UTC)):
        listed = invoices(standin, customers[plan.role])

        planned = [STATUSES[invoice.outcome] for invoice in plan.invoices] + [STATUSES[plan.first_invoice]]
        assert Counter(invoice["status"] for invoice in listed) == Counter(planned)
        assert {invoice["currency"] for invoice in listed} == {plan.plan.currency}


def test_the_currencies_and_locales_differ(seeded: tuple[RunningStandin, Mapping[str, str]]) -> None:
    """Given the seed, when the customers are read, then there are three currencies and locales."""
    standin, customers = seeded
    api = standin.client().v1

    read = [api.customers.retrieve(customer).to_dict() for customer in customers.values()]

    assert {each["currency"] for each in read} == {"usd", "eur", "jpy"}
    assert {each["preferred_locales"][0] for each in read} == {"en", "de", "ja"}


def test_every_customer_pays_for_api_calls_by_the_meter(
    seeded: tuple[RunningStandin, Mapping[str, str]],
) -> None:
    """Given the seed, when the subscriptions are read, then each has 50,000 calls a month included."""
    standin, customers = seeded
    api = standin.client().v1
    for customer in customers.values():
        [subscription] = api.subscriptions.list({"customer": customer}).data
        seats, metered = subscription["items"].data
        price = api.prices.retrieve(metered.price.id, {"expand": ["tiers"]})

        assert "quantity" in seats
        assert "quantity" not in metered
        assert api.billing.meters.retrieve(price.recurring.meter).event_name == "api_calls"
        assert (price.tiers[0].up_to, price.tiers[0].unit_amount) == (50_000, 0)
        assert price.tiers[1].up_to is None


def test_a_subscription_of_an_older_seed_gets_its_metered_item() -> None:
    """Given a subscription that has no metered item, when the seed runs again, then it gets one."""
    with running_standin() as standin:
        customer = seed(standin.base_url, API_KEY)["customer"]
        api = Api(standin.base_url, API_KEY)
        [plain] = api.all("/v1/subscriptions", customer=customer)
        standin.load({**plain, "items": {**plain["items"], "data": plain["items"]["data"][:1]}})
        seed(standin.base_url, API_KEY)
        [again] = api.all("/v1/subscriptions", customer=customer)
        api.close()

        assert len(again["items"]["data"]) == 2


def test_one_invoice_has_300_lines(seeded: tuple[RunningStandin, Mapping[str, str]]) -> None:
    """Given the seed, when the third customer's longest invoice is paged, then it has 300 lines."""
    standin, customers = seeded
    api = standin.client().v1
    (long,) = [each for each in invoices(standin, customers["third_customer"]) if each["lines"]["has_more"]]

    lines = list(api.invoices.line_items.list(long["id"], {"limit": 100}).auto_paging_iter())

    assert len(lines) == 300
    assert sum(line.amount for line in lines) == long["subtotal"]


def test_the_history_lies_in_the_past(seeded: tuple[RunningStandin, Mapping[str, str]]) -> None:
    """Given the seed, when an open invoice is overdue, then its due date has passed; the oldest is old."""
    standin, customers = seeded
    listed = invoices(standin, customers["customer"])
    now = datetime.now(UTC)

    (overdue,) = [each for each in listed if each["status"] == "open"]
    oldest = min(each["created"] for each in listed)

    assert overdue["due_date"] < now.timestamp()
    assert oldest < month_start(now, -9).timestamp()


def test_a_second_run_makes_nothing(seeded: tuple[RunningStandin, Mapping[str, str]]) -> None:
    """Given a seed that is complete, when run again, then the same customers and not one more object."""
    standin, customers = seeded
    before = objects(standin)

    assert seed(standin.base_url, API_KEY) == customers
    assert objects(standin) == before


class KilledError(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("stop_after", [1, 9, 20, 33, 60, 110, 200])
def test_a_killed_run_is_completed_by_the_next(
    stop_after: int, seeded: tuple[RunningStandin, Mapping[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a seed killed after some creation, when run again, then it ends as one whole run does."""
    complete = objects(seeded[0])
    original = Api.post
    done = 0

    def post(self: Api, path: str, **given: Any) -> dict[str, Any]:
        nonlocal done
        if done == stop_after:
            raise KilledError
        done += 1
        return original(self, path, **given)

    with running_standin() as standin:
        with monkeypatch.context() as patch:
            patch.setattr(Api, "post", post)
            with pytest.raises(KilledError):
                seed(standin.base_url, API_KEY)

        seed(standin.base_url, API_KEY)

        assert objects(standin) == complete


def test_a_month_later_only_the_new_month_is_added() -> None:
    """Given a seed of one month, when run in the next, then each customer gains that month's invoice."""
    july, august = datetime(2026, 7, 20, tzinfo=UTC), datetime(2026, 8, 20, tzinfo=UTC)
    with running_standin() as standin:
        customers = seed(standin.base_url, API_KEY, now=july)
        before = objects(standin)["invoice"]

        assert seed(standin.base_url, API_KEY, now=august) == customers
        assert objects(standin)["invoice"] == before + 3


def test_a_stripe_that_does_not_answer_is_said_in_one_sentence() -> None:
    """Given nobody at the address, when the seed runs, then the error names the address."""
    with pytest.raises(LocalCloudError, match=r"http://127\.0\.0\.1:1"):
        seed("http://127.0.0.1:1", API_KEY)
