"""The ports `InvoicePages`, `InvoiceReader` and `CreditNoteReader` in memory, over a FakeMirror."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from billing.domain.catalogue import Coupon, Discount
from billing.domain.credit_note_summaries import CreditNoteSummary
from billing.domain.credit_notes import CreditNote
from billing.domain.customers import Customer
from billing.domain.errors import InvalidParameterError, UnavailableError
from billing.domain.invoice_pages import InvoicePage, InvoiceSummary
from billing.domain.invoices import Invoice
from billing.domain.lifecycles import kind_of, status_of
from billing.domain.mirror import ObjectKind
from billing.domain.payments import InvoicePayment
from billing.domain.tax_rates import TaxRate
from tests.fakes.mirror import FakeMirror, Held

if TYPE_CHECKING:
    from collections.abc import Iterable

    from billing.domain.invoice_pages import InvoiceQuery
    from billing.domain.invoices import DiscountAmount, Tax
    from billing.domain.mirror import Snapshot


class FakeInvoices:
    """Reads the given mirror, or the states given to it; `mirror.available` False makes it unavailable."""

    def __init__(self, *states: Snapshot, mirror: FakeMirror | None = None) -> None:
        self.mirror = mirror or FakeMirror()
        for state in states:
            self.put(state)

    def put(self, state: Snapshot) -> None:
        """Mirror a state without an event."""
        held = Held(state, status_of(state), datetime.now(UTC), revision=1, deleted=False)
        self.mirror.held[kind_of(state), state.id] = held

    def page(self, customer: str, query: InvoiceQuery) -> InvoicePage:
        """Return one page, newest first."""
        self._answer()
        own = [
            (held, held.state)
            for held in self.mirror.held.values()
            if isinstance(held.state, Invoice) and held.state.customer == customer
        ]
        own.sort(key=lambda pair: (pair[1].created, pair[1].id), reverse=True)
        if query.starting_after is not None:
            ids = [invoice.id for _, invoice in own]
            if query.starting_after not in ids:
                raise InvalidParameterError("starting_after", "this customer has no such invoice")
            own = own[ids.index(query.starting_after) + 1 :]
        found = [invoice for held, invoice in own if not held.deleted and _matches(invoice, query)]
        return InvoicePage(
            data=tuple(_summary(invoice) for invoice in found[: query.limit]),
            has_more=len(found) > query.limit,
        )

    def get(self, customer: str, invoice_id: str) -> Invoice | None:
        """Return the customer's invoice."""
        self._answer()
        held = self.mirror.held.get((ObjectKind.INVOICE, invoice_id))
        if held is None or held.deleted or not isinstance(held.state, Invoice):
            return None
        if held.state.customer != customer:
            return None
        lines = (
            replace(line, taxes=self._told(line.taxes), discounts=self._named(line.discounts))
            for line in held.state.lines
        )
        return replace(
            held.state,
            discounts=self._named(held.state.discounts),
            taxes=self._told(held.state.taxes),
            lines=tuple(lines),
            credit_notes=self._credit_notes(customer, invoice_id),
            payments=self._payments(invoice_id),
        )

    def credit_note(self, customer: str, credit_note_id: str) -> CreditNote | None:
        """Return the customer's credit note, as FakeCreditNotes does."""
        self._answer()
        held = self.mirror.held.get((ObjectKind.CREDIT_NOTE, credit_note_id))
        if held is None or held.deleted or not isinstance(held.state, CreditNote):
            return None
        if held.state.customer != customer:
            return None
        lines = (
            replace(line, taxes=self._told(line.taxes), discounts=self._named(line.discounts))
            for line in held.state.lines
        )
        return replace(
            held.state,
            discounts=self._named(held.state.discounts),
            taxes=self._told(held.state.taxes),
            lines=tuple(lines),
        )

    def customer(self, customer: str) -> Customer | None:
        """Return the customer."""
        self._answer()
        held = self.mirror.held.get((ObjectKind.CUSTOMER, customer))
        if held is None or held.deleted or not isinstance(held.state, Customer):
            return None
        return held.state

    def _credit_notes(self, customer: str, invoice_id: str) -> tuple[CreditNoteSummary, ...]:
        notes = [
            held.state
            for held in self.mirror.held.values()
            if isinstance(held.state, CreditNote)
            and not held.deleted
            and (held.state.invoice, held.state.customer) == (invoice_id, customer)
        ]
        return tuple(
            CreditNoteSummary(
                id=note.id,
                number=note.number,
                status=note.status,
                total=note.total,
                pre_payment_amount=note.pre_payment_amount,
                post_payment_amount=note.post_payment_amount,
                created=note.created,
                effective_at=note.effective_at,
            )
            for note in sorted(notes, key=lambda note: (note.created, note.id))
        )

    def _payments(self, invoice_id: str) -> tuple[InvoicePayment, ...]:
        payments = [
            held.state
            for held in self.mirror.held.values()
            if isinstance(held.state, InvoicePayment)
            and not held.deleted
            and held.state.invoice == invoice_id
        ]
        return tuple(sorted(payments, key=lambda payment: (payment.paid_at or payment.created, payment.id)))

    def _named(self, amounts: Iterable[DiscountAmount]) -> tuple[DiscountAmount, ...]:
        return tuple(self._with_coupon(amount) for amount in amounts)

    def _with_coupon(self, amount: DiscountAmount) -> DiscountAmount:
        held = self.mirror.held.get((ObjectKind.DISCOUNT, amount.discount))
        if held is None or not isinstance(held.state, Discount):
            return amount
        applied, found = held.state, self.mirror.held.get((ObjectKind.COUPON, held.state.coupon or ""))
        coupon = None if found is None else found.state
        if not isinstance(coupon, Coupon) or coupon.created > applied.start:
            return replace(amount, coupon=applied.coupon)
        return replace(
            amount,
            coupon=coupon.id,
            name=coupon.name or coupon.id,
            percent_off=coupon.percent_off,
            amount_off=coupon.amount_off,
        )

    def _told(self, taxes: Iterable[Tax]) -> tuple[Tax, ...]:
        return tuple(self._with_rate(tax) for tax in taxes)

    def _with_rate(self, tax: Tax) -> Tax:
        held = self.mirror.held.get((ObjectKind.TAX_RATE, tax.rate or ""))
        if held is None or held.deleted or not isinstance(held.state, TaxRate):
            return tax
        rate = held.state
        return replace(
            tax,
            percentage=rate.percentage,
            name=rate.display_name,
            country=rate.country,
            jurisdiction=rate.jurisdiction,
            tax_type=rate.tax_type,
        )

    def _answer(self) -> None:
        if not self.mirror.available:
            raise UnavailableError("database")


class FakeCreditNotes:
    """The port `CreditNoteReader` in memory, over the same mirror as the invoices."""

    def __init__(self, invoices: FakeInvoices) -> None:
        self._invoices = invoices

    def get(self, customer: str, credit_note_id: str) -> CreditNote | None:
        """Return the customer's credit note."""
        return self._invoices.credit_note(customer, credit_note_id)


def _matches(invoice: Invoice, query: InvoiceQuery) -> bool:
    return (
        query.status in {None, invoice.status}
        and query.currency in {None, invoice.currency}
        and (query.created_from is None or invoice.created >= query.created_from)
        and (query.created_to is None or invoice.created < query.created_to)
    )


def _summary(invoice: Invoice) -> InvoiceSummary:
    return InvoiceSummary(
        id=invoice.id,
        number=invoice.number,
        status=invoice.status,
        currency=invoice.currency,
        total=invoice.total,
        amount_due=invoice.amount_due,
        amount_paid=invoice.amount_paid,
        period=invoice.period,
        created=invoice.created,
        due_date=invoice.due_date,
    )
