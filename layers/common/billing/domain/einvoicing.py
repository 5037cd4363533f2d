"""Makes an e-invoice of EN 16931 from the document of an invoice or a credit note.

Stripe's amounts are the truth for what is payable; the standard wants every sum to follow from the lines.
Where the two differ:

- A line's net amount is Stripe's amount less its discounts and the tax that is included in it, so nets and
  their sums are Stripe's own, to the cent.
- Stripe rounds tax per line, the standard per category and rate (BR-CO-17). The tax (BT-117) is Stripe's
  where it is within the tolerance of the standard's schematron, so that it is the one that the PDF shows;
  else it is the standard's, and what Stripe's total differs by is the rounding amount (BT-114). What is due
  (BT-115) is Stripe's either way.
- A difference that rounding cannot explain is no rounding: such an invoice has no e-invoice.

What lacks is named by einvoice_gaps.py, never guessed.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from billing.domain.einvoice import (
    DISCOUNT,
    Days,
    EInvoice,
    EInvoiceLine,
    EInvoiceTotals,
    Incomplete,
    Party,
    PrecedingInvoice,
    VatBreakdown,
)
from billing.domain.einvoice_gaps import checked, net_amount, reckoned_tax, smallest_unit, taxed_amounts
from billing.domain.money import exponent
from billing.domain.vat import EXEMPTION, VatCategory, vat_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.domain.document_lines import DocumentLine
    from billing.domain.documents import InvoiceDocument
    from billing.domain.periods import Period
    from billing.domain.vat import Vat

_TOLERANCE = Decimal(1)
"""How far, in major units, the schematron lets the tax be from the basis times the rate: less than this."""


def einvoice(document: InvoiceDocument) -> EInvoice | Incomplete:
    """Return the e-invoice of the document, or what lacks for it."""
    vats, missing = checked(document)
    if missing or document.number is None or document.buyer.name is None:
        return Incomplete(missing)
    breakdown = _breakdown(document, vats)
    totals = _totals(document, breakdown)
    # BR-O-02: no VAT identifiers where nothing is subject to VAT.
    identified = all(category is not VatCategory.OUT_OF_SCOPE for category, _ in vats)
    seller, buyer = document.seller, document.buyer
    return EInvoice(
        number=document.number,
        issued=document.issued.date(),
        currency=document.currency.upper(),
        due_date=document.due_date.date() if document.due_date else None,
        terms=None if document.due_date or totals.due <= 0 else _terms(document),
        note=document.memo,
        seller=Party(
            name=seller.name,
            address=seller.address,
            vat_id=vat_id(seller.tax_ids) if identified else None,
            email=seller.email,
            registration=seller.registration,
        ),
        buyer=Party(
            name=document.buyer.name,
            address=buyer.address,
            vat_id=vat_id(buyer.tax_ids) if identified else None,
            email=buyer.email,
        ),
        period=_days(document.service),
        lines=tuple(
            _line(number, line, vat)
            for number, (line, vat) in enumerate(zip(document.lines, vats, strict=True), start=1)
        ),
        breakdown=breakdown,
        totals=totals,
        preceding=_preceding(document),
    )


def _breakdown(document: InvoiceDocument, vats: Sequence[Vat]) -> tuple[VatBreakdown, ...]:
    """Return BG-23; where the taxes are Stripe's all over, they sum up to those of the document."""
    unit = smallest_unit(document.currency)
    groups = []
    for vat, (basis, charged) in taxed_amounts(document, vats).items():
        reckoned = reckoned_tax(vat, basis, unit)
        tax = charged if abs(charged - reckoned) < _TOLERANCE else reckoned
        groups.append(VatBreakdown(vat=vat, taxable=basis, tax=tax, reason=EXEMPTION.get(vat[0])))
    return tuple(groups)


def _terms(document: InvoiceDocument) -> str:
    """Return BT-20, which BR-CO-25 asks for where something is due."""
    if document.corrects is not None:
        return f"Deducted from invoice {document.corrects.invoice_number}"
    return document.seller.payment_note or "Due on receipt"


def _preceding(document: InvoiceDocument) -> PrecedingInvoice | None:
    correction = document.corrects
    if correction is None or correction.invoice_number is None or correction.invoice_issued is None:
        return None
    return PrecedingInvoice(correction.invoice_number, correction.invoice_issued.date())


def _totals(document: InvoiceDocument, breakdown: Sequence[VatBreakdown]) -> EInvoiceTotals:
    net = sum((group.taxable for group in breakdown), start=Decimal(0))
    tax = sum((group.tax for group in breakdown), start=Decimal(0))
    total, due = document.totals.total.decimal, document.totals.due.decimal
    return EInvoiceTotals(
        net=net, tax=tax, gross=net + tax, paid=total - due, rounding=total - net - tax, due=due
    )


def _line(number: int, line: DocumentLine, vat: Vat) -> EInvoiceLine:
    """Return the line at its unit price where that gives the amount, else at the amount for the quantity.

    The second is what tiers, prorations and included taxes need: a price that has no end of decimals per
    piece is exact per quantity (BT-149).
    """
    net = net_amount(line).decimal
    allowance = _net_discount(line, vat)
    amount = net + allowance
    quantity, unit_amount = line.quantity or Decimal(0), line.unit_amount
    if unit_amount is not None and unit_amount >= 0:
        price = unit_amount.scaleb(-exponent(line.amount.currency))
        for signed in (quantity, -quantity):
            if (signed * price).quantize(smallest_unit(line.amount.currency), ROUND_HALF_UP) == amount:
                return _priced(number, line, vat, signed, price, Decimal(1))
    pieces = abs(quantity) or Decimal(1)
    return _priced(number, line, vat, pieces if amount >= 0 else -pieces, abs(amount), pieces)


def _priced(
    number: int, line: DocumentLine, vat: Vat, quantity: Decimal, price: Decimal, price_quantity: Decimal
) -> EInvoiceLine:
    return EInvoiceLine(
        number=number,
        name=" ".join((line.description or "").split()),
        quantity=quantity,
        price=price,
        price_quantity=price_quantity,
        allowance=_net_discount(line, vat),
        net=net_amount(line).decimal,
        vat=vat,
        period=_days(line.period),
        allowance_reason=_reason(line),
    )


def _reason(line: DocumentLine) -> str:
    """Return the names of the line's discounts, each once: one allowance holds them all."""
    names = (" ".join((each.name or "").split()) for each in line.discounts if each.amount.amount)
    return ", ".join(dict.fromkeys(name or DISCOUNT for name in names)) or DISCOUNT


def _net_discount(line: DocumentLine, vat: Vat) -> Decimal:
    """Return the discount without the tax in it."""
    discount = line.discount.decimal
    if not any(tax.inclusive for tax in line.taxes):
        return discount
    return (discount / (1 + vat[1] / 100)).quantize(smallest_unit(line.amount.currency), ROUND_HALF_UP)


def _days(period: Period | None) -> Days | None:
    if period is None:
        return None
    return Days(period.start.date(), (period.end - timedelta(microseconds=1)).date())
