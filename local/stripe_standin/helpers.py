"""The stand-in's helper API, which Stripe does not have; it takes and gives JSON, but for the first three.

- `POST /_standin/customers/{customer}/discount`, which takes `coupon` as a form and a key, as Stripe's
  own calls do: gives the customer the coupon, with events (`coupons.py`).
- `POST /_standin/subscriptions/{subscription}/renew`, as the call before: what time does to a subscription
  when its period ends (`renewals.py`).
- `POST /_standin/subscription_schedules/{schedule}/advance`, as the call before: what time does to a schedule
  until it begins or its phase ends (`phases.py`).
- `GET /_standin/health`: how many objects and deliveries there are.
- `PUT /_standin/webhook` `{"url", "secret", "enabled_events"?}`: the one endpoint with a secret that
  is known beforehand; sent again it replaces what it was.
- `PUT /_standin/objects` `{"objects": [raw Stripe objects]}`: makes them Stripe's state as they are,
  without events; the lines of an invoice or credit note and the items of a subscription come embedded.
- `PUT /_standin/rate` `{"per_second"}`: answers 429 to calls over this limit (null: none), and counts
  anew; `GET /_standin/rate`: the limit, and how many calls were taken and refused since.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from local.stripe_standin import API_VERSION
from local.stripe_standin.delivery import Deliverer
from local.stripe_standin.errors import StripeError
from local.stripe_standin.webhook_endpoints import LOCAL_ENDPOINT, new_endpoint

if TYPE_CHECKING:
    from local.stripe_standin.store import Store

DELIVERER: web.AppKey[Deliverer] = web.AppKey("deliverer", Deliverer)

_CHILDREN = {
    "invoice": ("lines", "line_item"),
    "subscription": ("items", "subscription_item"),
    "credit_note": ("lines", "credit_note_line_item"),
}


def load(store: Store, obj: Any) -> None:
    """Make the raw object Stripe's state; embedded lines and items replace those that were there.

    Raises
    ------
    StripeError
        It is not an object with `object` and `id`.
    """
    if (
        not isinstance(obj, dict)
        or not isinstance(obj.get("object"), str)
        or not isinstance(obj.get("id"), str)
    ):
        raise StripeError("Every object needs its `object` and `id`", param="objects")
    kind = obj["object"]
    if kind in _CHILDREN:
        name, child_kind = _CHILDREN[kind]
        children = obj.get(name, {}).get("data", [])
        obj = {key: value for key, value in obj.items() if key != name}
        store.delete_children(child_kind, obj["id"])
        for child in children:
            store.put(child_kind, child, parent=obj["id"])
    store.put(kind, obj)


def add_routes(app: web.Application, store: Store) -> None:
    """Add the helper API to the application."""

    async def health(_: web.Request) -> web.Response:
        deliveries = app[DELIVERER].counts()
        return web.json_response({"status": "ok", "objects": store.counts(), "deliveries": deliveries})

    async def put_webhook(request: web.Request) -> web.Response:
        try:
            given = await request.json()
            endpoint = new_endpoint(
                LOCAL_ENDPOINT,
                given["url"],
                given["secret"],
                given.get("enabled_events", ["*"]),
                created=int(time.time()),
                description="The local cloud",
                api_version=API_VERSION,
            )
        except (json.JSONDecodeError, KeyError, TypeError):
            return _refused('Send {"url": …, "secret": …} as JSON')
        except StripeError as error:
            return _refused(error.message)
        with store.transaction():
            store.put("webhook_endpoint", endpoint)
        return web.json_response({"id": LOCAL_ENDPOINT})

    async def put_objects(request: web.Request) -> web.Response:
        try:
            objects = (await request.json())["objects"]
            with store.transaction():
                for obj in objects:
                    load(store, obj)
        except (json.JSONDecodeError, KeyError, TypeError):
            return _refused('Send {"objects": [raw Stripe objects]} as JSON')
        except StripeError as error:
            return _refused(error.message)
        return web.json_response({"loaded": len(objects)})

    app.router.add_get("/_standin/health", health)
    app.router.add_put("/_standin/webhook", put_webhook)
    app.router.add_put("/_standin/objects", put_objects)


def _refused(message: str) -> web.Response:
    return web.json_response({"error": {"type": "standin_error", "message": message}}, status=400)
