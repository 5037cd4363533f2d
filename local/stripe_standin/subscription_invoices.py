"""The invoices that a subscription makes: of its beginning, and of each period."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.stripe_standin import invoice_lines, invoices
from local.stripe_standin.metered import is_metered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json


def draft(call: Call, subscription: Json, items: Iterable[Json], reason: str) -> Json:
    """Make, keep and return a draft of the items' periods; the caller says so in an Event."""
    given: dict[str, Any] = {
        "collection_method": subscription["collection_method"],
        "default_tax_rates": [rate["id"] for rate in subscription["default_tax_rates"]],
    }
    if subscription["days_until_due"] is not None:
        given["days_until_due"] = subscription["days_until_due"]
    invoice = invoices.new_invoice(
        call,
        call.require("customer", subscription["customer"]),
        given,
        currency=subscription["currency"],
        reason=reason,
        subscription=subscription["id"],
    )
    for item in items:
        # What a meter counts is billed when the period is over.
        if not is_metered(item["price"]):
            invoice_lines.add_subscription_line(call.store, invoice["id"], item)
    return invoice
