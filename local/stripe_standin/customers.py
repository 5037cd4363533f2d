"""Customers and their tax ids."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from local.stripe_standin import payment_methods, subscription_lifecycle
from local.stripe_standin.call import equal_filters, list_route, new_id, page, range_filters, route
from local.stripe_standin.errors import StripeError
from local.stripe_standin.events import emit
from local.stripe_standin.params import (
    ADDRESS,
    METADATA,
    TIME_RANGE,
    Choice,
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

_UPDATE: dict[str, Param] = {
    "address": ADDRESS,
    "description": Text(),
    "email": Text(512),
    "invoice_settings": Shape({"default_payment_method": Text(), "footer": Text()}),
    "metadata": METADATA,
    "name": Text(256),
    "phone": Text(20),
    "preferred_locales": ListOf(Text()),
    "tax_exempt": Choice(("exempt", "none", "reverse")),
}
_CREATE: dict[str, Param] = {
    **_UPDATE,
    "payment_method": Text(),
    "tax_id_data": ListOf(Shape({"type": Text(), "value": Text()}, ("type", "value"))),
}
_ADDRESS_FIELDS = ("city", "country", "line1", "line2", "postal_code", "state")


def _create(call: Call) -> Json:
    customer_id = new_id("cus")
    customer: Json = {
        "id": customer_id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": call.now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": hashlib.sha256(customer_id.encode()).hexdigest()[:8].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    _change(customer, call.params)
    default = customer["invoice_settings"]["default_payment_method"]
    method = call.params.get("payment_method")
    if default is not None and default != method:
        raise StripeError(
            f"No such PaymentMethod: '{default}'; a new customer has only its payment_method",
            code="resource_missing",
            param="invoice_settings[default_payment_method]",
        )
    if method is not None:
        attached = payment_methods.attach(call, method, customer_id)["id"]
        customer["invoice_settings"]["default_payment_method"] = None if default is None else attached
    call.store.put("customer", customer)
    emit(call, "customer.created", customer)
    for tax_id in call.params.get("tax_id_data", []):
        _add_tax_id(call, customer_id, tax_id)
    return customer


def _change(customer: Json, params: dict[str, Any]) -> None:
    for name in ("description", "email", "name", "phone", "preferred_locales", "tax_exempt"):
        if name in params:
            customer[name] = params[name]
    if "address" in params:
        given = params["address"]
        customer["address"] = None if given is None else {key: given.get(key) for key in _ADDRESS_FIELDS}
    if "metadata" in params:
        customer["metadata"] = merged_metadata(customer["metadata"], params["metadata"])
    customer["invoice_settings"] = {**customer["invoice_settings"], **params.get("invoice_settings", {})}


def _add_tax_id(call: Call, customer: str, given: dict[str, Any]) -> Json:
    tax_id: Json = {
        "id": new_id("txi"),
        "object": "tax_id",
        "country": given["value"][:2].upper() if given["type"] == "eu_vat" else given["type"][:2].upper(),
        "created": call.now,
        "customer": customer,
        "customer_account": None,
        "livemode": False,
        "owner": {"customer": customer, "customer_account": None, "type": "customer"},
        "type": given["type"],
        "value": given["value"],
        "verification": {"status": "unavailable", "verified_address": None, "verified_name": None},
    }
    call.store.put("tax_id", tax_id, parent=customer)
    emit(call, "customer.tax_id.created", tax_id)
    return tax_id


def _retrieve(call: Call) -> Json:
    found = call.store.get("customer", call.path["customer"])
    return found if found is not None else call.require("customer", call.path["customer"])


def _update(call: Call) -> Json:
    before = call.require("customer", call.path["customer"])
    customer = {**before}
    _change(customer, call.params)
    if customer != before:
        call.store.put("customer", customer)
        emit(call, "customer.updated", customer, before=before)
    return customer


def _delete(call: Call) -> Json:
    customer = call.require("customer", call.path["customer"])
    for subscription in call.store.all("subscription", [Filter("$.customer", customer["id"])]):
        if subscription["status"] != "canceled":
            subscription_lifecycle.cancel(call, subscription)
    emit(call, "customer.deleted", customer)
    call.store.delete_children("tax_id", customer["id"])
    gone = {"id": customer["id"], "object": "customer", "deleted": True}
    # Stripe answers for a deleted customer's id for ever; `created` keeps its place in the table.
    call.store.put("customer", gone)
    return gone


def _list(call: Call) -> Json:
    filters = [
        Filter("$.deleted", None),
        *equal_filters(call, "email"),
        *range_filters("$.created", call.params.get("created")),
    ]
    return page(call, "customer", "/v1/customers", filters=filters)


def _list_tax_ids(call: Call) -> Json:
    customer = call.require("customer", call.path["customer"])["id"]
    return page(call, "tax_id", f"/v1/customers/{customer}/tax_ids", parent=customer)


def _create_tax_id(call: Call) -> Json:
    return _add_tax_id(call, call.require("customer", call.path["customer"])["id"], call.params)


ROUTES = (
    route("POST", "/v1/customers", _create, _CREATE),
    list_route("/v1/customers", _list, {"created": TIME_RANGE, "email": Text()}),
    route("GET", "/v1/customers/{customer}", _retrieve),
    route("POST", "/v1/customers/{customer}", _update, _UPDATE),
    route("DELETE", "/v1/customers/{customer}", _delete),
    list_route("/v1/customers/{customer}/tax_ids", _list_tax_ids),
    route(
        "POST",
        "/v1/customers/{customer}/tax_ids",
        _create_tax_id,
        {"type": Text(), "value": Text()},
        ("type", "value"),
    ),
)
