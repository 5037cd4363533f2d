"""What a function may not load: each library costs tenths of a second of its cold start."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.lambdas import PROJECT

_LIST = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("app", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
{then}
print("\\n".join(sorted(sys.modules)))
"""

HEAVY = {"stripe", "psycopg", "pydantic", "fpdf", "jwt", "babel", "boto3", "requests", "aws_xray_sdk"}
POWERTOOLS = {
    f"aws_lambda_powertools.{part}"
    for part in ("event_handler", "utilities.idempotency", "utilities.batch", "utilities.parser")
}


def loaded(function: str, then: str = "") -> set[str]:
    """Return the modules of a fresh process that imported the function, and did `then`."""
    handler = PROJECT / "functions" / function / "app.py"
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT / "layers" / "common"),
        "AWS_DEFAULT_REGION": "eu-west-1",
        "STRIPE_WEBHOOK_SECRET_ID": "s",
        "DATABASE_HOST": "127.0.0.1",
        "DATABASE_PORT": "1",
        "DATABASE_NAME": "billing",
        "DATABASE_SECRET_ID": "s",
        "EVENT_QUEUE_URL": "q",
        "STRIPE_API_BASE": "http://127.0.0.1:1",
        "STRIPE_API_KEY_SECRET_ID": "s",
        "STRIPE_LIVEMODE": "true",
        "POWERTOOLS_SERVICE_NAME": "imports",
    }
    listed = subprocess.run(  # noqa: S603 - our own interpreter on our own file
        [sys.executable, "-c", _LIST.format(then=then), str(handler)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(listed.stdout.split())


def forbidden(modules: set[str], names: set[str]) -> set[str]:
    return {name for name in names if any(m == name or m.startswith(f"{name}.") for m in modules)}


@pytest.mark.parametrize("function", ["stripe_webhook", "apply_stripe_events"])
def test_nothing_heavy_is_loaded_before_it_is_used(function: str) -> None:
    """Given a fresh process, when a function of Stripe's events is imported, then no vendor SDK is loaded."""
    allowed = {"boto3"} if function == "apply_stripe_events" else set()  # Powertools' idempotency brings it
    assert forbidden(loaded(function), HEAVY - allowed) == set()


def test_the_webhook_never_loads_what_it_does_not_use() -> None:
    """Given a webhook that built all it needs, when its modules are listed, then no foreign SDK is."""
    modules = loaded("stripe_webhook", then="from billing import bootstrap; bootstrap.receive_stripe_event()")
    assert "billing.use_cases.receive_stripe_event" in modules
    assert forbidden(modules, (HEAVY - {"boto3"}) | POWERTOOLS) == set()
    assert not {name for name in modules if name.startswith("billing.adapters.postgres")}


@pytest.mark.parametrize("function", ["sweep_stripe_events", "replay_stripe_event"])
def test_what_queues_events_unread_loads_neither_the_queue_nor_what_reads_them(function: str) -> None:
    """Given what asks the database before it queues, when it is built, then no SDK or reader is loaded."""
    modules = loaded(function, then=f"from billing import mirroring; mirroring.{function}()")
    assert "billing.adapters.sqs.event_queue" in modules
    assert forbidden(modules, {"boto3", "stripe", "requests"}) == set()
    assert (
        not {"billing.adapters.stripe.events", "billing.domain.lifecycles", "billing.domain.invoices"}
        & modules
    )


def test_applying_without_a_tie_never_loads_stripe() -> None:
    """Given the adapter that asks Stripe, when it is built but not asked, then the SDK is not loaded."""
    build = "from billing.adapters.stripe.objects import StripeApi; StripeApi(lambda _: 'k', 'http://x')"
    modules = loaded("apply_stripe_events", then=build)
    assert "billing.adapters.stripe.objects" in modules
    assert forbidden(modules, {"stripe", "requests"}) == set()


@pytest.mark.parametrize("function", sorted(path.parent.name for path in PROJECT.glob("functions/*/app.py")))
def test_only_the_document_function_may_see_fpdf_and_none_at_import(function: str) -> None:
    """Given any function in a fresh process, when it is imported, then neither fpdf2 nor Tracer's SDK is."""
    assert forbidden(loaded(function), {"fpdf", "drafthorse", "aws_xray_sdk", "stripe", "pydantic"}) == set()
