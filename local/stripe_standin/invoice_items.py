"""Invoice items: amounts that wait for an invoice, or stand on a draft."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.stripe_standin import invoice_lines
from local.stripe_standin.call import equal_filters, list_route, new_id, page, range_filters, route
from local.stripe_standin.errors import StripeError, missing_param
from local.stripe_standin.events import emit
from local.stripe_standin.params import CURRENCY, TIME_RANGE, Boolean, Text
from local.stripe_standin.store import Filter

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json


def new_item(
    call: Call,
    given: dict[str, Any],
    *,
    customer: str,
    currency: str,
    invoice: str | None,
    subscription: str | None,
) -> Json:
    """Make and keep an invoice item; the caller says so in an Event."""
    parent = None
    if subscription is not None:
        details = {"subscription": subscription}
        parent = {"subscription_details": details, "type": "subscription_details"}
    shared = invoice_lines.priced(call, given, currency)
    item: Json = {
        "id": new_id("ii"),
        "object": "invoiceitem",
        **shared,
        "customer": customer,
        "customer_account": None,
        "date": call.now,
        "invoice": invoice,
        "net_amount": shared["amount"],
        "parent": parent,
        "proration": False,
        "tax_rates": [],
        "test_clock": None,
    }
    call.store.put("invoiceitem", item)
    return item


def draft(call: Call, invoice_id: str, *, param: str | None = None) -> Json:
    """Return the invoice if it is a draft; otherwise refuse as Stripe does."""
    invoice = call.require("invoice", invoice_id, param=param)
    if invoice["status"] != "draft":
        raise StripeError(
            "Finalized invoices can't be updated in this way.", code="invoice_not_editable", param=param
        )
    return invoice


def write_draft(call: Call, invoice: Json) -> Json:
    """Add the draft up anew, keep it, say so in an Event, and return it as Stripe shows it."""
    before = call.require("invoice", invoice["id"])
    after = invoice_lines.add_up(call.store, invoice)
    call.store.put("invoice", after)
    shown = invoice_lines.view(call.store, after)
    emit(call, "invoice.updated", shown, before={**shown, **before})
    return shown


def _create(call: Call) -> Json:
    given = call.params
    customer = call.require("customer", given["customer"], param="customer")
    invoice = draft(call, given["invoice"], param="invoice") if given.get("invoice") else None
    if invoice is not None and invoice["customer"] != customer["id"]:
        raise StripeError("The invoice belongs to another customer.", param="invoice")
    subscription = given.get("subscription")
    if subscription is not None:
        subscription = call.require("subscription", subscription, param="subscription")["id"]
    price_data = given.get("price_data", {})
    currency = given.get("currency") or price_data.get("currency")
    if "pricing" in given:
        currency = call.require("price", given["pricing"]["price"], param="pricing[price]")["currency"]
    if not currency:
        raise missing_param("currency")
    item = new_item(
        call,
        given,
        customer=customer["id"],
        currency=currency.lower(),
        invoice=invoice["id"] if invoice else None,
        subscription=subscription,
    )
    emit(call, "invoiceitem.created", item)
    if invoice is not None:
        if invoice["currency"] != item["currency"]:
            raise StripeError(f"The invoice is in {invoice['currency']}.", param="currency")
        invoice_lines.add_item_line(call.store, invoice["id"], item)
        write_draft(call, invoice)
    return item


def pending(call: Call, customer: str, subscription: str | None) -> list[Json]:
    """Return the items that wait for an invoice of the customer, of one subscription if given."""
    waiting = call.store.all("invoiceitem", [Filter("$.customer", customer), Filter("$.invoice", None)])
    if subscription is None:
        return waiting
    return [
        item
        for item in waiting
        if item["parent"] and item["parent"]["subscription_details"]["subscription"] == subscription
    ]


def _list(call: Call) -> Json:
    filters = [
        *equal_filters(call, "customer", "invoice"),
        *range_filters("$.date", call.params.get("created")),
    ]
    if call.params.get("pending"):
        filters.append(Filter("$.invoice", None))
    elif "pending" in call.params:
        filters.append(Filter("$.invoice", "", "gt"))
    return page(call, "invoiceitem", "/v1/invoiceitems", filters=filters)


def _delete(call: Call) -> Json:
    item = call.require("invoiceitem", call.path["invoiceitem"])
    invoice = draft(call, item["invoice"]) if item["invoice"] else None
    call.store.delete("invoiceitem", item["id"])
    emit(call, "invoiceitem.deleted", item)
    if invoice is not None:
        for line in call.store.children("line_item", invoice["id"]):
            details = line["parent"]["invoice_item_details"]
            if details and details["invoice_item"] == item["id"]:
                call.store.delete("line_item", line["id"])
        write_draft(call, invoice)
    return {"id": item["id"], "object": "invoiceitem", "deleted": True}


ROUTES = (
    route(
        "POST",
        "/v1/invoiceitems",
        _create,
        {
            **invoice_lines.ITEM_FIELDS,
            "currency": CURRENCY,
            "customer": Text(),
            "invoice": Text(),
            "subscription": Text(),
        },
        ("customer",),
    ),
    list_route(
        "/v1/invoiceitems",
        _list,
        {"created": TIME_RANGE, "customer": Text(), "invoice": Text(), "pending": Boolean()},
    ),
    route(
        "GET",
        "/v1/invoiceitems/{invoiceitem}",
        lambda call: call.require("invoiceitem", call.path["invoiceitem"]),
    ),
    route("DELETE", "/v1/invoiceitems/{invoiceitem}", _delete),
)
