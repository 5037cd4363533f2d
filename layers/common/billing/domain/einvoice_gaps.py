"""What lacks of a document for an e-invoice of EN 16931.

Apart from making one, because who only asks what lacks needs nothing of that. What lacks is named, never
guessed: a wrong VAT category is worse than none.
"""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from billing.domain.money import exponent
from billing.domain.statuses import CreditNoteStatus, InvoiceStatus
from billing.domain.vat import UnclearVatError, VatCategory, vat_id, vat_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.domain.document_lines import DocumentLine
    from billing.domain.documents import InvoiceDocument
    from billing.domain.money import Money
    from billing.domain.vat import Vat

_DECIMALS = 2
"""At most, in every amount (BR-DEC-*)."""
_SHOWN = (InvoiceStatus.OPEN, InvoiceStatus.PAID, InvoiceStatus.UNCOLLECTIBLE, CreditNoteStatus.ISSUED)


def missing(document: InvoiceDocument) -> tuple[str, ...]:
    """Return what lacks for an e-invoice of the document, sorted; empty where it has one."""
    return checked(document)[1]


def checked(document: InvoiceDocument) -> tuple[Sequence[Vat], tuple[str, ...]]:
    """Return each line's category and rate, and what lacks; where nothing does, every line has them."""
    vats, missing = _vats(document)
    categories = {category for category, _ in vats}
    missing |= _missing_parties(document, categories) | _missing_sums(document)
    if len(vats) == len(document.lines):
        missing |= _missing_taxes(document, vats)
    return vats, tuple(sorted(missing))


def taxed_amounts(document: InvoiceDocument, vats: Sequence[Vat]) -> dict[Vat, tuple[Decimal, Decimal]]:
    """Return the basis and Stripe's tax of each category and rate."""
    sums: dict[Vat, tuple[Decimal, Decimal]] = {}
    for line, vat in zip(document.lines, vats, strict=True):
        basis, charged = sums.get(vat, (Decimal(0), Decimal(0)))
        tax = sum((tax.amount.decimal for tax in line.taxes), start=Decimal(0))
        sums[vat] = basis + net_amount(line).decimal, charged + tax
    return sums


def reckoned_tax(vat: Vat, basis: Decimal, unit: Decimal) -> Decimal:
    """Return the basis times the rate, rounded once (BR-CO-17), half up; 0 has no sign."""
    return (basis * vat[1] / 100).quantize(unit, ROUND_HALF_UP) + Decimal(0)


def net_amount(line: DocumentLine) -> Money:
    """Return BT-131: the amount less discounts and what it includes of tax."""
    included = (tax.amount for tax in line.taxes if tax.inclusive)
    return sum((-amount for amount in included), start=line.amount - line.discount)


def smallest_unit(currency: str) -> Decimal:
    """Return the smallest amount that may be written: a cent, or the currency's own unit if it has none."""
    return Decimal(1).scaleb(-min(exponent(currency), _DECIMALS))


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
    amounts = [
        totals.total,
        totals.due,
        *(line.discount for line in lines),
        *(net_amount(line) for line in lines),
    ]
    if any(amount.decimal != round(amount.decimal, _DECIMALS) for amount in amounts):
        missing.add("currency")  # a third decimal that is not 0
    return missing


def _missing_taxes(document: InvoiceDocument, vats: Sequence[Vat]) -> set[str]:
    """Return whether Stripe's tax is more than a rounding away from what the rate gives.

    Stripe rounds each line's tax, or spreads what it rounded once: either way a line is off by less than
    one minor unit, an included tax by (1 + rate) times that, for it moves the basis too.
    """
    lines = Counter(vats)
    unit = smallest_unit(document.currency)
    for vat, (basis, charged) in taxed_amounts(document, vats).items():
        category, rate = vat
        off = abs(charged - reckoned_tax(vat, basis, unit))
        if off > ((lines[vat] * (1 + rate / 100) + 1) * unit if category is VatCategory.STANDARD else 0):
            return {"taxes.amount"}
    return set()
