"""Event destinations: where events of API v2 are delivered."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from local.stripe_standin.call import Route, new_id
from local.stripe_standin.errors import V2Error
from local.stripe_standin.events import DESTINATION
from local.stripe_standin.params import Choice, Integer, Keyed, Shape, Text

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.params import Param
    from local.stripe_standin.store import Json

_PATH = "/v2/core/event_destinations"
_SECRET, _URL = "webhook_endpoint.signing_secret", "webhook_endpoint.url"
_MOST = 100


class _Texts:
    """A list of strings, as JSON has it, or as a query does: `include[0]=…`."""

    def read(self, value: Any, name: str) -> list[str]:
        """Return the list."""
        given = list(value.values()) if isinstance(value, dict) else value
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            raise V2Error("invalid_fields", f"{name}: not a list of strings.")
        return given


def _create(call: Call) -> Json:
    given = call.params
    if given["type"] != "webhook_endpoint" or "webhook_endpoint" not in given:
        raise V2Error("invalid_fields", "This stand-in of Stripe has destinations of webhook endpoints only.")
    now = datetime.fromtimestamp(call.clock, UTC).isoformat().replace("+00:00", "Z")
    destination = {
        "id": new_id("ed_test"),
        "object": DESTINATION,
        "created": call.clock,
        "description": given.get("description") or "",
        "enabled_events": given["enabled_events"],
        "event_payload": given["event_payload"],
        "events_from": ["self"],
        "livemode": False,
        "metadata": given.get("metadata") or {},
        "name": given["name"],
        "status": "enabled",
        "type": "webhook_endpoint",
        "_at": now,
        "_secret": f"whsec_{secrets.token_urlsafe(24)}",
        "_updated": now,
        "_url": _address(given["webhook_endpoint"]["url"]),
    }
    call.store.put(DESTINATION, destination)
    return _shown(destination, given.get("include", []))


def _address(url: str | None) -> str:
    parts = urlsplit(url or "")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise V2Error("invalid_fields", "webhook_endpoint.url: it must start with http:// or https://.")
    return str(url)


def _shown(destination: Json, include: list[str]) -> Json:
    """Return it as Stripe shows it: its URL and its secret only where they are asked for."""
    shown = {name: value for name, value in destination.items() if not name.startswith("_")}
    asked_for = {"signing_secret": (_SECRET, "_secret"), "url": (_URL, "_url")}
    return {
        **shown,
        "created": destination["_at"],
        "updated": destination["_updated"],
        "webhook_endpoint": {
            name: destination[kept] for name, (asked, kept) in asked_for.items() if asked in include
        },
    }


def _known(call: Call) -> Json:
    found = call.store.get(DESTINATION, call.path["id"])
    if found is None:
        raise V2Error("not_found", f"No such event destination: {call.path['id']}", status=404)
    return found


def _include(call: Call) -> list[str]:
    """Return what is to be shown: the secret only where it is made."""
    return [name for name in call.params.get("include", []) if name != _SECRET]


def _changed(call: Call, changes: Json) -> Json:
    now = datetime.fromtimestamp(call.clock, UTC).isoformat().replace("+00:00", "Z")
    destination = {**_known(call), **changes, "_updated": now}
    call.store.put(DESTINATION, destination)
    return _shown(destination, _include(call))


def _update(call: Call) -> Json:
    given = call.params
    changes: Json = {name: given[name] for name in ("description", "enabled_events", "name") if name in given}
    if "webhook_endpoint" in given:
        changes["_url"] = _address(given["webhook_endpoint"]["url"])
    return _changed(call, changes)


def _list(call: Call) -> Json:
    found = call.store.all(DESTINATION)[: call.params.get("limit", _MOST)]
    return {
        "data": [_shown(each, _include(call)) for each in found],
        "next_page_url": None,
        "previous_page_url": None,
    }


def _delete(call: Call) -> Json:
    destination = _known(call)
    call.store.delete(DESTINATION, destination["id"])
    call.store.db.execute("DELETE FROM deliveries WHERE endpoint = ?", (destination["id"],))
    return {"id": destination["id"], "object": DESTINATION}


_ENDPOINT = Shape({"url": Text()}, ("url",))
_GIVEN: dict[str, Param] = {
    "description": Text(),
    "enabled_events": _Texts(),
    "include": _Texts(),
    "metadata": Keyed(),
    "name": Text(),
    "webhook_endpoint": _ENDPOINT,
}

ROUTES = (
    Route(
        "POST",
        _PATH,
        _create,
        Shape(
            {**_GIVEN, "event_payload": Choice(("snapshot", "thin")), "type": Text()},
            ("enabled_events", "event_payload", "name", "type"),
        ),
    ),
    Route("GET", _PATH, _list, Shape({"include": _Texts(), "limit": Integer(1, _MOST)})),
    Route(
        "GET",
        f"{_PATH}/{{id}}",
        lambda call: _shown(_known(call), _include(call)),
        Shape({"include": _Texts()}),
    ),
    Route("POST", f"{_PATH}/{{id}}", _update, Shape(_GIVEN)),
    Route("POST", f"{_PATH}/{{id}}/enable", lambda call: _changed(call, {"status": "enabled"}), Shape()),
    Route("POST", f"{_PATH}/{{id}}/disable", lambda call: _changed(call, {"status": "disabled"}), Shape()),
    Route("DELETE", f"{_PATH}/{{id}}", _delete, Shape()),
)
