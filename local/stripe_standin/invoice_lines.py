"""The lines of invoices: made of invoice items and subscription items, paged, and added up."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from local.stripe_standin import totals
from local.stripe_standin.call import embedded_list, list_route, new_id, page
from local.stripe_standin.catalogue import new_price
from local.stripe_standin.errors import StripeError, missing_param
from local.stripe_standin.params import (
    CURRENCY,
    METADATA,
    Boolean,
    Choice,
    Integer,
    Number,
    Shape,
    Text,
)

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.params import (
        Param,
    )
    from local.stripe_standin.store import Json, Store

EMBEDDED = 10
"""How many lines an invoice embeds; the rest is paged."""

ITEM_FIELDS: dict[str, Param] = {
    "amount": Integer(),
    "description": Text(),
    "discountable": Boolean(),
    "metadata": METADATA,
    "period": Shape({"start": Integer(), "end": Integer()}, ("start", "end")),
    "price_data": Shape(
        {
            "currency": CURRENCY,
            "product": Text(),
            "tax_behavior": Choice(("exclusive", "inclusive", "unspecified")),
            "unit_amount": Integer(),
            "unit_amount_decimal": Number(),
        },
        ("currency", "product"),
    ),
    "pricing": Shape({"price": Text()}, ("price",)),
    "quantity": Integer(0),
}


def priced(call: Call, given: dict[str, Any], currency: str) -> Json:
    """Return what an invoice item and its line share: amount, quantity, pricing, period.

    The price is given as `amount`, as `pricing[price]` or as `price_data`, in `currency`.
    """
    if sum(name in given for name in ("amount", "pricing", "price_data")) != 1:
        raise missing_param("amount")
    quantity = given.get("quantity", 1)
    pricing, amount, description = None, given.get("amount"), given.get("description")
    if "amount" in given:
        if "quantity" in given:
            raise StripeError(
                "You may only specify one of these parameters: amount, quantity.", param="amount"
            )
    else:
        if "pricing" in given:
            price = call.require("price", given["pricing"]["price"], param="pricing[price]")
            if price["type"] != "one_time":
                raise StripeError(
                    f"The price specified is set to `type={price['type']}` but this field only accepts prices"
                    " with `type=one_time`.",
                    param="pricing[price]",
                )
        else:
            price = new_price(call, given["price_data"])
        if price["currency"] != currency:
            raise StripeError(
                f"The price's currency ({price['currency']}) is not the invoice's ({currency}).",
                param="currency",
            )
        pricing = price_details(price)
        amount = totals.rounded(Decimal(price["unit_amount_decimal"]) * quantity)
        description = description or call.require("product", price["product"])["name"]
    period = given.get("period") or {"start": call.now, "end": call.now}
    if period["end"] < period["start"]:
        raise StripeError("Invalid period: it ends before it starts", param="period[end]")
    return {
        "amount": amount,
        "currency": currency,
        "description": description,
        "discountable": given.get("discountable", True),
        "discounts": [],
        "livemode": False,
        "metadata": given.get("metadata") or {},
        "period": period,
        "pricing": pricing,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
    }


def price_details(price: Json) -> Json:
    """Return a price as lines name it."""
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def add_item_line(store: Store, invoice: str, item: Json) -> None:
    """Add the line of an invoice item."""
    parent = item["parent"]
    subscription = parent["subscription_details"]["subscription"] if parent else None
    _add(
        store,
        invoice,
        {key: item[key] for key in _SHARED},
        {
            "invoice_item_details": {
                "invoice_item": item["id"],
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": subscription,
            },
            "subscription_item_details": None,
            "type": "invoice_item_details",
        },
        subscription,
    )


def add_subscription_line(store: Store, invoice: str, item: Json) -> None:
    """Add the line of one period of a subscription item."""
    price = item["price"]
    amount = totals.rounded(Decimal(price["unit_amount_decimal"]) * item["quantity"])
    product = store.get("product", price["product"])
    _add(
        store,
        invoice,
        {
            "amount": amount,
            "currency": price["currency"],
            "description": f"{item['quantity']} x {product['name'] if product else price['product']}",
            "discountable": True,
            "discounts": [],
            "livemode": False,
            "metadata": {},
            "period": {"start": item["current_period_start"], "end": item["current_period_end"]},
            "pricing": price_details(price),
            "quantity": item["quantity"],
            "quantity_decimal": totals.decimal_text(Decimal(item["quantity"])),
        },
        {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": item["subscription"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        item["subscription"],
    )


_SHARED = (
    "amount",
    "currency",
    "description",
    "discountable",
    "discounts",
    "livemode",
    "metadata",
    "period",
    "pricing",
    "quantity",
    "quantity_decimal",
)


def _add(store: Store, invoice: str, shared: Json, parent: Json, subscription: str | None) -> None:
    line = {
        "id": new_id("il"),
        "object": "line_item",
        **shared,
        "discount_amounts": [],
        "invoice": invoice,
        "parent": parent,
        "pretax_credit_amounts": [],
        "subscription": subscription,
        "subtotal": shared["amount"],
        "taxes": [],
    }
    store.put("line_item", line, parent=invoice)


def add_up(store: Store, invoice: Json) -> Json:
    """Return the invoice with discounts, taxes and totals worked out anew, its lines rewritten."""
    lines = store.children("line_item", invoice["id"])
    coupons = []
    for discount_id in invoice["discounts"]:
        discount = store.get("discount", discount_id)
        coupon = store.get("coupon", discount["source"]["coupon"]) if discount else None
        if coupon is not None:
            coupons.append((discount_id, coupon))
    totals.apply_discounts(lines, coupons)
    totals.apply_taxes(lines, invoice["default_tax_rates"])
    for line in lines:
        store.put("line_item", line)
    sums = totals.totals(lines, invoice["discounts"])
    due = max(sums["total"], 0)
    return {**invoice, **sums, "amount_due": due, "amount_remaining": due}


def view(store: Store, invoice: Json) -> Json:
    """Return the invoice as Stripe shows it: with its first lines embedded."""
    url = f"/v1/invoices/{invoice['id']}/lines"
    lines = store.children("line_item", invoice["id"], EMBEDDED + 1)
    shown = {key: value for key, value in invoice.items() if key[0] != "_"}
    return {**shown, "lines": embedded_list(lines, url, EMBEDDED)}


def _list(call: Call) -> Json:
    invoice = call.require("invoice", call.path["invoice"])["id"]
    return page(call, "line_item", f"/v1/invoices/{invoice}/lines", parent=invoice)


ROUTES = (list_route("/v1/invoices/{invoice}/lines", _list),)
