"""Webhook endpoints: where Events are delivered."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from local.stripe_standin.call import list_route, new_id, page, route
from local.stripe_standin.errors import StripeError
from local.stripe_standin.params import METADATA, Boolean, ListOf, Text, merged_metadata

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json, Store

LOCAL_ENDPOINT = "we_local"
"""The endpoint that `PUT /_standin/webhook` sets, with a secret known beforehand."""


def new_endpoint(
    endpoint_id: str,
    url: str,
    secret: str,
    events: list[str],
    *,
    created: int,
    description: str | None = None,
    api_version: str | None = None,
) -> Json:
    """Return an enabled endpoint as the store keeps it, with its secret.

    `api_version` is what it says of itself; what it is sent has this stand-in's version all the same.

    Raises
    ------
    StripeError
        The URL is not http or https.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise StripeError(
            "Invalid URL: it must start with http:// or https://", code="url_invalid", param="url"
        )
    return {
        "id": endpoint_id,
        "object": "webhook_endpoint",
        "api_version": api_version,
        "application": None,
        "created": created,
        "description": description,
        "enabled_events": events,
        "livemode": False,
        "metadata": {},
        "secret": secret,
        "status": "enabled",
        "url": url,
    }


def _shown(endpoint: Json) -> Json:
    return {key: value for key, value in endpoint.items() if key != "secret"}


def _create(call: Call) -> Json:
    given = call.params
    endpoint = new_endpoint(
        new_id("we"),
        given["url"],
        f"whsec_{secrets.token_urlsafe(24)}",
        given["enabled_events"],
        created=call.now,
        description=given.get("description"),
        api_version=given.get("api_version"),
    )
    endpoint["metadata"] = merged_metadata({}, given.get("metadata", {}))
    call.store.put("webhook_endpoint", endpoint)
    return endpoint


def _update(call: Call) -> Json:
    given = call.params
    endpoint = call.require("webhook_endpoint", call.path["webhook_endpoint"])
    endpoint |= {key: given[key] for key in ("url", "enabled_events", "description") if key in given}
    if "metadata" in given:
        endpoint["metadata"] = merged_metadata(endpoint["metadata"], given["metadata"])
    if "disabled" in given:
        endpoint["status"] = "disabled" if given["disabled"] else "enabled"
    call.store.put("webhook_endpoint", endpoint)
    return _shown(endpoint)


def remove(store: Store, endpoint_id: str) -> None:
    """Delete the endpoint and what was still to be delivered to it."""
    store.delete("webhook_endpoint", endpoint_id)
    store.db.execute("DELETE FROM deliveries WHERE endpoint = ?", (endpoint_id,))


def _delete(call: Call) -> Json:
    endpoint = call.require("webhook_endpoint", call.path["webhook_endpoint"])
    remove(call.store, endpoint["id"])
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


ROUTES = (
    route(
        "POST",
        "/v1/webhook_endpoints",
        _create,
        {
            "api_version": Text(),
            "description": Text(),
            "enabled_events": ListOf(Text()),
            "metadata": METADATA,
            "url": Text(),
        },
        ("enabled_events", "url"),
    ),
    list_route(
        "/v1/webhook_endpoints",
        lambda call: page(call, "webhook_endpoint", "/v1/webhook_endpoints", view=_shown),
    ),
    route(
        "GET",
        "/v1/webhook_endpoints/{webhook_endpoint}",
        lambda call: _shown(call.require("webhook_endpoint", call.path["webhook_endpoint"])),
    ),
    route(
        "POST",
        "/v1/webhook_endpoints/{webhook_endpoint}",
        _update,
        {
            "description": Text(),
            "disabled": Boolean(),
            "enabled_events": ListOf(Text()),
            "metadata": METADATA,
            "url": Text(),
        },
    ),
    route("DELETE", "/v1/webhook_endpoints/{webhook_endpoint}", _delete),
)
