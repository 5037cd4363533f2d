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

What lacks is named, never guessed: a wrong VAT category is worse than none.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from billing.domain.credit_notes import CreditNoteStatus
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
from billing.domain.invoices import InvoiceStatus
from billing.domain.money import exponent
from billing.domain.vat import EXEMPTION, UnclearVatError, VatCategory, vat_id, vat_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.domain.document_lines import DocumentLine
    from billing.domain.documents import InvoiceDocument
    from billing.domain.money import Money
    from billing.domain.periods import Period
    from billing.domain.vat import Vat

_DECIMALS = 2
"""At most, in every amount (BR-DEC-*)."""
_SHOWN = (InvoiceStatus.OPEN, InvoiceStatus.PAID, InvoiceStatus.UNCOLLECTIBLE, CreditNoteStatus.ISSUED)
_TOLERANCE = Decimal(1)
"""How far, in major units, the schematron lets the tax be from the basis times the rate: less than this."""


def einvoice(document: InvoiceDocument) -> EInvoice | Incomplete:
    """Return the e-invoice of the document, or what lacks for it."""
    vats, missing = _vats(document)
    categories = {category for category, _ in vats}
    missing |= _missing_parties(document, categories) | _missing_sums(document)
    breakdown: tuple[VatBreakdown, ...] = ()
    if len(vats) == len(document.lines):
        breakdown = _breakdown(document, vats)
        missing |= _missing_taxes(document, vats)
    if missing or document.number is None or document.buyer.name is None:
        return Incomplete(tuple(sorted(missing)))
    totals = _totals(document, breakdown)
    # BR-O-02: no VAT identifiers where nothing is subject to VAT.
    identified = VatCategory.OUT_OF_SCOPE not in categories
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


def missing(document: InvoiceDocument) -> tuple[str, ...]:
    """Return what lacks for an e-invoice of the document; empty where it has one."""
    found = einvoice(document)
    return found.missing if isinstance(found, Incomplete) else ()


def _vats(document: InvoiceDocument) -> tuple[list[Vat], set[str]]:
    """Return each line's category and rate, fewer than lines where one cannot be told, and what lacks."""
    missing: set[str] = set() if document.lines else {"lines"}
    exempt = document.buyer.tax_exempt
    vats: list[Vat | None] = []
    for line in document.lines:
        try:
            vats.append(vat_of(line.taxes, exempt) if line.taxes or line.amount != line.discount else None)
        except UnclearVatError as unclear:
            missing.add(unclear.missing)
    known = [vat for vat in vats if vat is not None]
    if not known and not missing:
        try:
            known = [vat_of((), exempt)]
        except UnclearVatError as unclear:
            missing.add(unclear.missing)
    categories = {category for category, _ in known}
    if VatCategory.OUT_OF_SCOPE in categories and len(categories) > 1:
        missing.add("lines.taxes")  # BR-O-11: nothing else beside what is not subject to VAT
    # A line of nothing without a tax is taxed as the others are.
    return [vat or known[0] for vat in vats if known], missing


def _missing_parties(document: InvoiceDocument, categories: set[VatCategory]) -> set[str]:
    seller, buyer = document.seller, document.buyer
    out_of_scope = VatCategory.OUT_OF_SCOPE in categories
    there = {
        "status": document.status in _SHOWN,
        "number": bool(document.number),
        # BR-55: a reference to an invoice names its number.
        "invoice": document.corrects is None or bool(document.corrects.invoice_number),
        "lines.description": all((line.description or "").strip() for line in document.lines),
        "seller.address.country": bool(seller.address.country),
        # BR-CO-26: something must identify the seller, and BR-O-02 forbids the VAT identifier.
        "seller.registration": bool(seller.registration) or not out_of_scope,
        "seller.vat_id": vat_id(seller.tax_ids) is not None or out_of_scope,
        "buyer.name": bool((buyer.name or "").strip()),
        "buyer.address.country": bool(buyer.address.country),
        "buyer.vat_id": vat_id(buyer.tax_ids) is not None or VatCategory.REVERSE_CHARGE not in categories,
    }
    return {name for name, is_there in there.items() if not is_there}


def _missing_sums(document: InvoiceDocument) -> set[str]:
    """Return which of Stripe's sums do not follow from the lines, or cannot be written."""
    lines, totals = document.lines, document.totals
    taxes = [tax for line in lines for tax in line.taxes]
    added = sum(tax.amount.amount for tax in taxes if not tax.inclusive)
    missing = set()
    if totals.total.amount != sum(line.amount.amount - line.discount.amount for line in lines) + added:
        missing.add("total")
    if sum(tax.amount.amount for tax in taxes) != sum(tax.amount.amount for tax in totals.taxes):
        missing.add("taxes.amount")
    if totals.due.amount > max(totals.total.amount, 0):
        missing.add("starting_balance")  # an older debt is collected too: no amount paid is negative
    amounts = [totals.total, totals.due, *(line.discount for line in lines), *(_net(line) for line in lines)]
    if any(amount.decimal != round(amount.decimal, _DECIMALS) for amount in amounts):
        missing.add("currency")  # a third decimal that is not 0
    return missing


def _missing_taxes(document: InvoiceDocument, vats: Sequence[Vat]) -> set[str]:
    """Return whether Stripe's tax is more than a rounding away from what the rate gives.

    Stripe rounds each line's tax, or spreads what it rounded once: either way a line is off by less than
    one minor unit, an included tax by (1 + rate) times that, for it moves the basis too.
    """
    lines = Counter(vats)
    unit = _unit(document.currency)
    for vat, (basis, charged) in _taxed(document, vats).items():
        category, rate = vat
        off = abs(charged - _reckoned(vat, basis, unit))
        if off > ((lines[vat] * (1 + rate / 100) + 1) * unit if category is VatCategory.STANDARD else 0):
            return {"taxes.amount"}
    return set()


def _breakdown(document: InvoiceDocument, vats: Sequence[Vat]) -> tuple[VatBreakdown, ...]:
    """Return BG-23; where the taxes are Stripe's all over, they sum up to those of the document."""
    unit = _unit(document.currency)
    groups = []
    for vat, (basis, charged) in _taxed(document, vats).items():
        reckoned = _reckoned(vat, basis, unit)
        tax = charged if abs(charged - reckoned) < _TOLERANCE else reckoned
        groups.append(VatBreakdown(vat=vat, taxable=basis, tax=tax, reason=EXEMPTION.get(vat[0])))
    return tuple(groups)


def _taxed(document: InvoiceDocument, vats: Sequence[Vat]) -> dict[Vat, tuple[Decimal, Decimal]]:
    """Return the basis and Stripe's tax of each category and rate."""
    sums: dict[Vat, tuple[Decimal, Decimal]] = {}
    for line, vat in zip(document.lines, vats, strict=True):
        basis, charged = sums.get(vat, (Decimal(0), Decimal(0)))
        tax = sum((tax.amount.decimal for tax in line.taxes), start=Decimal(0))
        sums[vat] = basis + _net(line).decimal, charged + tax
    return sums


def _reckoned(vat: Vat, basis: Decimal, unit: Decimal) -> Decimal:
    """Return the basis times the rate, rounded once (BR-CO-17), half up; 0 has no sign."""
    return (basis * vat[1] / 100).quantize(unit, ROUND_HALF_UP) + Decimal(0)


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
    net = _net(line).decimal
    allowance = _net_discount(line, vat)
    amount = net + allowance
    quantity, unit_amount = line.quantity or Decimal(0), line.unit_amount
    if unit_amount is not None and unit_amount >= 0:
        price = unit_amount.scaleb(-exponent(line.amount.currency))
        for signed in (quantity, -quantity):
            if (signed * price).quantize(_unit(line.amount.currency), ROUND_HALF_UP) == amount:
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
        net=_net(line).decimal,
        vat=vat,
        period=_days(line.period),
        allowance_reason=_reason(line),
    )


def _reason(line: DocumentLine) -> str:
    """Return the names of the line's discounts, each once: one allowance holds them all."""
    names = (" ".join((each.name or "").split()) for each in line.discounts if each.amount.amount)
    return ", ".join(dict.fromkeys(name or DISCOUNT for name in names)) or DISCOUNT


def _net(line: DocumentLine) -> Money:
    """Return BT-131: the amount less discounts and what it includes of tax."""
    included = (tax.amount for tax in line.taxes if tax.inclusive)
    return sum((-amount for amount in included), start=line.amount - line.discount)


def _net_discount(line: DocumentLine, vat: Vat) -> Decimal:
    """Return the discount without the tax in it."""
    discount = line.discount.decimal
    if not any(tax.inclusive for tax in line.taxes):
        return discount
    return (discount / (1 + vat[1] / 100)).quantize(_unit(line.amount.currency), ROUND_HALF_UP)


def _unit(currency: str) -> Decimal:
    """Return the smallest amount that may be written: a cent, or the currency's own unit if it has none."""
    return Decimal(1).scaleb(-min(exponent(currency), _DECIMALS))


def _days(period: Period | None) -> Days | None:
    if period is None:
        return None
    return Days(period.start.date(), (period.end - timedelta(microseconds=1)).date())
