"""What is sold: products, prices, tax rates and coupons."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from local.stripe_standin.call import equal_filters, list_route, new_id, page, range_filters, route
from local.stripe_standin.errors import StripeError, missing_param
from local.stripe_standin.events import emit
from local.stripe_standin.params import (
    CURRENCY,
    METADATA,
    TIME_RANGE,
    Boolean,
    Choice,
    Integer,
    ListOf,
    Number,
    Shape,
    Text,
)

if TYPE_CHECKING:
    from local.stripe_standin.call import Call, Handler
    from local.stripe_standin.store import Json


def _taken(call: Call, kind: str, object_id: str) -> None:
    if call.store.get(kind, object_id) is not None:
        raise StripeError(f"{kind.capitalize()} already exists.", code="resource_already_exists", param="id")


def _create_product(call: Call) -> Json:
    given = call.params
    product_id = given.get("id") or new_id("prod")
    _taken(call, "product", product_id)
    product: Json = {
        "id": product_id,
        "object": "product",
        "active": given.get("active", True),
        "created": call.now,
        "default_price": None,
        "description": given.get("description"),
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": given.get("metadata") or {},
        "name": given["name"],
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "unit_label": given.get("unit_label"),
        "updated": call.now,
        "url": None,
    }
    call.store.put("product", product)
    emit(call, "product.created", product)
    return product


def decimal_text(value: Decimal) -> str:
    """Return a decimal as Stripe writes it: no exponent, no trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def unit_amount(given: dict[str, Any], name: str) -> Decimal:
    """Return the amount of unit_amount or unit_amount_decimal, in minor units; exactly one is given."""
    if ("unit_amount" in given) == ("unit_amount_decimal" in given):
        raise missing_param(name)
    amount = given.get("unit_amount_decimal")
    return amount if amount is not None else Decimal(given["unit_amount"])


def new_price(call: Call, given: dict[str, Any]) -> Json:
    """Make and keep a price of a known product."""
    amount = unit_amount(given, "unit_amount")
    recurring = given.get("recurring")
    product = call.require("product", given["product"], param="product")
    price: Json = {
        "id": new_id("price"),
        "object": "price",
        "active": given.get("active", True),
        "billing_scheme": "per_unit",
        "created": call.now,
        "currency": given["currency"].lower(),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": given.get("lookup_key"),
        "metadata": given.get("metadata") or {},
        "nickname": given.get("nickname"),
        "product": product["id"],
        "recurring": None
        if recurring is None
        else {
            "interval": recurring["interval"],
            "interval_count": recurring.get("interval_count", 1),
            "meter": None,
            "usage_type": "licensed",
        },
        "tax_behavior": given.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time" if recurring is None else "recurring",
        "unit_amount": int(amount) if amount == int(amount) else None,
        "unit_amount_decimal": decimal_text(amount),
    }
    call.store.put("price", price)
    emit(call, "price.created", price)
    return price


def _create_price(call: Call) -> Json:
    key = call.params.get("lookup_key")
    if key and any(price["lookup_key"] == key for price in call.store.all("price")):
        raise StripeError(f"A price already uses that lookup key ({key}).", param="lookup_key")
    return new_price(call, call.params)


def _list_prices(call: Call) -> Json:
    keys: list[str] = call.params.get("lookup_keys", [])
    filters = [
        *equal_filters(call, "active", "currency", "product", "type"),
        *range_filters("$.created", call.params.get("created")),
    ]
    if not keys:
        return page(call, "price", "/v1/prices", filters=filters)
    found = [price for price in call.store.all("price", filters) if price["lookup_key"] in keys]
    return {"object": "list", "data": found, "has_more": False, "url": "/v1/prices"}


def _create_tax_rate(call: Call) -> Json:
    given = call.params
    percentage = float(given["percentage"])
    rate: Json = {
        "id": new_id("txr"),
        "object": "tax_rate",
        "active": True,
        "country": given.get("country"),
        "created": call.now,
        "description": given.get("description"),
        "display_name": given["display_name"],
        "effective_percentage": percentage,
        "flat_amount": None,
        "inclusive": given["inclusive"],
        "jurisdiction": given.get("jurisdiction"),
        "jurisdiction_level": None,
        "livemode": False,
        "metadata": given.get("metadata") or {},
        "percentage": percentage,
        "rate_type": "percentage",
        "state": given.get("state"),
        "tax_type": given.get("tax_type"),
    }
    call.store.put("tax_rate", rate)
    emit(call, "tax_rate.created", rate)
    return rate


def _create_coupon(call: Call) -> Json:
    given = call.params
    if ("percent_off" in given) == ("amount_off" in given):
        raise missing_param("percent_off")
    if "amount_off" in given and "currency" not in given:
        raise missing_param("currency")
    coupon_id = given.get("id") or new_id("coupon")
    _taken(call, "coupon", coupon_id)
    coupon: Json = {
        "id": coupon_id,
        "object": "coupon",
        "amount_off": given.get("amount_off"),
        "created": call.now,
        "currency": given.get("currency"),
        "duration": given.get("duration", "once"),
        "duration_in_months": given.get("duration_in_months"),
        "livemode": False,
        "max_redemptions": None,
        "metadata": given.get("metadata") or {},
        "name": given.get("name"),
        "percent_off": float(given["percent_off"]) if "percent_off" in given else None,
        "redeem_by": None,
        "times_redeemed": 0,
        "valid": True,
    }
    call.store.put("coupon", coupon)
    emit(call, "coupon.created", coupon)
    return coupon


def _listed(kind: str, url: str, *names: str) -> Handler:
    def listed(call: Call) -> Json:
        filters = [*equal_filters(call, *names), *range_filters("$.created", call.params.get("created"))]
        return page(call, kind, url, filters=filters)

    return listed


_RECURRING = Shape(
    {"interval": Choice(("day", "month", "week", "year")), "interval_count": Integer(1)}, ("interval",)
)
_TAX_BEHAVIOR = Choice(("exclusive", "inclusive", "unspecified"))

ROUTES = (
    route(
        "POST",
        "/v1/products",
        _create_product,
        {
            "active": Boolean(),
            "description": Text(40000),
            "id": Text(),
            "metadata": METADATA,
            "name": Text(),
            "unit_label": Text(12),
        },
        ("name",),
    ),
    list_route(
        "/v1/products",
        _listed("product", "/v1/products", "active"),
        {"active": Boolean(), "created": TIME_RANGE},
    ),
    route("GET", "/v1/products/{id}", lambda call: call.require("product", call.path["id"])),
    route(
        "POST",
        "/v1/prices",
        _create_price,
        {
            "active": Boolean(),
            "currency": CURRENCY,
            "lookup_key": Text(200),
            "metadata": METADATA,
            "nickname": Text(),
            "product": Text(),
            "recurring": _RECURRING,
            "tax_behavior": _TAX_BEHAVIOR,
            "unit_amount": Integer(0),
            "unit_amount_decimal": Number(),
        },
        ("currency", "product"),
    ),
    list_route(
        "/v1/prices",
        _list_prices,
        {
            "active": Boolean(),
            "created": TIME_RANGE,
            "currency": CURRENCY,
            "lookup_keys": ListOf(Text()),
            "product": Text(),
            "type": Choice(("one_time", "recurring")),
        },
    ),
    route("GET", "/v1/prices/{price}", lambda call: call.require("price", call.path["price"])),
    route(
        "POST",
        "/v1/tax_rates",
        _create_tax_rate,
        {
            "country": Text(),
            "description": Text(),
            "display_name": Text(50),
            "inclusive": Boolean(),
            "jurisdiction": Text(50),
            "metadata": METADATA,
            "percentage": Number(),
            "state": Text(2),
            "tax_type": Choice(("gst", "hst", "jct", "pst", "qst", "rst", "sales_tax", "service_tax", "vat")),
        },
        ("display_name", "inclusive", "percentage"),
    ),
    list_route(
        "/v1/tax_rates",
        _listed("tax_rate", "/v1/tax_rates", "active", "inclusive"),
        {"active": Boolean(), "created": TIME_RANGE, "inclusive": Boolean()},
    ),
    route("GET", "/v1/tax_rates/{tax_rate}", lambda call: call.require("tax_rate", call.path["tax_rate"])),
    route(
        "POST",
        "/v1/coupons",
        _create_coupon,
        {
            "amount_off": Integer(1),
            "currency": CURRENCY,
            "duration": Choice(("forever", "once", "repeating")),
            "duration_in_months": Integer(1),
            "id": Text(),
            "metadata": METADATA,
            "name": Text(40),
            "percent_off": Number(),
        },
    ),
    list_route(
        "/v1/coupons",
        _listed("coupon", "/v1/coupons"),
        {"created": TIME_RANGE},
    ),
    route("GET", "/v1/coupons/{coupon}", lambda call: call.require("coupon", call.path["coupon"])),
)
