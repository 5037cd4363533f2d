"""`make stripe-webhook`: the endpoint at Stripe with exactly our event types, in exactly our API version.

Stripe delivers the events of API v2 to event destinations, which tell no more than the type and the id: one
is kept beside the endpoint, for the same URL.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, TextIO

from billing.adapters.stripe.event_types import API_VERSION, STATE_TYPES, THIN_TYPES
from operate.cloud import OperateError
from operate.replay import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from operate.cloud import Cloud

_DESCRIPTION = "Serverless billing"
_SECRET = "webhook_endpoint.signing_secret"  # noqa: S105 - a field's name
_URL = "webhook_endpoint.url"


def ensure_endpoint(cloud: Cloud, out: TextIO) -> int:
    """Create the endpoint and the event destination or bring them up to date; return 0.

    The signing secrets are stored, never shown.

    Stripe fixes an endpoint's API version when it is created. So one of another version stays as it is, a new
    one is made beside it, and its secret is added to those that are accepted.

    Raises
    ------
    OperateError
        Stripe refuses, or the secret cannot be stored; then there is no new endpoint either.
    """
    import stripe  # noqa: PLC0415 - a second that the other commands need not pay

    client = stripe.StripeClient(
        _key(cloud),
        stripe_version=API_VERSION,
        base_addresses={"api": cloud.parameters["StripeApiBase"]},
        max_network_retries=2,
    )
    try:
        _ensure(cloud, client.v1.webhook_endpoints, out)
        _ensure_destination(cloud, client.v2.core.event_destinations, out)
    except (stripe.PermissionError, stripe.AuthenticationError):
        raise OperateError(
            "Stripe does not let this key write webhook endpoints and event destinations:"
            " set STRIPE_API_KEY to one that may"
        ) from None
    except stripe.StripeError as error:
        raise OperateError(f"Stripe refused: {error.user_message or type(error).__name__}") from None
    return 0


def _ensure(cloud: Cloud, endpoints: Any, out: TextIO) -> None:
    ours = [e for e in endpoints.list({"limit": 100}).auto_paging_iter() if e.url == cloud.webhook_url]
    current = [e for e in ours if e.api_version == API_VERSION]
    if not current:
        kept = _created(cloud, endpoints, out)
    else:
        kept = current[0]
        added, removed = (
            set(STATE_TYPES) - set(kept.enabled_events),
            set(kept.enabled_events) - set(STATE_TYPES),
        )
        if added or removed or kept.status != "enabled":
            endpoints.update(kept.id, {"enabled_events": list(STATE_TYPES), "disabled": False})
            say(out, f"{kept.id} updated: {len(added)} event types added, {len(removed)} removed")
        else:
            say(out, f"{kept.id} is as it should be")
    say(out, f"{cloud.webhook_url} gets {len(STATE_TYPES)} event types in version {API_VERSION}")
    for other in ours:
        if other.id != kept.id:
            version = other.api_version or "the account's own version"
            say(out, f"{other.id} delivers to the same URL in {version}, which cannot be changed:")
            say(
                out,
                "  remove it at Stripe once the new one delivers, then its secret from the list of secrets;",
            )
            say(out, "  until then events come twice, which does no harm")


def _ensure_destination(cloud: Cloud, destinations: Any, out: TextIO) -> None:
    listed = destinations.list({"limit": 100, "include": [_URL]}).auto_paging_iter()
    ours = [
        each
        for each in listed
        if each.type == "webhook_endpoint"
        and each.event_payload == "thin"
        and each.webhook_endpoint.url == cloud.webhook_url
    ]
    if not ours:
        made = destinations.create(
            {
                "name": _DESCRIPTION,
                "type": "webhook_endpoint",
                "event_payload": "thin",
                "enabled_events": list(THIN_TYPES),
                "webhook_endpoint": {"url": cloud.webhook_url},
                "include": [_SECRET],
            }
        )
        _keep(cloud, made.webhook_endpoint.signing_secret, lambda: destinations.delete(made.id))
        say(out, f"{made.id} created for thin events; its signing secret is there, too")
        return
    kept = ours[0]
    is_current = set(kept.enabled_events) == set(THIN_TYPES)
    if not is_current:
        destinations.update(kept.id, {"enabled_events": list(THIN_TYPES)})
    if kept.status != "enabled":
        destinations.enable(kept.id)
    as_it_should = is_current and kept.status == "enabled"
    say(out, f"{kept.id} {'is as it should be' if as_it_should else 'updated'}, for thin events")


def _created(cloud: Cloud, endpoints: Any, out: TextIO) -> Any:
    made = endpoints.create(
        {
            "url": cloud.webhook_url,
            "enabled_events": list(STATE_TYPES),
            "api_version": API_VERSION,
            "description": _DESCRIPTION,
        }
    )
    _keep(cloud, made.secret, lambda: endpoints.delete(made.id))
    say(out, f"{made.id} created; its signing secret is in {cloud.parameters['StripeWebhookSecretArn']}")
    return made


def _keep(cloud: Cloud, secret: str, undo: Callable[[], object]) -> None:
    try:
        _keep_secret(cloud, secret)
    except Exception:
        # It is shown once only: what sends what nobody can verify is of no use.
        undo()
        raise


def _keep_secret(cloud: Cloud, secret: str) -> None:
    """Put the new secret before those that are accepted already."""
    name = cloud.parameters["StripeWebhookSecretArn"]
    present = json.loads(cloud.secrets.get_secret_value(SecretId=name)["SecretString"])
    known = [one for one in present.get("webhook_secrets", []) if one != secret]
    cloud.secrets.put_secret_value(
        SecretId=name, SecretString=json.dumps({**present, "webhook_secrets": [secret, *known]})
    )


def _key(cloud: Cloud) -> str:
    given = os.environ.get("STRIPE_API_KEY")
    if given:
        return given
    secret = cloud.secrets.get_secret_value(SecretId=cloud.parameters["StripeApiKeySecretArn"])
    return str(json.loads(secret["SecretString"])["api_key"])


def event_types_table() -> str:
    """Return the table of docs/stripe-events.md."""
    from billing.adapters.postgres.mirror_sql import TABLES  # noqa: PLC0415 - only here
    from billing.adapters.stripe.event_types import DELETION_TYPES, SNAPSHOT_TYPES  # noqa: PLC0415 - only here

    rows = ["| Event type | What it changes | Table |", "| --- | --- | --- |"]
    for name in STATE_TYPES:
        kind = SNAPSHOT_TYPES.get(name) or DELETION_TYPES[name]
        shown = kind.value.replace("_", " ").replace(".", " ")
        gone = ", which is gone then" if name in DELETION_TYPES else ""
        rows.append(f"| `{name}` | {shown}{gone} | `{TABLES[kind]}` |")
    rows += [
        f"| `{name}` | a finding: Stripe refused usage; a thin event | `usage_findings` |"
        for name in THIN_TYPES
    ]
    return "\n".join(rows) + "\n"
