"""Payments of invoices, as Stripe tells them; paying an invoice makes one (invoice_lifecycle)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.stripe_standin.call import equal_filters, list_route, page, range_filters, route
from local.stripe_standin.params import TIME_RANGE, Choice, Text

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json


def _list(call: Call) -> Json:
    filters = [
        *equal_filters(call, "invoice", "status"),
        *range_filters("$.created", call.params.get("created")),
    ]
    return page(call, "invoice_payment", "/v1/invoice_payments", filters=filters)


ROUTES = (
    list_route(
        "/v1/invoice_payments",
        _list,
        {"created": TIME_RANGE, "invoice": Text(), "status": Choice(("canceled", "open", "paid"))},
    ),
    route(
        "GET",
        "/v1/invoice_payments/{invoice_payment}",
        lambda call: call.require("invoice_payment", call.path["invoice_payment"]),
    ),
)
