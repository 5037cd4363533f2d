"""What a backfill makes of discounts of which no event told: real handler, PostgreSQL, and a Stripe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.more_payloads import coupon, discount
from tests.fakes.stripe_payloads import customer, invoice, item, subscription

if TYPE_CHECKING:
    from tests.support.recovery import Recovery

_LIVE = "SELECT id FROM discounts WHERE deleted_at IS NULL ORDER BY id"
_GONE = "SELECT id FROM discounts WHERE deleted_at IS NOT NULL ORDER BY id"


class Shop:
    """A customer and a monthly price at Stripe, and the mirror beside it, which hears of nothing."""

    def __init__(self, recovery: Recovery) -> None:
        self.recovery = recovery
        self.stripe = recovery.stripe.client().v1
        product = self.stripe.products.create({"name": "Plan"}).id
        month = {"interval": "month"}
        self.price = self.stripe.prices.create(
            {"currency": "eur", "unit_amount": 1000, "recurring": month, "product": product}
        ).id
        self.customer = self.stripe.customers.create({"name": "Kept"}).id

    def coupon(self, percent: int) -> list[dict[str, str]]:
        """Make a coupon; return it as what takes discounts names it."""
        made = self.stripe.coupons.create({"percent_off": percent, "duration": "forever"})
        return [{"coupon": made.id}]

    def subscribe(self, *, items: int = 1, **given: Any) -> Any:
        """Make a subscription."""
        whole = {"customer": self.customer, "collection_method": "send_invoice", "days_until_due": 7}
        return self.stripe.subscriptions.create(
            {**whole, "items": [{"price": self.price} for _ in range(items)], **given}
        )

    def backfill_later(self) -> dict[str, Any]:
        """Backfill an hour later: what was mirrored in this very second may be later than a page of it."""
        self.recovery.owner.execute("UPDATE discounts SET as_of = as_of - interval '1 hour'")
        return self.recovery.backfill()


@pytest.fixture
def shop(recovery: Recovery) -> Shop:
    return Shop(recovery)


def test_a_discount_that_took_the_place_of_another_is_mirrored_so(shop: Shop) -> None:
    """Given a subscription whose coupon changed while nobody told, then the mirror has the new one alone."""
    fifty, ten = shop.coupon(50), shop.coupon(10)
    made = shop.subscribe(discounts=fifty)
    shop.recovery.backfill()
    assert shop.recovery.column(_LIVE) == made.discounts
    changed = shop.stripe.subscriptions.update(made.id, {"discounts": ten})
    kinds = shop.backfill_later()
    assert (shop.recovery.column(_LIVE), shop.recovery.column(_GONE)) == (changed.discounts, made.discounts)
    assert (kinds["discount"]["objects"], kinds["discount"]["deleted"]) == (1, 1)
    assert (kinds["subscription"]["objects"], kinds["customer"]["objects"]) == (1, 1)


def test_every_place_of_a_discount_is_looked_at(shop: Shop) -> None:
    """Given discounts of a customer, a subscription and the last of 12 items, then each comes and goes."""
    given = shop.coupon(5)
    shop.recovery.stripe.form(f"/_standin/customers/{shop.customer}/discount", given[0])
    made = shop.subscribe(items=12, discounts=given)
    last = shop.stripe.subscription_items.list({"subscription": made.id, "limit": 100}).data[-1]

    def discount_item(discounts: Any) -> None:
        changed = [{"id": last.id, "discounts": discounts}]
        shop.stripe.subscriptions.update(made.id, {"items": changed, "proration_behavior": "none"})

    discount_item(given)
    assert shop.recovery.backfill()["discount"]["objects"] == 3
    owners = "SELECT concat_ws(' ', customer, subscription, subscription_item) FROM discounts"
    assert set(shop.recovery.column(owners)) == {
        shop.customer,
        f"{shop.customer} {made.id}",
        f"{shop.customer} {last.id}",
    }
    shop.stripe.customers.delete_discount(shop.customer)
    shop.stripe.subscriptions.update(made.id, {"discounts": ""})
    discount_item("")
    assert shop.backfill_later()["discount"]["deleted"] == 3
    assert shop.recovery.column(_LIVE) == []


def test_what_a_deleted_customer_had_is_gone_and_what_a_cancelled_subscription_has_is_not(shop: Shop) -> None:
    """Given a customer deleted while nobody told, then its discount is gone, its subscription's stays."""
    given = shop.coupon(5)
    shop.recovery.stripe.form(f"/_standin/customers/{shop.customer}/discount", given[0])
    made = shop.subscribe(discounts=given)
    shop.recovery.backfill()
    shop.stripe.customers.delete(shop.customer)
    assert shop.backfill_later()["discount"]["deleted"] == 1
    assert shop.recovery.column(_LIVE) == list(made.discounts)
    assert shop.recovery.column("SELECT status FROM subscriptions") == ["canceled"]


def test_a_coupon_that_is_gone_still_names_the_discount(recovery: Recovery) -> None:
    """Given a discount whose coupon was deleted before anybody told, then both come, the coupon as gone."""
    recovery.stripe.load(coupon(), discount(), customer(), subscription(discounts=["di_1"]))
    recovery.stripe.client().v1.coupons.delete("LAUNCH")
    recovery.backfill()
    assert recovery.column(_LIVE) == ["di_1"]
    assert recovery.column("SELECT name FROM coupons WHERE deleted_at IS NOT NULL") == ["Launch"]


def test_a_discount_that_moved_to_another_owner_stays(recovery: Recovery) -> None:
    """Given a customer's discount that only a subscription and its item use now, then it is not gone."""
    source = {"type": "coupon", "coupon": "LAUNCH"}
    recovery.stripe.load(coupon(), discount(subscription=None, source=source), customer(discount=discount()))
    recovery.backfill()
    recovery.owner.execute("UPDATE discounts SET as_of = as_of - interval '1 hour'")
    items = {"object": "list", "data": [item(discounts=["di_1"])], "has_more": False}
    recovery.stripe.load(customer(), subscription(discounts=["di_1"], items=items))
    kinds = recovery.backfill()
    assert (kinds["discount"]["objects"], kinds["discount"]["deleted"]) == (1, 0)
    assert recovery.column(_LIVE) == ["di_1"]


def test_what_an_invoice_has_of_its_own_is_left_to_the_invoice(recovery: Recovery) -> None:
    """Given a discount that was put on an invoice, so that no customer shows it, then it stays."""
    put = discount(subscription=None, invoice="in_1")
    recovery.stripe.load(coupon(), put, customer(), invoice())
    recovery.backfill()
    recovery.owner.execute("UPDATE discounts SET as_of = as_of - interval '1 hour'")
    assert recovery.backfill()["discount"]["checked"] == 0
    assert recovery.column(_LIVE) == ["di_1"]
