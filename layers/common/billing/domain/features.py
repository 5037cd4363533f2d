"""The features that an operator can switch off."""

from enum import StrEnum


class Feature(StrEnum):
    """A feature flag, by its name in the flag schema; a route belongs to at most one."""

    INVOICES = "invoices"
    INVOICE_PDF = "invoice_pdf"
    EINVOICE = "einvoice"
    CREDIT_NOTE_PDF = "credit_note_pdf"
    USAGE = "usage"
    USAGE_INGEST = "usage_ingest"
    ALERTS = "alerts"
