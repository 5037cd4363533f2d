"""What every UsagePlans says about the meters of a customer's subscriptions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from billing.adapters.postgres.mirror import PostgresMirror
from billing.adapters.postgres.usage_plans import PostgresUsagePlans
from billing.domain.catalogue import MeterStatus, PriceTier
from billing.domain.mirror import Deletion, ObjectKind, Observation, Verdict
from billing.domain.subscriptions import SubscriptionItem, SubscriptionStatus
from billing.domain.usage import Aggregation, UsageMeter
from billing.domain.usage_plans import MeteredItem, MeteredPrice
from tests.fakes.mirror import FakeMirror
from tests.fakes.more_objects import METER, PRICE
from tests.fakes.objects import MONTH, SECOND, T0, a_subscription, an_event
from tests.fakes.usage_plans import FakeUsagePlans

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from billing.adapters.postgres.connection import Connection
    from billing.domain.mirror import Snapshot
    from billing.domain.subscriptions import Subscription
    from billing.use_cases.mirror_ports import Mirror
    from billing.use_cases.usage_ports import UsagePlans

CALLS = UsageMeter("calls", "Calls", "calls", Aggregation.SUM, stripe_event_name="api_calls")
SEATS = UsageMeter("seats", "Seats", "seats", Aggregation.MAX, stripe_event_name="seats")
STRIPES_CALLS = replace(METER, id="mtr_1", event_name="api_calls")
STRIPES_SEATS = replace(METER, id="mtr_2", event_name="seats")
TIERS = (PriceTier(1_000, Decimal(0), None), PriceTier(None, Decimal("0.000000000001"), Decimal(50)))
TIERED = replace(
    PRICE,
    billing_scheme="tiered",
    tiers_mode="graduated",
    unit_amount=None,
    tiers=TIERS,
    recurring_interval_count=3,
    transform_divide_by=None,
    transform_round=None,
)


@dataclass(frozen=True, slots=True)
class Sold:
    """A mirror, meters of ours, and what subscriptions say about them."""

    mirror: Mirror
    plans: UsagePlans
    define: Callable[[UsageMeter], None]

    def tell(self, *states: Snapshot, after: int = 0) -> None:
        """Mirror these states."""
        for number, state in enumerate(states):
            event = an_event(f"evt_{after}_{number}_{state.id}", state, after=after)
            observation = Observation(state, event.created + SECOND)
            assert self.mirror.apply(event, observation) is Verdict.APPLIED

    def items(self, customer: str = "cus_1") -> Mapping[str, MeteredItem]:
        """Return what the customer's subscriptions say."""
        return self.plans.items(customer)


@pytest.fixture(params=["fake", "postgres"])
def sold(request: pytest.FixtureRequest) -> Sold:
    if request.param == "fake":
        mirror = FakeMirror()
        plans = FakeUsagePlans(mirror)
        return Sold(mirror, plans, lambda meter: plans.meters.update({meter.name: meter}))
    owner: Connection = request.getfixturevalue("owner")
    owner.execute("DELETE FROM usage_meters")

    def define(meter: UsageMeter) -> None:
        owner.execute(
            "INSERT INTO usage_meters"
            " (name, display_name, event_type, aggregation, value_property, group_by, stripe_event_name)"
            " VALUES (%s, %s, %s, %s, 'value', '{}', %s)",
            (meter.name, meter.display_name, meter.event_type, meter.aggregation, meter.stripe_event_name),
        )

    return Sold(
        PostgresMirror(request.getfixturevalue("worker_database")),
        PostgresUsagePlans(request.getfixturevalue("api_database")),
        define,
    )


def _subscription(name: str = "sub_1", *prices: str, **changes: object) -> Subscription:
    items = tuple(
        SubscriptionItem(f"si_{price}", price, "prod_1", None, MONTH) for price in prices or ("price_1",)
    )
    return a_subscription(id=name, items=items, **changes)


def test_a_meter_has_the_item_whose_price_its_stripe_meter_feeds(sold: Sold) -> None:
    """Given a subscription to a metered price, when asked, then every field of item and price is there."""
    sold.define(CALLS)
    anchor = T0 - timedelta(days=3)
    sold.tell(TIERED, STRIPES_CALLS, _subscription(billing_cycle_anchor=anchor))
    price = MeteredPrice(
        id="price_1",
        currency="usd",
        billing_scheme="tiered",
        unit_amount=None,
        tiers_mode="graduated",
        tiers=TIERS,
        interval="month",
        interval_count=3,
        transform_divide_by=None,
        transform_round=None,
    )
    assert sold.items() == {"calls": MeteredItem("sub_1", "active", "si_price_1", price, MONTH, anchor)}


def test_a_price_by_the_package_is_told_whole(sold: Sold) -> None:
    """Given a price by the thousand, when asked, then its fraction of a cent and its package are exact."""
    sold.define(CALLS)
    sold.tell(PRICE, STRIPES_CALLS, _subscription())
    price = sold.items()["calls"].price
    assert (price.unit_amount, price.tiers, price.billing_scheme) == (Decimal("0.125"), (), "per_unit")
    assert (price.transform_divide_by, price.transform_round) == (1000, "up")


@pytest.mark.parametrize("status", list(SubscriptionStatus))
def test_only_what_stripe_bills_counts(sold: Sold, status: SubscriptionStatus) -> None:
    """Given a subscription of each status, when asked, then it counts if Stripe bills its usage."""
    sold.define(CALLS)
    sold.tell(PRICE, STRIPES_CALLS, _subscription(status=status))
    assert bool(sold.items()) is (status.value in {"trialing", "active", "past_due", "unpaid"})


def test_of_several_subscriptions_the_first_created_counts(sold: Sold) -> None:
    """Given two subscriptions of one meter, when asked, then the older one's item is the answer."""
    sold.define(CALLS)
    sold.tell(
        PRICE,
        replace(PRICE, id="price_old"),
        STRIPES_CALLS,
        _subscription("sub_1", created=T0 + SECOND),
        _subscription("sub_2", "price_old", created=T0),
    )
    assert sold.items()["calls"].subscription == "sub_2"
    sold.tell(_subscription("sub_2", "price_old", status=SubscriptionStatus.CANCELED), after=5)
    assert sold.items()["calls"].subscription == "sub_1"


def test_each_meter_has_its_own_item(sold: Sold) -> None:
    """Given a subscription to two meters and a flat price, when asked, then each meter has its item."""
    sold.define(CALLS)
    sold.define(SEATS)
    seats = replace(PRICE, id="price_2", recurring_meter="mtr_2")
    flat = replace(PRICE, id="price_3", recurring_meter=None, recurring_usage_type="licensed")
    sold.tell(PRICE, seats, flat, STRIPES_CALLS, STRIPES_SEATS)
    sold.tell(_subscription("sub_1", "price_3", "price_2", "price_1"))
    assert {name: item.item for name, item in sold.items().items()} == {
        "calls": "si_price_1",
        "seats": "si_price_2",
    }


def test_the_first_of_two_items_of_one_meter_counts(sold: Sold) -> None:
    """Given one subscription with two prices of a meter, when asked, then Stripe's order decides."""
    sold.define(CALLS)
    sold.tell(PRICE, replace(PRICE, id="price_0"), STRIPES_CALLS)
    sold.tell(_subscription("sub_1", "price_1", "price_0"))
    assert sold.items()["calls"].item == "si_price_1"


def test_a_meter_that_stripe_is_not_told_of_has_no_item(sold: Sold) -> None:
    """Given a meter without an event name at Stripe, when asked, then it is missing."""
    sold.define(replace(CALLS, stripe_event_name=None))
    sold.tell(PRICE, STRIPES_CALLS, _subscription())
    assert sold.items() == {}


def test_an_archived_price_and_an_inactive_meter_still_bill(sold: Sold) -> None:
    """Given a price and a meter that take nothing new, when asked, then who has them still pays them."""
    sold.define(CALLS)
    sold.tell(replace(PRICE, active=False), replace(STRIPES_CALLS, status=MeterStatus.INACTIVE))
    sold.tell(_subscription())
    assert "calls" in sold.items()


def test_what_is_deleted_or_not_here_yet_is_missing(sold: Sold) -> None:
    """Given a subscription whose price is not mirrored, or that is deleted, when asked, then nothing is."""
    sold.define(CALLS)
    sold.tell(STRIPES_CALLS, _subscription())
    assert sold.items() == {}
    sold.tell(PRICE)
    assert "calls" in sold.items()
    gone = Deletion(ObjectKind.SUBSCRIPTION, "sub_1")
    event = an_event("evt_gone", gone, after=9)
    assert sold.mirror.apply(event, Observation(gone, event.created + SECOND)) is Verdict.APPLIED
    assert sold.items() == {}


def test_nobody_sees_what_another_has(sold: Sold) -> None:
    """Given another customer's subscription, when asked, then there is nothing."""
    sold.define(CALLS)
    sold.tell(PRICE, STRIPES_CALLS, _subscription(customer="cus_2"))
    assert sold.items() == {}
    assert "calls" in sold.items("cus_2")
