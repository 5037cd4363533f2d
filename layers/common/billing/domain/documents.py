"""An invoice as a document: everything that its PDF says, and nothing of how it is drawn.

The fingerprint of a document is the key under which its PDF is stored, and its strong ETag: so a
change of how the same document is drawn must raise TEMPLATE_VERSION, or old bytes would be served
under the name of new ones.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from billing.domain.errors import InvalidParameterError
from billing.domain.money import Money
from billing.domain.parties import Address
from billing.domain.periods import Period

if TYPE_CHECKING:
    from collections.abc import Iterable

    from billing.domain.customers import Customer
    from billing.domain.invoices import Invoice, InvoiceLine, InvoiceStatus, Tax
    from billing.domain.parties import TaxId

TEMPLATE_VERSION = 3

LOCALES = ("en", "de", "fr", "es", "ja")


@dataclass(frozen=True, slots=True)
class Seller:
    """Who issues the invoices; `registration` is what a register entry must say, as in Germany.

    `accent_color` is six hexadecimal digits; `payment_note` says how to pay what is due; `footer` stands
    below every page.
    """

    name: str
    address: Address
    email: str | None = None
    tax_ids: tuple[TaxId, ...] = ()
    registration: str | None = None
    accent_color: str | None = None
    payment_note: str | None = None
    footer: str | None = None


@dataclass(frozen=True, slots=True)
class Buyer:
    """Whom the invoice is for; `tax_exempt` is Stripe's none, exempt or reverse."""

    name: str | None
    email: str | None
    address: Address
    tax_ids: tuple[TaxId, ...]
    tax_exempt: str | None


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One line; `amount` is before `discount`; `unit_amount` is in minor units, up to 12 decimals.

    `period` is None for what is not delivered over a time. `discount` holds the line's share of discounts of
    the whole invoice too; `taxes` are the line's own.
    """

    description: str | None
    quantity: Decimal | None
    unit_amount: Decimal | None
    amount: Money
    period: Period | None
    discount: Money
    proration: bool = False
    taxes: tuple[TaxTotal, ...] = ()


@dataclass(frozen=True, slots=True)
class TaxTotal:
    """The tax of one rate over the invoice or a line; an inclusive one is already in the line amounts.

    `percentage` is 19 for 19 %; it, `name` and what follows are None where the rate is not known.
    """

    amount: Money
    taxable: Money | None
    inclusive: bool
    reason: str | None
    rate: str | None
    percentage: Decimal | None = None
    name: str | None = None
    country: str | None = None
    jurisdiction: str | None = None
    tax_type: str | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums, such that each follows from those before it.

    items - item_discount = subtotal; subtotal - discount + adjustment + exclusive taxes = total;
    total + balance - paid = due. `subtotal`, `total`, `paid` and `due` are Stripe's own.
    `adjustment` is what Stripe counts and this mirror has no name for, such as billing credits.
    """

    items: Money
    item_discount: Money
    subtotal: Money
    discount: Money
    adjustment: Money
    excluding_tax: Money
    taxes: tuple[TaxTotal, ...]
    total: Money
    balance: Money
    paid: Money
    due: Money


@dataclass(frozen=True, slots=True)
class InvoiceDocument:
    """An invoice in one language; `number` is None on a draft; `service` spans the lines' periods."""

    id: str
    locale: str
    livemode: bool
    seller: Seller
    buyer: Buyer
    number: str | None
    status: InvoiceStatus
    currency: str
    issued: datetime
    due_date: datetime | None
    paid_at: datetime | None
    voided_at: datetime | None
    service: Period | None
    lines: tuple[DocumentLine, ...]
    totals: Totals
    starting_balance: Money
    memo: str | None
    footer: str | None


def needs_customer(invoice: Invoice) -> bool:
    """Return whether the invoice itself does not say whom it is for."""
    return not (invoice.customer_name or invoice.customer_email or invoice.customer_address)


def document_locale(tag: str) -> str:
    """Return the language of LOCALES that a BCP 47 tag such as de-CH asks for.

    Raises
    ------
    InvalidParameterError
        Invoices are not written in that language.
    """
    language = tag.replace("_", "-").split("-", 1)[0].lower()
    if language not in LOCALES:
        raise InvalidParameterError("locale", f"must be one of {', '.join(LOCALES)}")
    return language


def invoice_document(
    invoice: Invoice, customer: Customer | None, seller: Seller, locale: str
) -> InvoiceDocument:
    """Return the document.

    The buyer is the one whom the invoice names, because Stripe freezes that when it finalises it;
    `customer` is used only where the invoice names nobody (needs_customer).

    Raises
    ------
    InvalidParameterError
        Invoices are not written in the language of `locale`.
    """
    return InvoiceDocument(
        id=invoice.id,
        locale=document_locale(locale),
        livemode=invoice.livemode,
        seller=seller,
        buyer=_buyer(invoice, customer if needs_customer(invoice) else None),
        number=invoice.number,
        status=invoice.status,
        currency=invoice.currency,
        issued=invoice.finalized_at or invoice.created,
        due_date=invoice.due_date,
        paid_at=invoice.paid_at,
        voided_at=invoice.voided_at,
        service=_span(line.period for line in invoice.lines),
        lines=tuple(_line(line) for line in invoice.lines),
        totals=_totals(invoice),
        starting_balance=invoice.starting_balance,
        memo=invoice.description,
        footer=invoice.footer,
    )


def fingerprint(document: InvoiceDocument) -> str:
    """Return the lower-case SHA-256 of the document and the template: equal documents, equal hash."""
    canonical = json.dumps(
        {"template": TEMPLATE_VERSION, "document": document},
        default=_plain,
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _buyer(invoice: Invoice, customer: Customer | None) -> Buyer:
    if customer is None:
        name, email, address = invoice.customer_name, invoice.customer_email, invoice.customer_address
    else:
        name, email, address = customer.name, customer.email, customer.address
    return Buyer(
        name=name,
        email=email,
        address=address or Address(),
        tax_ids=invoice.customer_tax_ids,
        tax_exempt=invoice.customer_tax_exempt or (customer.tax_exempt if customer else None),
    )


def _line(line: InvoiceLine) -> DocumentLine:
    return DocumentLine(
        description=line.description,
        quantity=line.quantity,
        unit_amount=line.unit_amount,
        amount=line.amount,
        period=line.period if line.period.start < line.period.end else None,
        discount=_sum((discount.amount for discount in line.discounts), line.amount.currency),
        proration=line.proration,
        taxes=_taxes(line.taxes),
    )


def _totals(invoice: Invoice) -> Totals:
    currency = invoice.currency
    items = _sum((line.amount for line in invoice.lines), currency)
    # Stripe's subtotal already has the discounts of single lines in it, and its discounts sum up
    # both these and those of the whole invoice.
    discounts = _sum((discount.amount for discount in invoice.discounts), currency)
    item_discount = items - invoice.subtotal
    discount = discounts - item_discount if 0 <= item_discount.amount <= discounts.amount else discounts
    added = _sum((tax.amount for tax in invoice.taxes if tax.behavior != "inclusive"), currency)
    contained = _sum((tax.amount for tax in invoice.taxes if tax.behavior == "inclusive"), currency)
    return Totals(
        items=items,
        item_discount=item_discount,
        subtotal=invoice.subtotal,
        discount=discount,
        adjustment=invoice.total - (invoice.subtotal - discount + added),
        excluding_tax=invoice.total_excluding_tax or invoice.total - added - contained,
        taxes=_taxes(invoice.taxes),
        total=invoice.total,
        balance=invoice.amount_remaining + invoice.amount_paid - invoice.total,
        paid=invoice.amount_paid,
        due=invoice.amount_remaining,
    )


def _taxes(taxes: Iterable[Tax]) -> tuple[TaxTotal, ...]:
    totals: dict[tuple[bool, str | None, str | None], TaxTotal] = {}
    for tax in taxes:
        one = TaxTotal(
            amount=tax.amount,
            taxable=tax.taxable_amount,
            inclusive=tax.behavior == "inclusive",
            reason=tax.reason,
            rate=tax.rate,
            percentage=tax.percentage,
            name=tax.name,
            country=tax.country,
            jurisdiction=tax.jurisdiction,
            tax_type=tax.tax_type,
        )
        key = (one.inclusive, one.reason, one.rate)
        totals[key] = _both(totals[key], one) if key in totals else one
    return tuple(totals.values())


def _both(one: TaxTotal, other: TaxTotal) -> TaxTotal:
    return replace(
        one,
        amount=one.amount + other.amount,
        taxable=one.taxable + other.taxable if one.taxable and other.taxable else None,
    )


def _span(periods: Iterable[Period]) -> Period | None:
    real = [period for period in periods if period.start < period.end]
    if not real:
        return None
    return Period(min(period.start for period in real), max(period.end for period in real))


def _sum(amounts: Iterable[Money], currency: str) -> Money:
    return sum(amounts, start=Money(0, currency))


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        text = format(value, "f")
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text == "-0" else text
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    # What is left are the slotted dataclasses of this package.
    return {name: getattr(value, name) for name in type(value).__slots__}  # type: ignore[attr-defined]
