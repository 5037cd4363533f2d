from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing.adapters.stripe.events import read_event
from billing.domain.credit_notes import CreditNote, CreditNoteLine, CreditNoteStatus, RefundAmount
from billing.domain.invoices import DiscountAmount, Tax
from billing.domain.lifecycles import may_follow
from billing.domain.mirror import Deletion, ObjectKind, Observation, Outcome, Standing, Unreadable
from billing.domain.money import Money
from billing.domain.payments import InvoicePayment, InvoicePaymentStatus
from billing.domain.periods import instant
from tests.fakes.objects import T0, a_credit_note, a_credit_note_line, a_payment, a_tax_rate, an_event
from tests.fakes.stripe_payloads import CREATED, credit_note, credit_note_line, event, invoice_payment
from tests.support.stripe_world import World


def usd(amount: int) -> Money:
    return Money(amount, "usd")


def content(payload: dict[str, Any]) -> Any:
    return read_event(payload).content


def lines(*data: dict[str, Any], more: bool = False) -> dict[str, Any]:
    return {"data": list(data), "has_more": more}


def test_a_credit_note_is_read_with_every_member() -> None:
    """Given a credit note's payload, when it is read, then the snapshot equals it member by member."""
    assert content(event("credit_note.created", credit_note())) == CreditNote(
        id="cn_1",
        livemode=False,
        created=instant(CREATED),
        customer="cus_1",
        invoice="in_1",
        number="A-0001-CN-01",
        status=CreditNoteStatus.ISSUED,
        type="mixed",
        currency="usd",
        reason="product_unsatisfactory",
        memo="Outage of Monday",
        amount=usd(1142),
        subtotal=usd(1000),
        total=usd(1142),
        total_excluding_tax=usd(960),
        pre_payment_amount=usd(142),
        post_payment_amount=usd(1000),
        out_of_band_amount=None,
        refunds=(RefundAmount(usd(1000), "re_1"),),
        customer_balance_transaction=None,
        effective_at=instant(CREATED),
        voided_at=None,
        discounts=(DiscountAmount(usd(40), "di_1"),),
        taxes=(Tax(usd(182), "exclusive", "standard_rated"),),
        lines=(
            CreditNoteLine(
                id="cnli_1",
                type="invoice_line_item",
                description="API calls",
                amount=usd(1000),
                quantity=Decimal(8000),
                unit_amount=Decimal("0.125"),
                invoice_line="il_1",
                discounts=(DiscountAmount(usd(40), "di_1"),),
                taxes=(Tax(usd(182), "exclusive", "standard_rated", "txr_1", usd(960)),),
            ),
        ),
    )


def test_a_custom_line_credits_no_line_of_the_invoice() -> None:
    """Given a custom line, which has no invoice_line_item at all, when read, then it names none."""
    custom = credit_note_line(type="custom_line_item", quantity=None, unit_amount_decimal=None)
    del custom["invoice_line_item"]
    (line,) = content(event("credit_note.created", credit_note(lines=lines(custom)))).lines
    assert (line.invoice_line, line.quantity, line.unit_amount) == (None, None, None)


def test_a_refund_outside_of_stripe_is_named_by_its_group() -> None:
    """Given a refund of a payment record, when read, then its group stands for it; none at all is refused."""
    record = {"payment_record": "prec_1", "refund_group": "rfg_1"}
    told = {"amount_refunded": 5, "payment_record_refund": record, "refund": None}
    note = content(event("credit_note.created", credit_note(refunds=[told])))
    assert note.refunds == (RefundAmount(usd(5), "rfg_1"),)
    bare = content(event("credit_note.created", credit_note(refunds=[{"amount_refunded": 5}])))
    assert bare == Unreadable("credit_note.refunds[0].refund: missing")


def test_a_payment_is_read_with_every_member() -> None:
    """Given an invoice payment's payload, when it is read, then the snapshot equals it member by member."""
    assert content(event("invoice_payment.paid", invoice_payment())) == InvoicePayment(
        id="inpay_1",
        livemode=False,
        created=instant(CREATED),
        invoice="in_1",
        status=InvoicePaymentStatus.PAID,
        currency="usd",
        amount_requested=usd(2856),
        amount_paid=usd(2856),
        is_default=True,
        payment_type="payment_intent",
        payment="pi_1",
        paid_at=instant(CREATED + 5),
        canceled_at=None,
    )


@pytest.mark.parametrize("kind", ["charge", "payment_record"])
def test_a_payment_names_what_it_was_made_with(kind: str) -> None:
    """Given a payment by a charge or outside of Stripe, when read, then its type and that id are told."""
    paid = content(event("invoice_payment.paid", invoice_payment(payment={"type": kind, kind: "x_1"})))
    assert (paid.payment_type, paid.payment) == (kind, "x_1")


def test_a_payment_by_something_new_is_not_guessed() -> None:
    """Given a type of payment that is not known, when read, then it is quarantined by name."""
    told = content(event("invoice_payment.paid", invoice_payment(payment={"type": "barter", "barter": "x"})))
    assert told == Unreadable("invoice_payment.payment.type: not known")


def test_a_credit_note_with_its_first_lines_only_is_fetched() -> None:
    """Given an event that embeds some lines only, when applied, then Stripe's whole credit note stands."""
    world = World()
    whole = a_credit_note(lines=tuple(a_credit_note_line(number) for number in range(30)))
    world.stripe.put(whole)
    first = content(event("credit_note.created", credit_note(lines=lines(credit_note_line(), more=True))))
    assert not first.lines_complete
    applied = world.apply(an_event("evt_1", first))
    assert (applied.outcome, applied.asked_stripe) == (Outcome.APPLIED, True)
    assert world.state(ObjectKind.CREDIT_NOTE, "cn_1") == whole


def test_the_rates_that_a_credit_note_names_are_learned() -> None:
    """Given a credit note with a rate older than the webhook, when applied, then the rate is mirrored."""
    world = World()
    world.stripe.put(a_tax_rate())
    world.apply(an_event("evt_1", a_credit_note()))
    assert world.state(ObjectKind.TAX_RATE, "txr_1") == a_tax_rate()


@pytest.mark.parametrize(
    ("standing", "incoming", "follows"),
    [
        ("issued", a_credit_note(status=CreditNoteStatus.VOID), True),
        ("issued", a_credit_note(), True),
        ("void", a_credit_note(), False),
        ("void", a_credit_note(status=CreditNoteStatus.VOID), True),
        ("open", a_payment(), True),
        ("paid", a_payment(status=InvoicePaymentStatus.OPEN), False),
        ("canceled", a_payment(status=InvoicePaymentStatus.OPEN), False),
        (None, a_payment(status=InvoicePaymentStatus.OPEN), True),
        ("void", Deletion(ObjectKind.CREDIT_NOTE, "cn_1"), True),
    ],
)
def test_a_lifecycle_never_runs_backwards(
    standing: str | None, incoming: CreditNote | InvoicePayment | Deletion, *, follows: bool
) -> None:
    """Given a state that stands, when another ties and nobody can be asked, then only a later one does."""
    assert may_follow(incoming, Standing(1, T0, standing, deleted=False)) is follows


def test_an_observation_of_a_payment_is_of_its_kind() -> None:
    """Given a payment settled with Stripe, when fetched, then the payment's own state is what stands."""
    world = World()
    world.stripe.put(a_payment())
    opened = a_payment(status=InvoicePaymentStatus.OPEN, amount_paid=None, paid_at=None)
    world.apply(an_event("evt_1", opened))
    tied = world.apply(an_event("evt_2", a_payment()))
    assert (tied.outcome, tied.asked_stripe) == (Outcome.APPLIED, True)
    assert Observation(a_payment(), T0).state == world.state(ObjectKind.INVOICE_PAYMENT, "inpay_1")
