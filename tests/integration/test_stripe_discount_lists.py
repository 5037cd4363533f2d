"""The discounts that Stripe's lists of customers and subscriptions show, held to Stripe's OpenAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from billing.adapters.stripe.client import StripeConnection
from billing.adapters.stripe.object_lists import StripeObjectLists
from billing.domain.catalogue import Coupon, Discount
from billing.domain.mirror import Deletion, ObjectKind
from billing.domain.periods import instant
from billing.domain.recovery import UnreadableObject
from tests.fakes.more_payloads import coupon, discount
from tests.fakes.stripe_payloads import CREATED, customer, item, subscription
from tests.fixtures.stripe_data import running_standin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from billing.domain.recovery import ObjectPage
    from tests.fixtures.stripe_data import RunningStandin
    from tests.support.stripe_openapi import Recorder

DISCOUNT = ObjectKind.DISCOUNT


@pytest.fixture
def stripe() -> Iterator[RunningStandin]:
    """Return a Stripe of its own: what a list shows is all that it has."""
    with running_standin() as standin:
        yield standin


@pytest.fixture
def lists(stripe: RunningStandin) -> Iterator[StripeObjectLists]:
    opened = StripeObjectLists(StripeConnection(lambda _: "sk_test_standin", stripe.base_url, retries=0))
    yield opened
    opened.close()


def ids(page: ObjectPage) -> list[str]:
    return [seen.state.id for seen in page.observations]


def listed(*items: dict[str, Any]) -> dict[str, Any]:
    return {"object": "list", "data": list(items), "has_more": False}


def test_customers_are_listed_before_subscriptions(lists: StripeObjectLists, stripe: RunningStandin) -> None:
    """Given a discount of each, when listed, then one page has the one's and the next has the other's."""
    mine, its = discount(subscription=None), discount(id="di_2")
    stripe.load(coupon(), its, customer(discount=mine), subscription(discounts=["di_2"], status="canceled"))
    first = lists.page(DISCOUNT, None, None).read()
    assert (ids(first), first.last, first.has_more, first.whole) == (["di_1"], "1:", True, True)
    second = lists.page(DISCOUNT, first.last, None).read()
    assert (ids(second), second.last, second.has_more) == (["di_2"], "1:sub_1", False)
    assert second.oldest == instant(CREATED)
    [seen] = second.observations
    assert isinstance(seen.state, Discount)
    assert (seen.state.subscription, seen.state.coupon) == ("sub_1", "LAUNCH")
    assert seen.as_of == second.read_at
    for page in (first, second):
        [told] = page.coupons
        assert isinstance(told.state, Coupon)
        assert (told.state.name, told.as_of) == ("Launch", told.state.created)


def test_a_page_is_of_a_hundred_owners(lists: StripeObjectLists, stripe: RunningStandin) -> None:
    """Given 101 customers, of whom the last has a discount, when listed, then the second page shows it."""
    stripe.load(coupon(), *(customer(id=f"cus_{n}", created=CREATED + n) for n in range(1, 101)))
    stripe.load(customer(id="cus_0", created=CREATED, discount=discount()))
    first = lists.page(DISCOUNT, None, None).read()
    assert (ids(first), first.last) == ([], "0:cus_1")
    assert ids(lists.page(DISCOUNT, first.last, None).read()) == ["di_1"]
    assert ids(lists.page(DISCOUNT, None, first.oldest).read()) == ["di_1"]


def test_items_that_are_not_embedded_show_their_discounts(
    lists: StripeObjectLists, stripe: RunningStandin
) -> None:
    """Given a subscription of 12 items, when listed, then those of the first and of the last are shown."""
    items = [item(id=f"si_{n}") for n in range(12)]
    items[0]["discounts"], items[11]["discounts"] = ["di_1"], ["di_2"]
    applied = [discount(id=f"di_{n}", subscription=None, subscription_item="si_0") for n in (1, 2)]
    stripe.load(coupon(), *applied, subscription(items=listed(*items)))
    page = lists.page(DISCOUNT, "1:", None).read()
    assert ids(page) == ["di_1", "di_2"]
    # The embedded one's coupon is a level too deep, and told by its id alone.
    assert [seen.state.id for seen in page.coupons] == ["LAUNCH"]


def test_a_discount_that_several_show_comes_once(lists: StripeObjectLists, stripe: RunningStandin) -> None:
    """Given subscriptions and an item with one discount of their customer, when listed, then it is one."""
    shared = discount(subscription=None)
    items = listed(item(discounts=["di_1"]))
    stripe.load(coupon(), shared, *(subscription(id=f"sub_{n}", discounts=["di_1"]) for n in range(2)))
    stripe.load(subscription(id="sub_2", items=items, discounts=["di_1"]))
    page = lists.page(DISCOUNT, "1:", None).read()
    assert (ids(page), len(page.coupons)) == (["di_1"], 1)


def test_a_discount_that_is_shown_as_gone_is_a_deletion(
    lists: StripeObjectLists, stripe: RunningStandin
) -> None:
    """Given a subscription that still names a discount that is gone, when listed, then it is a deletion."""
    stripe.load(coupon(), customer(discount=discount(deleted=True)))
    [seen] = lists.page(DISCOUNT, None, None).read().observations
    assert seen.state == Deletion(DISCOUNT, "di_1")


@pytest.mark.parametrize("told", [{"type": "coupon", "coupon": None}, {"type": "coupon", "coupon": "BAD"}])
def test_a_coupon_that_is_not_told_costs_no_discount(
    lists: StripeObjectLists, stripe: RunningStandin, told: dict[str, Any]
) -> None:
    """Given a discount without a coupon, or with a damaged one, when listed, then it is there alone."""
    stripe.load(coupon(id="BAD", duration=7), customer(discount=discount(source=told)))
    page = lists.page(DISCOUNT, None, None).read()
    assert (ids(page), page.coupons) == (["di_1"], ())


def test_an_owner_whose_discount_cannot_be_read_is_named(
    lists: StripeObjectLists, stripe: RunningStandin
) -> None:
    """Given a discount that is no coupon's, when listed, then its owner is told, and others' are there."""
    gift = discount(id="di_2", source={"type": "gift", "coupon": None})
    stripe.load(coupon(), customer(discount=discount()), customer(id="cus_2", discount=gift))
    page = lists.page(DISCOUNT, None, None).read()
    assert page.unreadable == (UnreadableObject("cus_2", "customer.discount.source.type: not known"),)
    assert ids(page) == ["di_1"]


def test_what_is_asked_and_answered_is_stripes(recorder: Recorder, stripe_standin: RunningStandin) -> None:
    """Given a customer with discounts everywhere, when listed, then neither side breaks Stripe's OpenAPI."""
    api = stripe_standin.client().v1
    given = [{"coupon": api.coupons.create({"percent_off": 5, "duration": "forever"}).id}]
    owner = api.customers.create({"name": "Acme"}).id
    product = api.products.create({"name": "Plan"}).id
    monthly = {"currency": "eur", "unit_amount": 100, "recurring": {"interval": "month"}, "product": product}
    price = api.prices.create(monthly).id
    stripe_standin.form(f"/_standin/customers/{owner}/discount", given[0])
    api.subscriptions.create(
        {
            "customer": owner,
            "collection_method": "send_invoice",
            "days_until_due": 7,
            "discounts": given,
            "items": [{"price": price, "discounts": given} for _ in range(11)],
        }
    )
    lists = StripeObjectLists(
        StripeConnection(lambda _: "sk_test_standin", stripe_standin.base_url, retries=0)
    )
    after, found = None, list[Any]()
    while True:
        page = lists.page(DISCOUNT, after, None).read()
        found += [seen.state for seen in page.observations]
        if not page.has_more:
            break
        after = page.last
    lists.close()
    assert len([one for one in found if one.customer == owner]) == 13
    assert [violation for violation in recorder.violations if "/_standin/" not in violation.endpoint] == []
