"""Tax rates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.stripe_standin.call import kept, new_id, route
from local.stripe_standin.events import emit
from local.stripe_standin.params import METADATA, Boolean, Choice, Number, Text

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json


def _create(call: Call) -> Json:
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


ROUTES = (
    route(
        "POST",
        "/v1/tax_rates",
        _create,
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
    *kept("tax_rate", "/v1/tax_rates", {"active": Boolean(), "inclusive": Boolean()}),
)
