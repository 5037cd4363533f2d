"""dj-stripe: the events of one client through its webhook view. It runs in a venv of its own.

`dj_stripe.py migrate` and `dj_stripe.py client`, with the settings as JSON in the variable PEER.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django  # type: ignore[import-not-found] # only the venv of the peer has it
from django.conf import settings  # type: ignore[import-not-found] # same

_UUID = "0b4b1e3e-6f53-4f0c-9a53-3c6c3cf3c0de"
_OWNER = {"id": "acct_1SBenchAccount01", "object": "account", "livemode": True, "created": 1_700_000_000}


def _configure(given: dict[str, Any]) -> None:
    """Set up Django as dj-stripe's documentation has it, with one connection that stays open."""
    at = urlsplit(given["database"])
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": at.hostname,
        "PORT": at.port,
        "NAME": at.path[1:],
        "USER": at.username,
        "PASSWORD": at.password,
        "CONN_MAX_AGE": None,
    }
    settings.configure(
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "djstripe"],
        DATABASES={"default": database},
        ALLOWED_HOSTS=["testserver"],
        SECRET_KEY="bench",  # noqa: S106 - signs nothing here
        USE_TZ=True,
        STRIPE_LIVE_SECRET_KEY="sk_live_" + "bench" * 5,  # of the form that it demands; the stub takes any
        STRIPE_LIVE_MODE=True,
        STRIPE_API_HOST=given["stripe"],
        DJSTRIPE_FOREIGN_KEY_TO_FIELD="id",
        LOGGING_CONFIG=None,
    )
    django.setup()


def _migrate(given: dict[str, Any]) -> None:
    """Run its migrations and register the endpoint that the events come to."""
    from django.core.management import call_command  # type: ignore[import-not-found] # noqa: PLC0415 - after setup
    from djstripe.models import WebhookEndpoint  # type: ignore[import-not-found] # noqa: PLC0415 - same

    call_command("migrate", verbosity=0)
    WebhookEndpoint.objects.create(
        id="we_1SBenchEndpoint01",
        secret=given["secret"],
        url=f"https://bench.example/stripe/webhook/{_UUID}",
        status="enabled",
        enabled_events=["*"],
        livemode=True,
        djstripe_uuid=_UUID,
    )


def _client(given: dict[str, Any]) -> None:
    """Apply the events, each timed, once the parent says so; the first ones only warm up."""
    from django.test import RequestFactory  # type: ignore[import-not-found] # noqa: PLC0415 - after setup
    from djstripe.views import ProcessWebhookView  # type: ignore[import-not-found] # noqa: PLC0415 - same

    view, requests = ProcessWebhookView.as_view(), RequestFactory()

    def once(event: dict[str, str]) -> float:
        request = requests.post(
            "/",
            data=event["body"],
            content_type="application/json",
            headers={"stripe-signature": event["signature"]},
        )
        at = time.perf_counter_ns()
        answer = view(request, uuid=_UUID)
        taken = (time.perf_counter_ns() - at) / 1e6
        if answer.status_code != 200:  # noqa: PLR2004 - HTTP's OK
            raise RuntimeError(f"dj-stripe answered {answer.status_code}")
        return taken

    events = [json.loads(line) for line in Path(given["events"]).read_text(encoding="utf-8").splitlines()]
    for event in events[: given["warm"]]:
        once(event)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    taken = [once(event) for event in events[given["warm"] :]]
    print(json.dumps({"milliseconds": taken, "began": began, "ended": time.monotonic()}), flush=True)


if __name__ == "__main__":
    asked = json.loads(os.environ["PEER"])
    _configure(asked)
    {"migrate": _migrate, "client": _client}[sys.argv[1]](asked)
