"""Makes the demo data at Stripe, as far as it is not there yet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from local.seed.api import Api
from local.seed.invoices import MARKER, InvoiceSeed, conclude
from local.seed.plan import demo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.seed.api import Json
    from local.seed.shapes import CustomerPlan, PricePlan, TaxPlan

_PRODUCT = "billing_demo"
_COUPON = "billing_demo_launch"
_METER = "api_calls"
"""The event name of the meter in migrations/meters.json."""


def seed(
    api_base: str,
    api_key: str,
    *,
    now: datetime | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Mapping[str, str]:
    """Make what is missing of the demo data, and return the Stripe customer of each demo user.

    The keys are `customer`, `other_customer` and `third_customer`. `tell` is called with a line of
    progress now and then.

    Raises
    ------
    LocalCloudError
        Stripe does not answer, or refuses.
    """
    api = Api(api_base, api_key)
    try:
        plans = demo(now or datetime.now(UTC))
        _product(api)
        _coupon(api, min(plan.since for plan in plans))
        meter = _meter(api)
        return {plan.role: _customer_with_history(api, plan, meter, tell) for plan in plans}
    finally:
        api.close()


def _product(api: Api) -> None:
    if api.find(f"/v1/products/{_PRODUCT}") is None:
        api.post("/v1/products", key="product", id=_PRODUCT, name="Analytics platform")


def _coupon(api: Api, since: datetime) -> None:
    if api.find(f"/v1/coupons/{_COUPON}") is None:
        api.post(
            "/v1/coupons",
            key="coupon",
            # Before the first discount that it is: what was made later is another coupon of the same id.
            at=since,
            id=_COUPON,
            name="Launch discount",
            percent_off=10,
            duration="forever",
        )


def _meter(api: Api) -> str:
    for found in api.all("/v1/billing/meters", status="active"):
        if found["event_name"] == _METER:
            return str(found["id"])
    created = api.post(
        "/v1/billing/meters",
        key="meter",
        display_name="API calls",
        event_name=_METER,
        default_aggregation={"formula": "sum"},
    )
    return str(created["id"])


def _customer_with_history(api: Api, plan: CustomerPlan, meter: str, tell: Callable[[str], None]) -> str:
    tell(plan.name)
    customer = _customer(api, plan)
    rate = _tax_rate(api, plan.tax)
    prices = {price.key: _price(api, price) for price in (plan.plan, *plan.prices)}
    items = (prices[plan.plan.key], _price(api, plan.metered, meter))
    subscription = _subscription(api, plan, customer, items, rate)
    invoices = InvoiceSeed(
        api=api,
        customer=customer,
        subscription=subscription["id"],
        tax_rate=rate,
        coupon=_COUPON,
        prices=prices,
    )
    known = invoices.known()
    for number, invoice in enumerate(sorted(plan.invoices, key=lambda each: each.issued), 1):
        tell(f"{plan.name}: invoice {number} of {len(plan.invoices)}")
        invoices.ensure(invoice, known.get(invoice.key), plan.tax, tell)
    if subscription["latest_invoice"]:
        # Last, so that numbers grow with time.
        first = api.get(f"/v1/invoices/{subscription['latest_invoice']}")
        conclude(api, first, plan.first_invoice, key=f"{plan.role}/first-invoice", issued=None)
    return customer


def _customer(api: Api, plan: CustomerPlan) -> str:
    for found in api.all("/v1/customers", email=plan.email):
        if found["metadata"].get(MARKER) == plan.role:
            return str(found["id"])
    details: Json = {
        "name": plan.name,
        "email": plan.email,
        "phone": plan.phone,
        "address": dict(plan.address),
        "preferred_locales": [plan.locale],
        "metadata": {MARKER: plan.role},
    }
    settings: Json = {}
    if plan.vat_id is not None:
        details["tax_id_data"] = [{"type": "eu_vat", "value": plan.vat_id}]
    if plan.by_card:
        details["payment_method"] = "pm_card_visa"
        settings["default_payment_method"] = "pm_card_visa"
    if plan.footer is not None:
        settings["footer"] = plan.footer
    if settings:
        details["invoice_settings"] = settings
    return str(api.post("/v1/customers", key=f"{plan.role}/customer", at=plan.since, **details)["id"])


def _tax_rate(api: Api, plan: TaxPlan) -> str:
    for found in api.all("/v1/tax_rates", active="true"):
        if found["metadata"].get(MARKER) == plan.key:
            return str(found["id"])
    created = api.post(
        "/v1/tax_rates",
        key=f"tax/{plan.key}",
        display_name=plan.display_name,
        percentage=plan.percentage,
        inclusive="true" if plan.inclusive else "false",
        country=plan.country,
        tax_type=plan.tax_type,
        metadata={MARKER: plan.key},
    )
    return str(created["id"])


def _price(api: Api, plan: PricePlan, meter: str | None = None) -> str:
    for found in api.all("/v1/prices", lookup_keys=[plan.key]):
        return str(found["id"])
    amount: Json = {"unit_amount_decimal": plan.unit_amount}
    if plan.included is not None:
        amount = {
            "billing_scheme": "tiered",
            "tiers_mode": "graduated",
            "tiers": [
                {"up_to": plan.included, "unit_amount": 0},
                {"up_to": "inf", "unit_amount_decimal": plan.unit_amount},
            ],
        }
    recurring: Json = {"recurring": {"interval": "month"}} if plan.monthly else {}
    if meter is not None:
        recurring["recurring"] |= {"usage_type": "metered", "meter": meter}
    created = api.post(
        "/v1/prices",
        key=f"price/{plan.key}",
        product=_PRODUCT,
        currency=plan.currency,
        nickname=plan.nickname,
        lookup_key=plan.key,
        **amount,
        **recurring,
    )
    return str(created["id"])


def _subscription(api: Api, plan: CustomerPlan, customer: str, prices: tuple[str, str], rate: str) -> Json:
    price, metered = prices
    for found in api.all("/v1/subscriptions", customer=customer, status="all"):
        if found["metadata"].get(MARKER) == plan.role:
            # One that was made before there was a meter has no item of it.
            if metered not in {item["price"]["id"] for item in found["items"]["data"]}:
                api.post(
                    "/v1/subscription_items",
                    key=f"{plan.role}/metered",
                    subscription=found["id"],
                    price=metered,
                    proration_behavior="none",
                )
            return found
    return api.post(
        "/v1/subscriptions",
        key=f"{plan.role}/subscription",
        customer=customer,
        items=[{"price": price, "quantity": plan.seats}, {"price": metered}],
        collection_method="send_invoice",
        days_until_due=plan.days_until_due,
        default_tax_rates=[rate],
        backdate_start_date=int(plan.since.timestamp()),
        proration_behavior="none",
        metadata={MARKER: plan.role},
    )
