"""The only module that joins use cases to adapters.

Each function is built on first use and kept for the life of the execution environment. Adapters
are imported inside, so that a function loads only the libraries of what it uses.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from billing.settings import DatabaseSettings, SettingsError, calls_per_second, read_seller, required

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from aws_lambda_powertools.utilities.idempotency import BasePersistenceLayer

    from billing.adapters.pdf.picture import Picture
    from billing.adapters.postgres.connection import Credentials, Database
    from billing.adapters.secrets import Secrets
    from billing.adapters.stripe.client import StripeConnection
    from billing.domain.documents import Seller
    from billing.domain.einvoice import EInvoice
    from billing.domain.mirror import StripeEvent
    from billing.use_cases.apply_stripe_event import ApplyStripeEvent
    from billing.use_cases.authenticate import Authenticate
    from billing.use_cases.backfill_stripe_objects import BackfillStripeObjects
    from billing.use_cases.get_credit_note_pdf import GetCreditNotePdf
    from billing.use_cases.get_features import GetFeatures
    from billing.use_cases.get_info import GetInfo
    from billing.use_cases.get_invoice import GetInvoice
    from billing.use_cases.get_invoice_pdf import GetInvoicePdf
    from billing.use_cases.get_invoice_xml import GetInvoiceXml
    from billing.use_cases.list_invoices import ListInvoices
    from billing.use_cases.migrate_schema import MigrateSchema
    from billing.use_cases.ports import FeatureFlags, InvoiceReader, InvoiceRenderer, TokenVerifier
    from billing.use_cases.receive_stripe_event import ReceiveStripeEvent
    from billing.use_cases.recognise_stripe_event import RecogniseStripeEvent
    from billing.use_cases.recovery_ports import SweepMemory
    from billing.use_cases.replay_stripe_event import ReplayStripeEvent
    from billing.use_cases.sweep_if_new import SweepIfNew


def now() -> datetime:
    """Return the instant now, in UTC."""
    return datetime.now(UTC)


@cache
def receive_stripe_event() -> ReceiveStripeEvent:
    """Return the use case behind the webhook."""
    from billing.adapters.sqs.event_queue import SqsEventQueue
    from billing.adapters.stripe.signature import StripeSignatureVerifier
    from billing.use_cases.receive_stripe_event import ReceiveStripeEvent

    secret_id = required(os.environ, "STRIPE_WEBHOOK_SECRET_ID")

    def secrets(refresh: bool) -> Sequence[str]:
        return _secrets().texts(secret_id, "webhook_secrets", refresh=refresh)

    return ReceiveStripeEvent(
        verifier=StripeSignatureVerifier(secrets=secrets, clock=now),
        queue=SqsEventQueue(required(os.environ, "EVENT_QUEUE_URL")),
    )


@cache
def list_invoices() -> ListInvoices:
    """Return the use case behind GET invoices."""
    from billing.adapters.postgres.invoice_pages import PostgresInvoicePages
    from billing.use_cases.list_invoices import ListInvoices

    return ListInvoices(PostgresInvoicePages(_database()))


@cache
def get_invoice() -> GetInvoice:
    """Return the use case behind GET invoices/{id}."""
    from billing.use_cases.get_invoice import GetInvoice

    return GetInvoice(_invoice_reader(), seller=read_seller(os.environ))


@cache
def get_invoice_xml() -> GetInvoiceXml:
    """Return the use case behind GET invoices/{id}/xml; what writes XML loads when there is one to write."""
    from billing.use_cases.get_invoice_xml import GetInvoiceXml

    def write(invoice: EInvoice) -> bytes:
        from billing.adapters.einvoice.xml import einvoice_xml

        return einvoice_xml(invoice)

    return GetInvoiceXml(reader=_invoice_reader(), writer=write, seller=read_seller(os.environ))


@cache
def get_invoice_pdf() -> GetInvoicePdf:
    """Return the use case behind GET invoices/{id}/pdf; the PDF library loads when it must draw."""
    from billing.adapters.s3.documents import S3DocumentStore
    from billing.use_cases.get_invoice_pdf import GetInvoicePdf

    return GetInvoicePdf(
        reader=_invoice_reader(),
        store=S3DocumentStore(required(os.environ, "DOCUMENT_BUCKET")),
        renderer=_invoice_renderer,
        seller=document_seller()[0],
    )


@cache
def get_credit_note_pdf() -> GetCreditNotePdf:
    """Return the use case behind GET credit-notes/{id}/pdf; the PDF library loads when it must draw."""
    from billing.adapters.postgres.credit_notes import PostgresCreditNoteReader
    from billing.adapters.s3.documents import S3DocumentStore
    from billing.use_cases.get_credit_note_pdf import GetCreditNotePdf

    return GetCreditNotePdf(
        credit_notes=PostgresCreditNoteReader(_database()),
        invoices=_invoice_reader(),
        store=S3DocumentStore(required(os.environ, "DOCUMENT_BUCKET")),
        renderer=_invoice_renderer,
        seller=document_seller()[0],
    )


@cache
def apply_stripe_event() -> ApplyStripeEvent:
    """Return the use case behind the queue of events."""
    from billing.adapters.postgres.mirror import PostgresMirror
    from billing.adapters.stripe.client import StripeConnection
    from billing.adapters.stripe.objects import StripeApi
    from billing.use_cases.apply_stripe_event import ApplyStripeEvent

    secret_id = required(os.environ, "STRIPE_API_KEY_SECRET_ID")

    def api_key(refresh: bool) -> str:
        return _secrets().text(secret_id, "api_key", refresh=refresh)

    stripe = StripeConnection(api_key, required(os.environ, "STRIPE_API_BASE"))

    def keep_meter_errors(event_id: str) -> int | None:
        from billing.adapters.postgres.rejected_usage import PostgresRejectedUsageLog
        from billing.adapters.stripe.thin_events import StripeMeterErrorEvents
        from billing.use_cases.keep_meter_errors import KeepMeterErrors

        keep = KeepMeterErrors(StripeMeterErrorEvents(stripe), PostgresRejectedUsageLog(_database()))
        return keep(event_id)

    return ApplyStripeEvent(
        mirror=PostgresMirror(_database()),
        stripe=StripeApi.over(stripe),
        livemode=required(os.environ, "STRIPE_LIVEMODE") == "true",
        keep_meter_errors=keep_meter_errors,
    )


@cache
def read_stripe_event() -> Callable[[Mapping[str, object]], StripeEvent]:
    """Return what reads an event's payload into its typed form."""
    from billing.adapters.stripe.events import read_event

    return read_event


@cache
def recognise_stripe_event() -> RecogniseStripeEvent:
    """Return what tells a copy of an event from another one under its id."""
    from billing.adapters.postgres.inbox import PostgresInbox
    from billing.use_cases.recognise_stripe_event import RecogniseStripeEvent

    return RecogniseStripeEvent(PostgresInbox(_database()))


@cache
def idempotency_store() -> BasePersistenceLayer | None:
    """Return where Powertools keeps its idempotency records, None where no table is configured."""
    table = os.environ.get("IDEMPOTENCY_TABLE")
    if not table:
        return None
    from billing.adapters.dynamodb.idempotency import idempotency_store as records

    return records(table)


@cache
def redelivery() -> Callable[[Mapping[str, int]], None]:
    """Return what tells SQS when to deliver failed events again."""
    from billing.adapters.sqs.redelivery import SqsRedelivery

    return SqsRedelivery(required(os.environ, "EVENT_QUEUE_URL"))


@cache
def sweep_stripe_events() -> SweepIfNew:
    """Return the use case behind the sweep's schedule."""
    from billing.adapters.postgres.sweeps import PostgresSweepLog
    from billing.adapters.sqs.event_queue import SqsEventQueue
    from billing.adapters.stripe.event_list import StripeEventList
    from billing.adapters.stripe.event_types import STATE_TYPES
    from billing.adapters.stripe.thin_events import THIN_TYPES
    from billing.use_cases.sweep_if_new import SweepIfNew
    from billing.use_cases.sweep_stripe_events import SweepStripeEvents

    livemode = required(os.environ, "STRIPE_LIVEMODE") == "true"
    sweep = SweepStripeEvents(
        events=StripeEventList(_stripe_connection()),
        queue=SqsEventQueue(required(os.environ, "EVENT_QUEUE_URL")),
        log=PostgresSweepLog(_database()),
        clock=now,
        types=STATE_TYPES,
        thin_types=THIN_TYPES,
        livemode=livemode,
    )
    return SweepIfNew(sweep, _sweep_memory(livemode=livemode), now)


def _sweep_memory(*, livemode: bool) -> SweepMemory | None:
    table = os.environ.get("IDEMPOTENCY_TABLE")
    if not table:
        return None
    from billing.adapters.dynamodb.sweep_memory import DynamoDbSweepMemory

    return DynamoDbSweepMemory(table, livemode=livemode)


@cache
def backfill_stripe_objects() -> BackfillStripeObjects:
    """Return the use case behind the backfill."""
    from billing.adapters.postgres.backfills import PostgresBackfillLog
    from billing.adapters.postgres.mirror import PostgresMirror
    from billing.adapters.stripe.object_lists import LISTINGS, StripeObjectLists
    from billing.adapters.stripe.objects import StripeApi
    from billing.use_cases.backfill_stripe_objects import BackfillStripeObjects

    connection = _stripe_connection()
    return BackfillStripeObjects(
        lists=StripeObjectLists(connection),
        stripe=StripeApi.over(connection),
        mirror=PostgresMirror(_database()),
        log=PostgresBackfillLog(_database()),
        kinds=tuple(LISTINGS),
        livemode=required(os.environ, "STRIPE_LIVEMODE") == "true",
    )


@cache
def replay_stripe_event() -> ReplayStripeEvent:
    """Return the use case behind an operator's replay."""
    from billing.adapters.postgres.inbox import PostgresInbox
    from billing.adapters.sqs.event_queue import SqsEventQueue
    from billing.adapters.stripe.event_list import StripeEventList
    from billing.use_cases.replay_stripe_event import ReplayStripeEvent

    return ReplayStripeEvent(
        inbox=PostgresInbox(_database()),
        events=StripeEventList(_stripe_connection()),
        queue=SqsEventQueue(required(os.environ, "EVENT_QUEUE_URL")),
    )


@cache
def authenticate() -> Authenticate:
    """Return the use case behind the authorizer."""
    from billing.adapters.postgres.identities import PostgresIdentities
    from billing.use_cases.authenticate import Authenticate

    return Authenticate(identities=PostgresIdentities(_database()), tokens=_token_verifier())


@cache
def get_features() -> GetFeatures:
    """Return the use case behind GET meta/features."""
    from billing.use_cases.get_features import GetFeatures

    return GetFeatures(feature_flags())


@cache
def get_info() -> GetInfo:
    """Return the use case behind GET meta/info."""
    from billing import __version__
    from billing.use_cases.get_info import GetInfo

    return GetInfo(version=__version__, environment=required(os.environ, "ENVIRONMENT"))


@cache
def migrate_schema() -> MigrateSchema:
    """Return the use case behind the deploy's migration."""
    from pathlib import Path

    from billing.adapters.postgres.migrator import Migrator
    from billing.use_cases.migrate_schema import MigrateSchema

    def password_of(variable: str) -> Callable[[], str]:
        secret_id = required(os.environ, variable)
        return lambda: _secrets().text(secret_id, "password", refresh=True)

    return MigrateSchema(
        migrator=Migrator(_database(), Path(os.environ.get("MIGRATIONS_DIR", "/opt"))),
        logins={
            "billing_api": password_of("API_DATABASE_SECRET_ID"),
            "billing_worker": password_of("WORKER_DATABASE_SECRET_ID"),
        },
    )


@cache
def feature_flags() -> FeatureFlags:
    """Return the flags: from AppConfig where it is configured, else from the environment."""
    from billing.adapters.feature_flags import flags_from

    return flags_from(os.environ)


@cache
def document_seller() -> tuple[Seller, Picture | None]:
    """Return who issues the documents that this function draws, and their logo."""
    from billing.adapters.pdf.picture import PictureError, read_picture
    from billing.domain.documents import Logo

    pictures: list[Picture] = []

    def read_logo(name: str) -> Logo:
        try:
            picture = read_picture((_fonts().parent / "logos" / name).read_bytes())
        except PictureError as unusable:
            raise SettingsError(f"SELLER.logo: {name} {unusable}") from None
        except OSError:
            raise SettingsError(f"SELLER.logo: {name} is not among the logos of the PDF layer") from None
        pictures.append(picture)
        return Logo(picture.sha256, picture.width, picture.height)

    seller = read_seller(os.environ, read_logo)
    return seller, pictures[0] if pictures else None


def _fonts() -> Path:
    from pathlib import Path

    return Path(os.environ.get("FONTS_DIR", "/opt/fonts"))


@cache
def _invoice_renderer() -> InvoiceRenderer:
    from billing.adapters.einvoice.xml import einvoice_xml
    from billing.adapters.pdf.renderer import FpdfInvoiceRenderer
    from billing.entrypoints.observability import count

    return FpdfInvoiceRenderer(
        _fonts(),
        missing_glyphs=lambda glyphs: count("MissingGlyphs", glyphs),
        einvoice_writer=einvoice_xml,
        logo=document_seller()[1],
    )


@cache
def _secrets() -> Secrets:
    from billing.adapters.secrets import Secrets

    return Secrets()


@cache
def _database() -> Database:
    return another_database()


def another_database() -> Database:
    """Return a connection that is not the process's own, for another thread; the caller closes it."""
    from billing.adapters.postgres.connection import Credentials, Database

    settings = DatabaseSettings.from_environment(os.environ)

    def credentials(refresh: bool) -> Credentials:
        return Credentials(
            username=_secrets().text(settings.secret_id, "username", refresh=refresh),
            password=_secrets().text(settings.secret_id, "password"),
        )

    return Database(settings, credentials)


@cache
def _stripe_connection() -> StripeConnection:
    """Return the connection of what may wait for Stripe, and leaves a fifth of its calls to the events."""
    from billing.adapters.stripe.client import StripeConnection
    from billing.adapters.stripe.pace import TokenBucket

    secret_id = required(os.environ, "STRIPE_API_KEY_SECRET_ID")
    limit = calls_per_second(os.environ)

    def api_key(refresh: bool) -> str:
        return _secrets().text(secret_id, "api_key", refresh=refresh)

    # In no second more than the limit: what has gathered in a pause is no more than the share left over.
    return StripeConnection(
        api_key,
        required(os.environ, "STRIPE_API_BASE"),
        pace=TokenBucket(0.8 * limit, burst=max(1.0, 0.2 * limit)),
        patience=20.0,
    )


@cache
def _invoice_reader() -> InvoiceReader:
    from billing.adapters.postgres.invoices import PostgresInvoiceReader

    return PostgresInvoiceReader(_database())


@cache
def _token_verifier() -> TokenVerifier:
    from billing.adapters.oidc import OidcTokenVerifier

    return OidcTokenVerifier(
        issuer=required(os.environ, "OIDC_ISSUER"),
        audience=required(os.environ, "OIDC_AUDIENCE"),
        jwks_url=required(os.environ, "OIDC_JWKS_URL"),
    )
