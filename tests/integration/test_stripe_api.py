from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from billing.adapters.stripe.objects import StripeApi
from billing.domain.customers import Customer
from billing.domain.errors import UnavailableError
from billing.domain.invoices import Invoice
from billing.domain.mirror import Deletion, ObjectKind
from billing.domain.subscriptions import Subscription
from tests.fakes.stripe_payloads import customer, invoice, item, line, subscription

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.stripe_data import RunningStandin
    from tests.support.stripe_openapi import Recorder

KEY = "sk_test_standin"


@pytest.fixture
def api(stripe_standin: RunningStandin) -> Iterator[StripeApi]:
    opened = StripeApi(api_key=lambda _: KEY, base=stripe_standin.base_url, retries=0)
    yield opened
    opened.close()


def lines(count: int) -> dict[str, Any]:
    return {"data": [line(id=f"il_{n}", amount=n) for n in range(count)], "has_more": False}


@pytest.mark.parametrize("count", [1, 10, 11, 100, 101, 300])
def test_an_invoice_comes_with_every_line_in_order(
    api: StripeApi, stripe_standin: RunningStandin, count: int
) -> None:
    """Given an invoice of any length, when it is fetched, then it has every line in Stripe's order."""
    stripe_standin.load(invoice(id=f"in_{count}", lines=lines(count)))
    found = api.fetch(ObjectKind.INVOICE, f"in_{count}")
    assert found is not None
    assert isinstance(found.state, Invoice)
    assert found.state.lines_complete
    assert [(row.id, row.amount.amount) for row in found.state.lines] == [
        (f"il_{n}", n) for n in range(count)
    ]


def test_a_subscription_comes_with_every_item(api: StripeApi, stripe_standin: RunningStandin) -> None:
    """Given a subscription with more items than an answer embeds, when it is fetched, then all are there."""
    items = {"data": [item(id=f"si_{n}", subscription="sub_many") for n in range(25)], "has_more": False}
    stripe_standin.load(subscription(id="sub_many", items=items))
    found = api.fetch(ObjectKind.SUBSCRIPTION, "sub_many")
    assert found is not None
    assert isinstance(found.state, Subscription)
    assert found.state.items_complete
    assert {one.id for one in found.state.items} == {f"si_{n}" for n in range(25)}


def test_a_customer_comes_as_of_stripes_clock(api: StripeApi, stripe_standin: RunningStandin) -> None:
    """Given a customer, when it is fetched, then as_of is in whole seconds and not after the reading."""
    stripe_standin.load(customer(id="cus_now"))
    started = datetime.now(UTC).replace(microsecond=0)
    found = api.fetch(ObjectKind.CUSTOMER, "cus_now")
    assert found is not None
    assert isinstance(found.state, Customer)
    assert found.as_of.microsecond == 0
    assert found.as_of.utcoffset() == timedelta(0)
    assert started - timedelta(seconds=30) <= found.as_of <= datetime.now(UTC)


def test_a_deleted_customer_comes_as_a_deletion(api: StripeApi, stripe_standin: RunningStandin) -> None:
    """Given a customer deleted at Stripe, when it is fetched, then the answer is its deletion."""
    made = stripe_standin.client()
    gone = made.v1.customers.create(params={"name": "Gone"}).id
    made.v1.customers.delete(gone)
    found = api.fetch(ObjectKind.CUSTOMER, gone)
    assert found is not None
    assert found.state == Deletion(ObjectKind.CUSTOMER, gone)


@pytest.mark.parametrize("kind", list(ObjectKind))
def test_an_unknown_object_is_none(api: StripeApi, kind: ObjectKind) -> None:
    """Given an id that Stripe does not know, when it is fetched, then there is none."""
    assert api.fetch(kind, "x_unknown") is None


def test_what_we_ask_is_in_stripes_openapi(
    api: StripeApi, stripe_standin: RunningStandin, recorder: Recorder
) -> None:
    """Given fetches of every kind, when they are recorded, then Stripe's OpenAPI allows each request."""
    many = {"data": [item(id=f"si_o{n}", subscription="sub_o") for n in range(25)], "has_more": False}
    stripe_standin.load(
        customer(id="cus_o"), subscription(id="sub_o", items=many), invoice(id="in_o", lines=lines(120))
    )
    api.fetch(ObjectKind.CUSTOMER, "cus_o")
    api.fetch(ObjectKind.SUBSCRIPTION, "sub_o")
    api.fetch(ObjectKind.INVOICE, "in_o")
    assert [found for found in recorder.violations if found.side == "request"] == []


def test_a_rolled_key_is_read_anew_once(stripe_standin: RunningStandin) -> None:
    """Given a key that Stripe refuses, when the store has a new one, then the same fetch succeeds."""
    stripe_standin.load(customer(id="cus_key"))
    asked: list[bool] = []

    def key(refresh: bool) -> str:
        asked.append(refresh)
        return KEY if refresh else "rolled"

    api = StripeApi(api_key=key, base=stripe_standin.base_url, retries=0)
    assert api.fetch(ObjectKind.CUSTOMER, "cus_key") is not None
    assert api.fetch(ObjectKind.CUSTOMER, "cus_key") is not None
    assert asked == [False, True]
    api.close()


def test_a_key_that_stays_refused_is_unavailable(stripe_standin: RunningStandin) -> None:
    """Given a wrong key in the store too, when an object is fetched, then it is read anew only once."""
    asked: list[bool] = []

    def key(refresh: bool) -> str:
        asked.append(refresh)
        return "wrong"

    api = StripeApi(api_key=key, base=stripe_standin.base_url, retries=0)
    with pytest.raises(UnavailableError, match="stripe"):
        api.fetch(ObjectKind.CUSTOMER, "cus_key")
    assert asked == [False, True]
    api.close()


def test_nobody_listening_is_unavailable() -> None:
    """Given no Stripe at the address, when an object is fetched, then Stripe is named."""
    api = StripeApi(api_key=lambda _: KEY, base="http://127.0.0.1:1", retries=0)
    with pytest.raises(UnavailableError, match="stripe"):
        api.fetch(ObjectKind.INVOICE, "in_1")
    api.close()
