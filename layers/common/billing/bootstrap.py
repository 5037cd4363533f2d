"""The only module that joins use cases to adapters.

Each function is built on first use and kept for the life of the execution environment. Adapters
are imported inside, so that a function loads only the libraries of what it uses.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from billing.settings import DatabaseSettings, SettingsError, read_seller, required

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from billing.adapters.pdf.picture import Picture
    from billing.adapters.postgres.connection import Credentials, Database
    from billing.adapters.secrets import Secrets
    from billing.domain.documents import Seller
    from billing.domain.einvoice import EInvoice
    from billing.use_cases.access_ports import FeatureFlags, TokenVerifier
    from billing.use_cases.authenticate import Authenticate
    from billing.use_cases.document_ports import InvoiceReader, InvoiceRenderer
    from billing.use_cases.get_credit_note_pdf import GetCreditNotePdf
    from billing.use_cases.get_features import GetFeatures
    from billing.use_cases.get_info import GetInfo
    from billing.use_cases.get_invoice import GetInvoice
    from billing.use_cases.get_invoice_pdf import GetInvoicePdf
    from billing.use_cases.get_invoice_xml import GetInvoiceXml
    from billing.use_cases.list_invoices import ListInvoices
    from billing.use_cases.migrate_schema import MigrateSchema
    from billing.use_cases.receive_stripe_event import ReceiveStripeEvent


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
