"""A credit note as a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.document_lines import document_line, summed, totals
from billing.domain.documents import Buyer, Correction, InvoiceDocument, buyer_of, document_locale, span
from billing.domain.money import Money
from billing.domain.parties import Address

if TYPE_CHECKING:
    from billing.domain.credit_notes import CreditNote
    from billing.domain.customers import Customer
    from billing.domain.documents import Seller
    from billing.domain.invoices import Invoice


def credit_note_document(
    note: CreditNote, invoice: Invoice | None, customer: Customer | None, seller: Seller, locale: str
) -> InvoiceDocument:
    """Return the document.

    Stripe's credit note names nobody: the buyer is the one whom its invoice names, or `customer` where that
    is not mirrored (yet) or names nobody. The periods are those of the invoice's lines that it credits.

    Raises
    ------
    InvalidParameterError
        Documents are not written in the language of `locale`.
    """
    periods = {} if invoice is None else {line.id: line.period for line in invoice.lines}
    lines = tuple(
        document_line(line, periods.get(line.invoice_line or ""), proration=False) for line in note.lines
    )
    refunded = summed((refund.amount for refund in note.refunds), note.currency)
    out_of_band = note.out_of_band_amount or Money(0, note.currency)
    return InvoiceDocument(
        id=note.id,
        locale=document_locale(locale),
        livemode=note.livemode,
        seller=seller,
        buyer=_customer(customer) if invoice is None else buyer_of(invoice, customer),
        number=note.number,
        status=note.status,
        currency=note.currency,
        issued=note.effective_at or note.created,
        due_date=None,
        paid_at=None,
        voided_at=note.voided_at,
        service=span(line.period for line in lines if line.period is not None),
        lines=lines,
        totals=totals(
            note,
            paid=note.post_payment_amount,
            due=note.total - note.post_payment_amount,
            credited=Money(0, note.currency),
        ),
        starting_balance=Money(0, note.currency),
        memo=note.memo,
        footer=None if invoice is None else invoice.footer,
        corrects=Correction(
            invoice_number=None if invoice is None else invoice.number,
            invoice_issued=None if invoice is None else invoice.finalized_at or invoice.created,
            reason=note.reason,
            refunded=refunded,
            to_balance=note.post_payment_amount - refunded - out_of_band,
            out_of_band=out_of_band,
        ),
    )


def _customer(customer: Customer | None) -> Buyer:
    if customer is None:
        return Buyer(name=None, email=None, address=Address(), tax_ids=(), tax_exempt=None)
    return Buyer(
        name=customer.name,
        email=customer.email,
        address=customer.address or Address(),
        tax_ids=(),
        tax_exempt=customer.tax_exempt,
    )
