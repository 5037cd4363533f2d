"""What a credit note's document says, and what an invoice's says of its credit notes and payments."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from billing.domain.credit_note_documents import credit_note_document
from billing.domain.credit_note_summaries import CreditNoteSummary
from billing.domain.credit_notes import CreditNoteStatus, RefundAmount
from billing.domain.documents import CreditApplied, PaymentMade, fingerprint, invoice_document
from billing.domain.invoices import InvoiceStatus
from billing.domain.money import Money
from billing.domain.payments import InvoicePaymentStatus
from tests.fakes.objects import MONTH, a_credit_note, a_payment, an_invoice
from tests.support.invoices import FINALIZED, SELLER, customer, invoice

if TYPE_CHECKING:
    from billing.domain.payments import InvoicePayment

ISSUED = FINALIZED + timedelta(days=3)
amounts = st.integers(0, 2**50)


def eur(amount: int) -> Money:
    return Money(amount, "eur")


def summary(before: int, after: int = 0, **fields: Any) -> CreditNoteSummary:
    whole = CreditNoteSummary(
        "cn_1",
        "DEMO-0001-CN-01",
        CreditNoteStatus.ISSUED,
        eur(before + after),
        eur(before),
        eur(after),
        FINALIZED,
        ISSUED,
    )
    return replace(whole, **fields)


def payment(amount: int, **fields: Any) -> InvoicePayment:
    return a_payment(amount_paid=eur(amount), paid_at=ISSUED, **fields)


def test_it_names_the_invoice_and_whom_that_names() -> None:
    """Given a credit note, when written, then buyer, periods and number are those of its invoice."""
    source = an_invoice()
    written = credit_note_document(a_credit_note(), source, customer(), SELLER, "en")
    assert written.buyer == invoice_document(source, None, SELLER, "en").buyer
    assert written.corrects is not None
    assert (written.corrects.invoice_number, written.corrects.invoice_issued) == (
        "A-0001",
        source.finalized_at,
    )
    assert (written.number, written.issued) == ("A-0001-CN-01", a_credit_note().effective_at)
    assert [line.period for line in written.lines] == [MONTH, None]  # the second credits no line of it
    assert written.service == MONTH


def test_the_mirrored_customer_stands_in_for_an_unknown_invoice() -> None:
    """Given a credit note whose invoice is not mirrored, when written, then today's customer is the buyer."""
    written = credit_note_document(a_credit_note(), None, customer(), SELLER, "en")
    assert (written.buyer.name, written.buyer.tax_exempt) == ("Renamed Ltd", "reverse")
    assert written.corrects is not None
    assert (written.corrects.invoice_number, written.corrects.invoice_issued) == (None, None)
    assert credit_note_document(a_credit_note(), None, None, SELLER, "en").buyer.name is None


def test_what_it_credits_is_told_by_way() -> None:
    """Given 33.60: 3.60 before payment, 20 refunded, 5 elsewhere, when written, then 5 go to the balance."""
    written = credit_note_document(a_credit_note(), an_invoice(), None, SELLER, "de")
    assert written.corrects is not None
    told = written.corrects
    assert (told.refunded, told.out_of_band, told.to_balance) == (eur(2000), eur(500), eur(500))
    assert (written.totals.paid, written.totals.due) == (eur(3000), eur(360))


@given(before=amounts, parts=st.lists(amounts, min_size=3, max_size=3))
def test_its_sums_follow_from_one_another(before: int, parts: list[int]) -> None:
    """Given any split of any total, when written, then the ways sum up to it."""
    refunded, out_of_band, _ = parts
    note = a_credit_note(
        total=eur(before + sum(parts)),
        pre_payment_amount=eur(before),
        post_payment_amount=eur(sum(parts)),
        refunds=(RefundAmount(eur(refunded), "re_1"),),
        out_of_band_amount=eur(out_of_band),
    )
    written = credit_note_document(note, an_invoice(), None, SELLER, "en")
    told, totals = written.corrects, written.totals
    assert told is not None
    assert (told.refunded, told.out_of_band, told.to_balance) == tuple(map(eur, parts))
    assert told.refunded + told.out_of_band + told.to_balance == totals.paid
    assert (totals.due, totals.balance) == (eur(before), eur(0))
    assert totals.total == totals.paid + totals.due


def test_a_credit_note_is_no_invoice_of_the_same_content() -> None:
    """Given one credit note with its invoice and without, void and not, when hashed, then none are alike."""
    notes = [a_credit_note(), a_credit_note(status=CreditNoteStatus.VOID), a_credit_note(reason="duplicate")]
    written = [credit_note_document(note, an_invoice(), None, SELLER, "en") for note in notes]
    written.append(credit_note_document(notes[0], None, None, SELLER, "en"))
    written.append(replace(written[0], corrects=None))
    assert len({fingerprint(each) for each in written}) == len(written)


def test_what_was_credited_before_payment_is_no_balance() -> None:
    """Given 19.99 with 5.00 credited and 14.99 due, when written, then the credit is told and no balance."""
    source = replace(invoice(), amount_remaining=eur(1499), amount_due=eur(1499))
    written = invoice_document(replace(source, credit_notes=(summary(500),)), None, SELLER, "en")
    assert written.credits == (CreditApplied("DEMO-0001-CN-01", ISSUED, eur(500), eur(0)),)
    assert (written.totals.credited, written.totals.balance, written.totals.due) == (
        eur(500),
        eur(0),
        eur(1499),
    )


def test_a_void_credit_note_credits_nothing() -> None:
    """Given a void credit note, when its invoice is written, then there is no trace of it."""
    void = summary(500, status=CreditNoteStatus.VOID)
    assert invoice_document(replace(invoice(), credit_notes=(void,)), None, SELLER, "en") == invoice_document(
        invoice(), None, SELLER, "en"
    )


def test_only_payments_that_were_made_are_told() -> None:
    """Given a payment made, one open and one cancelled, when written, then the first is told."""
    source = invoice(status=InvoiceStatus.PAID, amount_paid=1999)
    others = (
        payment(1, status=InvoicePaymentStatus.OPEN),
        payment(1, status=InvoicePaymentStatus.CANCELED),
    )
    written = invoice_document(replace(source, payments=(payment(1999), *others)), None, SELLER, "en")
    assert written.payments == (PaymentMade(ISSUED, eur(1999)),)


def test_payments_that_the_invoice_does_not_know_yet_are_not_told() -> None:
    """Given a payment that came before its invoice's change, when written, then the invoice's sums stand."""
    written = invoice_document(replace(invoice(), payments=(payment(1999),)), None, SELLER, "en")
    assert (written.payments, written.totals.paid, written.totals.due) == ((), eur(0), eur(1999))


@given(st.lists(amounts, max_size=3), st.lists(amounts, max_size=3), amounts, amounts)
def test_the_sums_hold_with_credits_and_payments(
    credited: list[int], payments: list[int], paid: int, due: int
) -> None:
    """Given any credits and payments, when written, then total - credited + balance - paid = due."""
    source = replace(
        invoice(amount_paid=paid),
        amount_remaining=eur(due),
        credit_notes=tuple(summary(amount) for amount in credited),
        payments=tuple(payment(amount) for amount in payments),
    )
    written = invoice_document(source, None, SELLER, "en")
    totals = written.totals
    assert totals.total - totals.credited + totals.balance - totals.paid == totals.due == eur(due)
    assert sum(each.amount.amount for each in written.payments) <= paid
    assert totals.credited == eur(sum(credited))


def test_a_unit_price_of_a_line_stays_exact() -> None:
    """Given a unit price of 12 decimals, when written, then none is lost."""
    written = credit_note_document(a_credit_note(), None, None, SELLER, "en")
    assert written.lines[0].unit_amount == Decimal("500.000000000001")
