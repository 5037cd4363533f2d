"""The HTTP API in this process: the real bootstrap on real PostgreSQL, AWS and an OIDC issuer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest

from billing import bootstrap, metering, mirroring
from billing.adapters.postgres.mirror import PostgresMirror
from billing.domain.features import Feature
from tests.fixtures.environment import of_database
from tests.fixtures.stripe_data import running_standin
from tests.support.api import Api
from tests.support.cold_start import cold_start
from tests.support.event_worker import Worker
from tests.support.issuer import AUDIENCE, rsa_key, running_issuer
from tests.support.recovery import Recovery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sqs import SQSClient

    from billing.adapters.postgres.connection import Connection, Credentials, Database
    from billing.domain.documents import InvoiceDocument
    from billing.settings import DatabaseSettings
    from tests.fixtures.stripe_data import RunningStandin
    from tests.support.issuer import Issuer

SELLER = {
    "name": "Seller GmbH",
    "address": {"line1": "Markt 1", "city": "Köln", "country": "DE"},
    "tax_ids": [{"type": "eu_vat", "value": "DE123456789"}],
}


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    """Yield a running OIDC issuer."""
    with running_issuer(rsa_key()) as running:
        yield running


@pytest.fixture(scope="session")
def clients(aws_endpoint: str) -> tuple[SecretsManagerClient, S3Client]:
    """Return clients of the local AWS; making one takes longer than most tests."""
    return boto3.client("secretsmanager"), boto3.client("s3")


@pytest.fixture
def environment(
    clients: tuple[SecretsManagerClient, S3Client],
    unique_name: str,
    database: DatabaseSettings,
    database_secrets: dict[str, Credentials],
    issuer: Issuer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """Set the variables of template.yaml for one test, and forget what bootstrap has built from them."""
    credentials = database_secrets["billing_api"]
    secret = json.dumps({"username": credentials.username, "password": credentials.password})
    secrets_manager, s3 = clients
    secrets_manager.create_secret(Name=unique_name, SecretString=secret)
    s3.create_bucket(Bucket=unique_name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    variables = {
        **of_database(database, unique_name),
        "DOCUMENT_BUCKET": unique_name,
        "OIDC_ISSUER": issuer.url,
        "OIDC_AUDIENCE": AUDIENCE,
        "OIDC_JWKS_URL": issuer.jwks_url,
        "FEATURE_FLAGS": json.dumps({feature.value: {"default": True} for feature in Feature}),
        "SELLER": json.dumps(SELLER),
        "ENVIRONMENT": "test",
        "POWERTOOLS_SERVICE_NAME": "test",
        "POWERTOOLS_METRICS_NAMESPACE": "Billing",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    # Fonts are made by the build of the PDF layer; how a document is drawn has its own tests.
    monkeypatch.setattr(bootstrap, "_invoice_renderer", lambda: _drawn)
    forget()
    yield
    forget()


def _drawn(document: InvoiceDocument) -> bytes:
    return b"%PDF-" + repr(document).encode()


def forget() -> None:
    """Drop what bootstrap keeps for the life of an execution environment."""
    if bootstrap._database.cache_info().currsize:  # noqa: SLF001 - its connection must be closed
        bootstrap._database().close()  # noqa: SLF001
    for part in (*vars(bootstrap).values(), *vars(metering).values(), *vars(mirroring).values()):
        if hasattr(part, "cache_clear"):
            part.cache_clear()


@pytest.fixture
def api(environment: None, owner: Connection, worker_database: Database, issuer: Issuer) -> Api:
    """Return the API; every answer that it gives is held to openapi.yaml."""
    return Api(owner, PostgresMirror(worker_database), issuer)


@pytest.fixture
def worker(
    worker_environment: dict[str, str], unique_name: str, owner: Connection, stripe_standin: RunningStandin
) -> Iterator[Worker]:
    """Yield the function that applies events, as it starts in template.yaml's environment."""
    dynamodb: DynamoDBClient = boto3.client("dynamodb")
    dynamodb.create_table(
        TableName=unique_name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    queue = boto3.client("sqs").create_queue(QueueName=unique_name, Attributes={"VisibilityTimeout": "600"})
    environment = {
        **worker_environment,
        "EVENT_QUEUE_URL": queue["QueueUrl"],
        "STRIPE_API_BASE": stripe_standin.base_url,
        "IDEMPOTENCY_TABLE": unique_name,
    }
    with cold_start(environment):
        yield Worker(environment, owner, dynamodb)


@pytest.fixture
def recovery(worker_environment: dict[str, str], unique_name: str, owner: Connection) -> Iterator[Recovery]:
    """Yield the functions that catch up with Stripe, on an empty database and a Stripe without objects."""
    sqs: SQSClient = boto3.client("sqs")
    url = sqs.create_queue(QueueName=unique_name)["QueueUrl"]
    with running_standin() as stripe:
        environment = {**worker_environment, "EVENT_QUEUE_URL": url, "STRIPE_API_BASE": stripe.base_url}
        yield Recovery(environment, owner, stripe, sqs, url)
