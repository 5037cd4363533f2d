"""The calls to Stripe's API that a history is made of: another kind of object is more entries in CALLS."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from simulation.actions import Ref
from simulation.invoice_calls import INVOICE_CALLS
from simulation.payment_calls import CARD, PAYMENT_CALLS
from simulation.scene import Kind

if TYPE_CHECKING:
    from simulation.scene import Params, Scene

_MONTH = 2_592_000


def _address(scene: Scene) -> Params:
    return {"city": scene.text(), "country": scene.random.choice(("DE", "FR")), "line1": scene.text()}


def new_customer(scene: Scene) -> Params:
    """Return the parameters of a new customer, who has a card."""
    return {
        "name": scene.text(),
        "email": f"{scene.random.randrange(10_000)}@example.com",
        "payment_method": CARD,
        "invoice_settings": {"default_payment_method": CARD},
        **({"address": _address(scene)} if scene.chance(0.5) else {}),
    }


def _customer_change(scene: Scene) -> Params:
    changes: list[Params] = [
        {"name": scene.maybe(scene.text())},
        {"email": scene.maybe(f"{scene.random.randrange(10_000)}@example.com")},
        {"address": scene.maybe(_address(scene))},
        {"preferred_locales": scene.random.sample(("de", "en", "fr"), scene.random.randint(0, 3))},
        {"tax_exempt": scene.random.choice(("none", "exempt", "reverse"))},
        {"metadata": {"note": scene.text()}},  # an event that changes nothing of what is mirrored
    ]
    return scene.random.choice(changes)


def _items(scene: Scene, most: int) -> list[Params]:
    prices = scene.names["price"][:2]
    chosen = scene.random.sample(prices, scene.random.randint(1, len(prices)))
    return [{"price": Ref(price), "quantity": scene.random.randint(1, most)} for price in chosen]


def _new_subscription(scene: Scene) -> Params:
    given: Params = {"items": _items(scene, 5), "default_tax_rates": scene.some("tax_rate", 1)}
    if scene.chance(0.4):
        given |= {"collection_method": "send_invoice", "days_until_due": 14}
    if scene.chance(0.3):
        given["discounts"] = scene.coupons()
    return given


def _subscription_change(scene: Scene) -> Params:
    if scene.chance(0.15):
        return {"discounts": scene.coupons()}
    if scene.chance(0.5):
        return {"cancel_at_period_end": not scene.state["cancel_at_period_end"]}
    changed = scene.random.sample(range(scene.items), scene.random.randint(1, scene.items))
    items = [
        {"id": Ref(scene.subject, item), "quantity": scene.random.randint(0, 9)} for item in sorted(changed)
    ]
    return {"items": items, "proration_behavior": "none"}


def _phases(scene: Scene) -> list[Params]:
    return [
        {
            "items": _items(scene, 9),
            "duration": {
                "interval": scene.random.choice(("week", "month", "month")),
                "interval_count": scene.random.randint(1, 3),
            },
            "proration_behavior": "none",
        }
        for _ in range(scene.random.randint(1, 3))
    ]


def _later_schedule(scene: Scene) -> Params:
    start = 3_000_000_000 + scene.random.randrange(_MONTH)
    return {"start_date": start, "phases": _phases(scene), **_end(scene)}


def _end(scene: Scene) -> Params:
    return {"end_behavior": scene.random.choice(("cancel", "release"))}


def _schedule_change(scene: Scene) -> Params:
    if scene.chance(0.6):
        return {"phases": _phases(scene)}
    return _end(scene)


def _coupon_again(scene: Scene) -> Params:
    return {"percent_off": Decimal(scene.random.randint(1, 99)), "name": scene.maybe(scene.text()) or "Again"}


def _product_change(scene: Scene) -> Params:
    changes: list[Params] = [
        {"name": scene.text()},
        {"description": scene.text()},
        {"active": not scene.state["active"]},
        {"unit_label": scene.random.choice(("seat", "call"))},
        {"metadata": {"note": scene.text()}},
    ]
    return scene.random.choice(changes)


def _price_change(scene: Scene) -> Params:
    changes: list[Params] = [{"active": not scene.state["active"]}, {"nickname": scene.text()}]
    if scene.state["tax_behavior"] == "unspecified":
        changes.append({"tax_behavior": scene.random.choice(("inclusive", "exclusive"))})
    return scene.random.choice(changes)


def _another_price(scene: Scene) -> Params:
    return {"currency": "eur", "unit_amount": scene.random.randint(0, 9999)}


def _discount(scene: Scene) -> Params:
    known = scene.names["coupon"]
    return {"coupon": Ref(scene.random.choice(known)) if known else "all are deleted"}


CALLS = (
    *INVOICE_CALLS,
    *PAYMENT_CALLS,
    Kind(3, "POST", "/v1/customers/{customer}", "customer", _customer_change),
    Kind(0.15, "DELETE", "/v1/customers/{customer}", "customer"),
    Kind(
        0.3,
        "POST",
        "/v1/customers/{customer}/tax_ids",
        "customer",
        lambda scene: {"type": "eu_vat", "value": f"DE{scene.random.randrange(10**9):09d}"},
    ),
    Kind(1, "POST", "/v1/subscriptions", "customer", _new_subscription, parameter="customer"),
    Kind(4, "POST", "/v1/subscriptions/{subscription}", "subscription", _subscription_change, ("active",)),
    Kind(0.5, "DELETE", "/v1/subscriptions/{subscription}", "subscription", statuses=("active",)),
    Kind(
        0.7,
        "POST",
        "/v1/subscription_schedules",
        "subscription",
        _end,
        statuses=("active",),
        parameter="from_subscription",
    ),
    Kind(0.8, "POST", "/v1/subscription_schedules", "customer", _later_schedule, parameter="customer"),
    Kind(
        1.5,
        "POST",
        "/v1/subscription_schedules/{schedule}",
        "subscription_schedule",
        _schedule_change,
        ("active", "not_started"),
    ),
    Kind(
        0.4,
        "POST",
        "/v1/subscription_schedules/{schedule}/cancel",
        "subscription_schedule",
        statuses=("active", "not_started"),
    ),
    Kind(
        0.5,
        "POST",
        "/v1/subscription_schedules/{schedule}/release",
        "subscription_schedule",
        statuses=("active", "not_started"),
    ),
    Kind(
        0.4,
        "POST",
        "/v1/billing/meters/{id}",
        "billing.meter",
        lambda scene: {"display_name": scene.text()},
    ),
    Kind(0.3, "POST", "/v1/billing/meters/{id}/deactivate", "billing.meter", statuses=("active",)),
    Kind(0.3, "POST", "/v1/billing/meters/{id}/reactivate", "billing.meter", statuses=("inactive",)),
    Kind(0.4, "POST", "/v1/coupons/{coupon}", "coupon", lambda scene: {"name": scene.text()}),
    Kind(0.3, "DELETE", "/v1/coupons/{coupon}", "coupon"),
    Kind(1.5, "POST", "/v1/coupons", "coupon", _coupon_again, parameter="id", revives=True),
    Kind(0.4, "POST", "/v1/products/{id}", "product", _product_change),
    Kind(0.3, "DELETE", "/v1/products/{id}", "product"),
    Kind(1, "POST", "/v1/products", "product", lambda scene: {"name": scene.text()}, (), "id", revives=True),
    Kind(0.4, "POST", "/v1/prices/{price}", "price", _price_change),
    Kind(0.1, "POST", "/v1/prices", "product", _another_price, parameter="product"),
    Kind(
        1.5,
        "POST",
        "/_standin/subscriptions/{subscription}/renew",
        "subscription",
        statuses=("active",),
    ),
    Kind(
        4,
        "POST",
        "/_standin/subscription_schedules/{schedule}/advance",
        "subscription_schedule",
        statuses=("active", "not_started"),
    ),
    Kind(
        0.5,
        "POST",
        "/_standin/customers/{customer}/discount",
        "customer",
        _discount,
    ),
    Kind(0.3, "DELETE", "/v1/customers/{customer}/discount", "customer"),
    Kind(0.3, "DELETE", "/v1/subscriptions/{subscription}/discount", "subscription"),
)
"""What may be asked of an object that exists; those that the stand-in does not have are left out."""

SETTING: tuple[tuple[str, Params], ...] = (
    ("/v1/products", {"name": "Seats"}),
    (
        "/v1/prices",
        {
            "product": Ref("product@1"),
            "currency": "eur",
            "unit_amount": 900,
            "recurring": {"interval": "month"},
        },
    ),
    (
        "/v1/prices",
        {"product": Ref("product@1"), "currency": "eur", "unit_amount": 0, "recurring": {"interval": "year"}},
    ),
    ("/v1/coupons", {"percent_off": Decimal(25), "duration": "once"}),
    ("/v1/tax_rates", {"display_name": "MwSt.", "percentage": Decimal("19.0"), "inclusive": False}),
    ("/v1/tax_rates", {"display_name": "TVA", "percentage": Decimal("5.5"), "inclusive": True}),
    (
        "/v1/billing/meters",
        {"display_name": "Calls", "event_name": "calls", "default_aggregation": {"formula": "sum"}},
    ),
    # Without prices, so that they can be deleted.
    ("/v1/products", {"name": "Spare"}),
    ("/v1/products", {"name": "Another"}),
)
"""What a world sells: the first calls of every history."""
