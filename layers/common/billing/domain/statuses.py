"""Stripe's statuses of invoices and credit notes, apart from these: who asks for a status needs no more."""

from enum import StrEnum


class InvoiceStatus(StrEnum):
    """Stripe's invoice statuses."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    UNCOLLECTIBLE = "uncollectible"
    VOID = "void"


class CreditNoteStatus(StrEnum):
    """Stripe's credit note statuses; a void one is never issued again."""

    ISSUED = "issued"
    VOID = "void"
