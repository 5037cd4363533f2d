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
from local.stripe_standin.metered import RECURRING, TIERS, recurring_of, tiers_of, without_tiers
from local.stripe_standin.params import (
    CURRENCY,
    METADATA,
    TIME_RANGE,
    Boolean,
    Choice,
    Integer,
    ListOf,
    Number,
    Text,
    merged_metadata,
)
from local.stripe_standin.totals import decimal_text

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


def unit_amount(given: dict[str, Any], name: str) -> Decimal:
    """Return the amount of unit_amount or unit_amount_decimal, in minor units; exactly one is given."""
    if ("unit_amount" in given) == ("unit_amount_decimal" in given):
        raise missing_param(name)
    amount = given.get("unit_amount_decimal")
    return amount if amount is not None else Decimal(given["unit_amount"])


def new_price(call: Call, given: dict[str, Any]) -> Json:
    """Make and keep a price of a known product."""
    tiers = None if given.get("billing_scheme") != "tiered" else tiers_of(given.get("tiers", []))
    amount = unit_amount(given, "unit_amount") if tiers is None else None
    recurring = recurring_of(call, given.get("recurring"))
    product = call.require("product", given["product"], param="product")
    price: Json = {
        "id": new_id("price"),
        "object": "price",
        "active": given.get("active", True),
        "billing_scheme": "per_unit" if tiers is None else "tiered",
        "created": call.now,
        "currency": given["currency"].lower(),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": given.get("lookup_key"),
        "metadata": given.get("metadata") or {},
        "nickname": given.get("nickname"),
        "product": product["id"],
        "recurring": recurring,
        "tax_behavior": given.get("tax_behavior", "unspecified"),
        "tiers_mode": None if tiers is None else given.get("tiers_mode", "graduated"),
        "transform_quantity": None,
        "type": "one_time" if recurring is None else "recurring",
        "unit_amount": int(amount) if amount is not None and amount == int(amount) else None,
        "unit_amount_decimal": None if amount is None else decimal_text(amount),
    }
    if tiers is not None:
        price["tiers"] = tiers
    call.store.put("price", price)
    emit(call, "price.created", without_tiers(price))
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


def _updated(call: Call, kind: str, before: Json, names: tuple[str, ...]) -> Json:
    after: Json = {**before, **{name: call.params[name] for name in names if name in call.params}}
    if "metadata" in call.params:
        after["metadata"] = merged_metadata(before["metadata"], call.params["metadata"])
    if after != before:
        if "updated" in before:
            after["updated"] = call.now
        call.store.put(kind, after)
        emit(call, f"{kind}.updated", without_tiers(after), before=without_tiers(before))
    return after


def _update_product(call: Call) -> Json:
    product = call.require("product", call.path["id"])
    return _updated(call, "product", product, ("active", "description", "name", "unit_label"))


def _update_price(call: Call) -> Json:
    price = call.require("price", call.path["price"])
    behavior = price["tax_behavior"]
    if behavior != "unspecified" and call.params.get("tax_behavior", behavior) != behavior:
        raise StripeError("The `tax_behavior` cannot be changed once it is set.", param="tax_behavior")
    return _updated(call, "price", price, ("active", "nickname", "tax_behavior"))


def _delete_product(call: Call) -> Json:
    product = call.require("product", call.path["id"])
    if any(price["product"] == product["id"] for price in call.store.all("price")):
        raise StripeError(
            "This product cannot be deleted because it has one or more user-created prices.", param="id"
        )
    call.store.delete("product", product["id"])
    emit(call, "product.deleted", product)
    return {"id": product["id"], "object": "product", "deleted": True}


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
        "/v1/products/{id}",
        _update_product,
        {
            "active": Boolean(),
            "description": Text(40000),
            "metadata": METADATA,
            "name": Text(),
            "unit_label": Text(12),
        },
    ),
    route("DELETE", "/v1/products/{id}", _delete_product),
    route(
        "POST",
        "/v1/prices",
        _create_price,
        {
            "active": Boolean(),
            "billing_scheme": Choice(("per_unit", "tiered")),
            "currency": CURRENCY,
            "lookup_key": Text(200),
            "metadata": METADATA,
            "nickname": Text(),
            "product": Text(),
            "recurring": RECURRING,
            "tax_behavior": _TAX_BEHAVIOR,
            "tiers": TIERS,
            "tiers_mode": Choice(("graduated", "volume")),
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
    route(
        "POST",
        "/v1/prices/{price}",
        _update_price,
        {"active": Boolean(), "metadata": METADATA, "nickname": Text(), "tax_behavior": _TAX_BEHAVIOR},
    ),
    route("GET", "/v1/prices/{price}", lambda call: call.require("price", call.path["price"])),
)
