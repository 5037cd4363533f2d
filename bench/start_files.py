"""What is started in row d: every function up to its first request, and the imports that it stands on."""

from __future__ import annotations

import json
from dataclasses import dataclass

from billing.domain.features import Feature

EMPTY = "def handler(event, context):\n    return {}\n"

_RESOLVER = "from aws_lambda_powertools.event_handler import APIGatewayHttpResolver"
_LOGS = "from aws_lambda_powertools.logging import Logger\nfrom aws_lambda_powertools.metrics import Metrics"
_DATABASE = "import psycopg"
_QUEUE = "import boto3\nboto3.client('sqs')"
_STORE = "import boto3\nboto3.client('s3')"
_BATCH = (
    "from aws_lambda_powertools.utilities.batch import BatchProcessor\n"
    "from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer\n"
    "import boto3\nboto3.client('dynamodb')"
)
_JOIN = "import app\nfrom billing import bootstrap as b\n"
_MIRRORING = "from billing import mirroring as s\n"
_METERING = "from billing import metering as m\n"
_FLAG = "b.feature_flags().enabled('invoices')\n"
_SECRET = "b._secrets().text('bench', 'username')\n"  # noqa: S105 - the text of a program
_SECRETS = "b._secrets().texts('bench', 'webhook_secrets')\n"


@dataclass(frozen=True, slots=True)
class Start:
    """`ready` brings a function to where its first request would send its first byte to the database or AWS.

    Secrets have been read then. `libraries` is the file that imports what it cannot do without.
    """

    libraries: str
    named: str
    ready: str


FUNCTIONS = {
    "apply_stripe_events": Start(
        f"{_DATABASE}\n{_BATCH}",
        "psycopg, Powertools' batch and idempotency, a DynamoDB client",
        f"{_JOIN}{_MIRRORING}s.read_stripe_event()\ns.apply_stripe_event()\n"
        f"s.idempotency_store()\ns.redelivery()\n{_SECRET}",
    ),
    "authorize": Start(
        f"{_DATABASE}\n{_LOGS}",
        "psycopg, Powertools' logger and metrics",
        f"{_JOIN}{_FLAG}b.authenticate()\n{_SECRET}",
    ),
    "backfill_stripe_objects": Start(
        f"{_DATABASE}\n{_LOGS}",
        "psycopg, Powertools' logger and metrics",
        f"{_JOIN}{_MIRRORING}s.backfill_stripe_objects()\n{_SECRET}",
    ),
    "get_alerts": Start(
        f"{_DATABASE}\n{_RESOLVER}",
        "psycopg, Powertools' HTTP resolver",
        f"{_JOIN}{_FLAG}{_METERING}m.get_alerts()\n{_SECRET}",
    ),
    "get_credit_note_pdf": Start(
        f"{_DATABASE}\n{_RESOLVER}\n{_STORE}",
        "psycopg, Powertools' HTTP resolver, an S3 client",
        f"{_JOIN}{_FLAG}b.get_credit_note_pdf().store._s3\n{_SECRET}",
    ),
    "get_current_usage": Start(
        f"{_DATABASE}\n{_RESOLVER}",
        "psycopg, Powertools' HTTP resolver",
        f"{_JOIN}{_FLAG}{_METERING}m.current_usage()\n{_SECRET}",
    ),
    "get_features": Start(_RESOLVER, "Powertools' HTTP resolver", f"{_JOIN}b.get_features()()\n"),
    "get_info": Start(_RESOLVER, "Powertools' HTTP resolver", f"{_JOIN}b.get_info()()\n"),
    "get_invoice": Start(
        f"{_DATABASE}\n{_RESOLVER}",
        "psycopg, Powertools' HTTP resolver",
        f"{_JOIN}{_FLAG}b.get_invoice()\n{_SECRET}",
    ),
    "get_invoice_pdf": Start(
        f"{_DATABASE}\n{_RESOLVER}\n{_STORE}",
        "psycopg, Powertools' HTTP resolver, an S3 client",
        f"{_JOIN}{_FLAG}b.get_invoice_pdf().store._s3\n{_SECRET}",
    ),
    "get_invoice_xml": Start(
        f"{_DATABASE}\n{_RESOLVER}",
        "psycopg, Powertools' HTTP resolver",
        f"{_JOIN}{_FLAG}b.get_invoice_xml()\n{_SECRET}",
    ),
    "ingest_usage": Start(
        f"{_DATABASE}\n{_RESOLVER}",
        "psycopg, Powertools' HTTP resolver",
        f"{_JOIN}{_FLAG}{_METERING}m.record_usage()\n{_SECRET}",
    ),
    "get_usage_history": Start(
        f"{_DATABASE}\n{_RESOLVER}",
        "psycopg, Powertools' HTTP resolver",
        f"{_JOIN}{_FLAG}{_METERING}m.usage_history()\n{_SECRET}",
    ),
    "list_invoices": Start(
        f"{_DATABASE}\n{_RESOLVER}",
        "psycopg, Powertools' HTTP resolver",
        f"{_JOIN}{_FLAG}b.list_invoices()\n{_SECRET}",
    ),
    "migrate": Start(
        f"{_DATABASE}\n{_LOGS}",
        "psycopg, Powertools' logger and metrics",
        f"{_JOIN}b.migrate_schema()\n{_SECRET}",
    ),
    "put_alerts": Start(
        f"{_DATABASE}\n{_RESOLVER}",
        "psycopg, Powertools' HTTP resolver",
        f"{_JOIN}{_FLAG}{_METERING}m.put_alerts()\n{_SECRET}",
    ),
    "late_usage": Start(
        f"{_DATABASE}\n{_LOGS}",
        "psycopg, Powertools' logger and metrics",
        f"{_JOIN}{_METERING}m.late_usage()\n{_SECRET}",
    ),
    "move_usage": Start(
        f"{_DATABASE}\n{_LOGS}",
        "psycopg, Powertools' logger and metrics",
        f"{_JOIN}{_METERING}m.move_usage()\n{_SECRET}",
    ),
    "replay_stripe_event": Start(
        f"{_DATABASE}\n{_LOGS}",
        "psycopg, Powertools' logger and metrics",
        f"{_JOIN}{_MIRRORING}s.replay_stripe_event()\n{_SECRET}",
    ),
    "report_usage": Start(
        f"{_DATABASE}\n{_LOGS}",
        "psycopg, Powertools' logger and metrics",
        f"{_JOIN}{_METERING}m.report_usage()\n{_SECRET}",
    ),
    "stripe_webhook": Start(
        _QUEUE,
        "an SQS client",
        f"{_JOIN}b.receive_stripe_event()._queue._connected()\n{_SECRETS}",
    ),
    "sweep_stripe_events": Start(
        f"{_DATABASE}\n{_LOGS}",
        "psycopg, Powertools' logger and metrics",
        f"{_JOIN}{_MIRRORING}s.sweep_stripe_events()\n{_SECRET}",
    ),
}

ENVIRONMENT = {
    "API_DATABASE_SECRET_ID": "bench",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_REGION": "eu-west-1",
    "AWS_SECRET_ACCESS_KEY": "test",
    "DATABASE_HOST": "127.0.0.1",
    "DATABASE_NAME": "billing",
    "DATABASE_PORT": "1",
    "DATABASE_SECRET_ID": "bench",
    "DATABASE_SSL_MODE": "disable",
    "DOCUMENT_BUCKET": "bench",
    "ENVIRONMENT": "bench",
    "EVENT_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/bench",
    "FEATURE_FLAGS": json.dumps({feature: {"default": True} for feature in Feature}),
    "IDEMPOTENCY_TABLE": "bench",
    "OIDC_AUDIENCE": "bench",
    "OIDC_ISSUER": "https://issuer.example",
    "OIDC_JWKS_URL": "https://issuer.example/jwks",
    "POWERTOOLS_METRICS_NAMESPACE": "Billing",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "SELLER": '{"name": "Acme Cloud GmbH"}',
    "STRIPE_API_BASE": "https://api.stripe.com",
    "STRIPE_API_KEY_SECRET_ID": "bench",
    "STRIPE_LIVEMODE": "true",
    "STRIPE_WEBHOOK_SECRET_ID": "bench",
    "WORKER_DATABASE_SECRET_ID": "bench",
}
