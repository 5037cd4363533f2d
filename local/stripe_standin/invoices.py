"""Invoices while they are drafts: created, changed, listed, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.stripe_standin import invoice_items, invoice_lines
from local.stripe_standin.blank import blank_invoice
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
    Shape,
    Text,
    merged_metadata,
)
from local.stripe_standin.store import Filter

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.params import (
        Param,
    )
    from local.stripe_standin.store import Json

_DAY = 86_400
_COLLECTION = Choice(("charge_automatically", "send_invoice"))
_STATUSES = ("draft", "open", "paid", "uncollectible", "void")


def new_invoice(
    call: Call, customer: Json, given: dict[str, Any], *, currency: str, reason: str, subscription: str | None
) -> Json:
    """Make and keep a draft without lines; the caller adds them and says so in an Event."""
    method = given.get("collection_method", "charge_automatically")
    if method == "send_invoice" and "due_date" not in given and "days_until_due" not in given:
        raise missing_param("days_until_due")
    rates = [
        call.require("tax_rate", rate, param="default_tax_rates")
        for rate in given.get("default_tax_rates", [])
    ]
    invoice_id = new_id("in")
    parent = None
    if subscription is not None:
        details = {"metadata": {}, "subscription": subscription}
        parent = {"quote_details": None, "subscription_details": details, "type": "subscription_details"}
    tax_ids = call.store.children("tax_id", customer["id"])
    invoice = blank_invoice(invoice_id, customer, call.now) | {
        "auto_advance": given.get("auto_advance", subscription is not None),
        "billing_reason": reason,
        "collection_method": method,
        "currency": currency,
        "customer_tax_ids": [{"type": item["type"], "value": item["value"]} for item in tax_ids],
        "default_payment_method": given.get("default_payment_method"),
        "default_tax_rates": rates,
        "description": given.get("description"),
        "discounts": _discounts(call, customer["id"], invoice_id, given.get("discounts", [])),
        "due_date": given.get("due_date"),
        "effective_at": given.get("effective_at"),
        "footer": given.get("footer", customer["invoice_settings"]["footer"]),
        "metadata": merged_metadata({}, given.get("metadata", {})),
        "parent": parent,
        "_days_until_due": given.get("days_until_due"),
    }
    if "days_until_due" in given:
        invoice["due_date"] = call.now + given["days_until_due"] * _DAY
    call.store.put("invoice", invoice)
    if customer["currency"] is None:
        changed = {**customer, "currency": currency}
        call.store.put("customer", changed)
        emit(call, "customer.updated", changed, before=customer)
    return invoice


def created(call: Call, invoice: Json) -> Json:
    """Add up and keep a draft that has its lines now, say so in an Event, and return it as shown."""
    after = invoice_lines.add_up(call.store, invoice)
    call.store.put("invoice", after)
    shown = invoice_lines.view(call.store, after)
    emit(call, "invoice.created", shown)
    return shown


def _discounts(call: Call, customer: str, invoice: str, given: list[dict[str, str]]) -> list[str]:
    ids = []
    for entry in given:
        coupon = call.require("coupon", entry["coupon"], param="discounts[0][coupon]")
        discount: Json = {
            "id": new_id("di"),
            "object": "discount",
            "checkout_session": None,
            "customer": customer,
            "customer_account": None,
            "end": None,
            "invoice": invoice,
            "invoice_item": None,
            "promotion_code": None,
            "source": {"coupon": coupon["id"], "type": "coupon"},
            "start": call.now,
            "subscription": None,
            "subscription_item": None,
        }
        call.store.put("discount", discount)
        call.store.put("coupon", {**coupon, "times_redeemed": coupon["times_redeemed"] + 1})
        ids.append(str(discount["id"]))
    return ids


def _create(call: Call) -> Json:
    given = call.params
    customer = call.require("customer", given["customer"], param="customer")
    subscription: Json | None = None
    if given.get("subscription"):
        subscription = call.require("subscription", given["subscription"], param="subscription")
    behavior = given.get("pending_invoice_items_behavior", "include" if subscription else "exclude")
    items = []
    if behavior == "include":
        items = invoice_items.pending(call, customer["id"], subscription["id"] if subscription else None)
    if subscription is not None and not items:
        raise StripeError("Nothing to invoice for subscription", code="invoice_no_subscription_line_items")
    currency = (
        given.get("currency") or (items[0]["currency"] if items else customer["currency"]) or "usd"
    ).lower()
    invoice = new_invoice(
        call,
        customer,
        given,
        currency=currency,
        reason="manual",
        subscription=subscription["id"] if subscription else None,
    )
    for item in items:
        if item["currency"] == currency:
            call.store.put("invoiceitem", {**item, "invoice": invoice["id"]})
            invoice_lines.add_item_line(call.store, invoice["id"], item)
    return created(call, invoice)


def _retrieve(call: Call) -> Json:
    return invoice_lines.view(call.store, call.require("invoice", call.path["invoice"]))


def _update(call: Call) -> Json:
    given = call.params
    before = call.require("invoice", call.path["invoice"])
    if given.keys() - {"metadata"}:
        invoice_items.draft(call, before["id"])
    changed = {key: given[key] for key in ("description", "footer", "auto_advance") if key in given}
    after: Json = before | changed
    if "metadata" in given:
        after["metadata"] = merged_metadata(before["metadata"], given["metadata"])
    if after != before:
        call.store.put("invoice", after)
        shown = invoice_lines.view(call.store, after)
        emit(call, "invoice.updated", shown, before=invoice_lines.view(call.store, before))
    return invoice_lines.view(call.store, after)


def _add_lines(call: Call) -> Json:
    invoice = invoice_items.draft(call, call.path["invoice"])
    for given in call.params["lines"]:
        item = invoice_items.new_item(
            call,
            given,
            customer=invoice["customer"],
            currency=invoice["currency"],
            invoice=invoice["id"],
            subscription=None,
        )
        invoice_lines.add_item_line(call.store, invoice["id"], item)
    return invoice_items.write_draft(call, invoice)


def _delete(call: Call) -> Json:
    invoice = call.require("invoice", call.path["invoice"])
    if invoice["status"] != "draft":
        raise StripeError("You can only delete draft invoices", code="invoice_not_editable")
    emit(call, "invoice.deleted", invoice_lines.view(call.store, invoice))
    call.store.delete("invoice", invoice["id"])
    call.store.delete_children("line_item", invoice["id"])
    return {"id": invoice["id"], "object": "invoice", "deleted": True}


def _list(call: Call) -> Json:
    filters = [
        *equal_filters(call, "customer", "status", "collection_method"),
        *range_filters("$.created", call.params.get("created")),
        *range_filters("$.due_date", call.params.get("due_date")),
    ]
    if "subscription" in call.params:
        path = "$.parent.subscription_details.subscription"
        filters.append(Filter(path, call.params["subscription"]))
    return page(
        call,
        "invoice",
        "/v1/invoices",
        filters=filters,
        view=lambda invoice: invoice_lines.view(call.store, invoice),
    )


CREATE_FIELDS: dict[str, Param] = {
    "auto_advance": Boolean(),
    "collection_method": _COLLECTION,
    "currency": CURRENCY,
    "customer": Text(),
    "days_until_due": Integer(0),
    "default_payment_method": Text(),
    "default_tax_rates": ListOf(Text()),
    "description": Text(1500),
    "discounts": ListOf(Shape({"coupon": Text()}, ("coupon",))),
    "due_date": Integer(),
    "effective_at": Integer(),
    "footer": Text(),
    "metadata": METADATA,
    "pending_invoice_items_behavior": Choice(("exclude", "include")),
    "subscription": Text(),
}

ROUTES = (
    route("POST", "/v1/invoices", _create, CREATE_FIELDS, ("customer",)),
    list_route(
        "/v1/invoices",
        _list,
        {
            "collection_method": _COLLECTION,
            "created": TIME_RANGE,
            "customer": Text(),
            "due_date": TIME_RANGE,
            "status": Choice(_STATUSES),
            "subscription": Text(),
        },
    ),
    route("GET", "/v1/invoices/{invoice}", _retrieve),
    route(
        "POST",
        "/v1/invoices/{invoice}",
        _update,
        {"auto_advance": Boolean(), "description": Text(1500), "footer": Text(), "metadata": METADATA},
    ),
    route("DELETE", "/v1/invoices/{invoice}", _delete),
    route(
        "POST",
        "/v1/invoices/{invoice}/add_lines",
        _add_lines,
        {"lines": ListOf(Shape(invoice_lines.ITEM_FIELDS))},
        ("lines",),
    ),
)
