"""An invoice or a credit note as a document: everything that its PDF says, and nothing of how it is drawn.

The fingerprint of a document is the key under which its PDF is stored, and its strong ETag: so a
change of how the same document is drawn must raise TEMPLATE_VERSION, or old bytes would be served
under the name of new ones.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from billing.domain.document_lines import document_line, summed, totals
from billing.domain.errors import InvalidParameterError
from billing.domain.parties import Address
from billing.domain.payments import InvoicePaymentStatus
from billing.domain.periods import Period
from billing.domain.statuses import CreditNoteStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from billing.domain.customers import Customer
    from billing.domain.document_lines import DocumentLine, Totals
    from billing.domain.invoices import Invoice
    from billing.domain.money import Money
    from billing.domain.parties import TaxId
    from billing.domain.statuses import InvoiceStatus

TEMPLATE_VERSION = 4

LOCALES = ("en", "de", "fr", "es", "ja")


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture, told by the SHA-256 of its file; its size is in pixels."""

    sha256: str
    width: int
    height: int


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
    logo: Logo | None = None


@dataclass(frozen=True, slots=True)
class Buyer:
    """Whom the invoice is for; `tax_exempt` is Stripe's none, exempt or reverse."""

    name: str | None
    email: str | None
    address: Address
    tax_ids: tuple[TaxId, ...]
    tax_exempt: str | None


@dataclass(frozen=True, slots=True)
class PaymentMade:
    """A payment of the invoice, and the day of it."""

    paid_at: datetime
    amount: Money


@dataclass(frozen=True, slots=True)
class CreditApplied:
    """A credit note on the invoice: `before` was taken off what was due, `after` given back of the paid."""

    number: str
    issued: datetime
    before: Money
    after: Money


@dataclass(frozen=True, slots=True)
class Correction:
    """What a credit note says besides: which invoice it corrects, why, and how its amount is credited.

    `refunded`, `to_balance` (of the customer) and `out_of_band` (outside of Stripe) are what it gives back,
    and sum up to the totals' `paid`. `invoice_number` and `invoice_issued` are None where the invoice is not
    mirrored; `reason` is Stripe's.
    """

    invoice_number: str | None
    invoice_issued: datetime | None
    reason: str | None
    refunded: Money
    to_balance: Money
    out_of_band: Money


@dataclass(frozen=True, slots=True)
class InvoiceDocument:
    """An invoice, or a credit note where it `corrects` one, in one language.

    `number` is None on a draft; `service` spans the lines' periods. `payments` are those that make up what
    was paid, as far as they are known.
    """

    id: str
    locale: str
    livemode: bool
    seller: Seller
    buyer: Buyer
    number: str | None
    status: InvoiceStatus | CreditNoteStatus
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
    payments: tuple[PaymentMade, ...] = ()
    credits: tuple[CreditApplied, ...] = ()
    corrects: Correction | None = None


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
    credited = tuple(
        CreditApplied(
            number=note.number,
            issued=note.effective_at or note.created,
            before=note.pre_payment_amount,
            after=note.post_payment_amount,
        )
        for note in invoice.credit_notes
        if note.status is CreditNoteStatus.ISSUED
    )
    return InvoiceDocument(
        id=invoice.id,
        locale=document_locale(locale),
        livemode=invoice.livemode,
        seller=seller,
        buyer=buyer_of(invoice, customer),
        number=invoice.number,
        status=invoice.status,
        currency=invoice.currency,
        issued=invoice.finalized_at or invoice.created,
        due_date=invoice.due_date,
        paid_at=invoice.paid_at,
        voided_at=invoice.voided_at,
        service=span(line.period for line in invoice.lines),
        lines=tuple(document_line(line, line.period, proration=line.proration) for line in invoice.lines),
        totals=totals(
            invoice,
            paid=invoice.amount_paid,
            due=invoice.amount_remaining,
            credited=summed((credit.before for credit in credited), invoice.currency),
        ),
        starting_balance=invoice.starting_balance,
        memo=invoice.description,
        footer=invoice.footer,
        payments=_payments(invoice),
        credits=credited,
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


def buyer_of(invoice: Invoice, customer: Customer | None) -> Buyer:
    """Return whom the invoice names, or the mirrored customer where it names nobody."""
    if customer is None or not needs_customer(invoice):
        customer = None
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


def _payments(invoice: Invoice) -> tuple[PaymentMade, ...]:
    made = tuple(
        PaymentMade(payment.paid_at, payment.amount_paid)
        for payment in invoice.payments
        if payment.status is InvoicePaymentStatus.PAID and payment.paid_at and payment.amount_paid
    )
    # The invoice may be older than its payments here: its own amount is what the sums are made of.
    paid = summed((payment.amount for payment in made), invoice.currency)
    return made if paid.amount <= invoice.amount_paid.amount else ()


def span(periods: Iterable[Period]) -> Period | None:
    """Return the period from the first start to the last end, instants left out; None where there is none."""
    real = [period for period in periods if period.start < period.end]
    if not real:
        return None
    return Period(min(period.start for period in real), max(period.end for period in real))


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        text = format(value, "f")
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text == "-0" else text
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    # What is left are the slotted dataclasses of this package.
    return {name: getattr(value, name) for name in type(value).__slots__}  # type: ignore[attr-defined]
