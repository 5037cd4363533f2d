"""What is sold: products and prices."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from local.stripe_standin.call import (
    equal_filters,
    kept,
    list_route,
    new_id,
    page,
    range_filters,
    route,
    untaken,
)
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
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json


def _create_product(call: Call) -> Json:
    given = call.params
    product: Json = {
        "id": untaken(call, "product", given.get("id") or new_id("prod")),
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
    *kept("product", "/v1/products", {"active": Boolean()}),
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
)
