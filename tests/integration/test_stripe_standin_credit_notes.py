"""Credit notes of the stand-in: what they take back, what becomes of the invoice, how they are fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

from billing.adapters.stripe.objects import StripeApi
from billing.domain.credit_notes import CreditNote
from billing.domain.mirror import ObjectKind
from billing.domain.payments import InvoicePayment
from tests.fakes.stripe_payloads import credit_note, credit_note_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.stripe_data import RunningStandin


@pytest.fixture
def mirror_api(stripe_standin: RunningStandin) -> Iterator[StripeApi]:
    opened = StripeApi(api_key=lambda _: "sk_test_standin", base=stripe_standin.base_url, retries=0)
    yield opened
    opened.close()


def invoiced(api: Any, *amounts: int, pay: bool = True, coupon: bool = False) -> Any:
    """Return a finalised invoice with 19 % on its lines, paid by card if so."""
    customer = api.customers.create(
        {
            "name": "Acme",
            "payment_method": "pm_card_visa",
            "invoice_settings": {"default_payment_method": "pm_card_visa"},
        }
    ).id
    rate = api.tax_rates.create({"display_name": "USt.", "inclusive": False, "percentage": 19}).id
    details: dict[str, Any] = {"customer": customer, "default_tax_rates": [rate]}
    if coupon:
        details["discounts"] = [{"coupon": api.coupons.create({"percent_off": 10, "duration": "once"}).id}]
    invoice = api.invoices.create(details).id
    lines = [{"amount": amount, "description": f"{amount}"} for amount in amounts]
    api.invoices.add_lines(invoice, {"lines": lines})
    finalized = api.invoices.finalize_invoice(invoice)
    return api.invoices.pay(invoice) if pay else finalized


def line(invoice: Any, number: int, **share: int) -> dict[str, Any]:
    billed = invoice.lines.data[number].id
    return {"type": "invoice_line_item", "invoice_line_item": billed, **share}


def test_a_line_is_credited_with_its_discount_and_tax(stripe_standin: RunningStandin) -> None:
    """Given 100.00 less 10 % plus 19 %, when half of it is credited, then 50.00 - 5.00 + 8.55 = 53.55."""
    api = stripe_standin.client().v1
    invoice = invoiced(api, 10_000, 333, coupon=True)
    note = api.credit_notes.create(
        {"invoice": invoice.id, "lines": [line(invoice, 0, amount=5_000)], "refund_amount": 5_355}
    )
    assert (note.subtotal, note.discount_amount, note.total, note.total_excluding_tax) == (
        5_000,
        500,
        5_355,
        4_500,
    )
    (tax,) = note.total_taxes
    assert (tax.amount, tax.taxable_amount) == (855, 4_500)
    assert (note.type, note.number, note.status) == ("post_payment", f"{invoice.number}-CN-01", "issued")
    assert [refund.amount_refunded for refund in note.refunds] == [5_355]
    after = api.invoices.retrieve(invoice.id)
    assert (after.status, after.post_payment_credit_notes_amount, after.amount_remaining) == (
        "paid",
        5_355,
        0,
    )


def test_an_open_invoice_asks_for_less_and_then_is_paid(stripe_standin: RunningStandin) -> None:
    """Given 119.00 open, when 19.00 and then the rest are credited, then 100.00 and then nothing is due."""
    api = stripe_standin.client().v1
    invoice = invoiced(api, 10_000, pay=False)
    first = api.credit_notes.create({"invoice": invoice.id, "amount": 1_900})
    assert (first.type, first.pre_payment_amount) == ("pre_payment", 1_900)
    after = api.invoices.retrieve(invoice.id)
    assert (after.status, after.amount_due, after.amount_remaining, after.total) == (
        "open",
        10_000,
        10_000,
        11_900,
    )
    api.credit_notes.create({"invoice": invoice.id, "amount": 10_000})
    settled = api.invoices.retrieve(invoice.id)
    assert (settled.status, settled.amount_paid, settled.pre_payment_credit_notes_amount) == (
        "paid",
        0,
        11_900,
    )


def test_a_voided_credit_note_is_due_again(stripe_standin: RunningStandin) -> None:
    """Given a credit note on an open invoice, when voided, then the invoice asks for it; once only."""
    api = stripe_standin.client().v1
    invoice = invoiced(api, 10_000, pay=False)
    note = api.credit_notes.create({"invoice": invoice.id, "amount": 1_900}).id
    void = api.credit_notes.void_credit_note(note)
    assert (void.status, void.voided_at is None) == ("void", False)
    assert api.invoices.retrieve(invoice.id).amount_due == 11_900
    with pytest.raises(stripe.InvalidRequestError, match="only void"):
        api.credit_notes.void_credit_note(note)
    numbers = [api.credit_notes.create({"invoice": invoice.id, "amount": 11_900}).number]
    assert numbers == [f"{invoice.number}-CN-02"]


def test_credit_goes_to_the_customers_balance(stripe_standin: RunningStandin) -> None:
    """Given a paid invoice, when credited to the balance, then the customer's balance is lower by that."""
    api = stripe_standin.client().v1
    invoice = invoiced(api, 10_000)
    note = api.credit_notes.create({"invoice": invoice.id, "amount": 500, "credit_amount": 500})
    assert note.customer_balance_transaction.startswith("cbtxn_")
    assert api.customers.retrieve(invoice.customer).balance == -500


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "amount"),
        ({"amount": 100}, "must equal the post payment amount"),
        ({"amount": 20_000, "refund_amount": 20_000}, "not within what is left"),
        ({"amount": 1, "refund_amount": 1, "lines": [{"type": "custom_line_item"}]}, "amount"),
        ({"lines": [{"type": "invoice_line_item", "invoice_line_item": "il_no", "amount": 1}]}, "il_no"),
    ],
)
def test_what_does_not_add_up_is_refused(
    stripe_standin: RunningStandin, given: dict[str, Any], said: str
) -> None:
    """Given a paid invoice of 119.00, when credited in a way that does not add up, then it is refused."""
    api = stripe_standin.client().v1
    invoice = invoiced(api, 10_000)
    with pytest.raises(stripe.InvalidRequestError, match=said):
        api.credit_notes.create({"invoice": invoice.id, **given})
    assert api.credit_notes.list({"invoice": invoice.id}).data == []


@pytest.mark.parametrize("count", [1, 10, 11, 101, 250])
def test_a_credit_note_is_fetched_with_every_line(
    mirror_api: StripeApi, stripe_standin: RunningStandin, count: int
) -> None:
    """Given a credit note of any length, when it is fetched, then it has every line in Stripe's order."""
    lines = [credit_note_line(id=f"cnli_{n}", amount=n) for n in range(count)]
    stripe_standin.load(credit_note(id=f"cn_{count}", lines={"data": lines, "has_more": False}))
    found = mirror_api.fetch(ObjectKind.CREDIT_NOTE, f"cn_{count}")
    assert found is not None
    assert isinstance(found.state, CreditNote)
    assert found.state.lines_complete
    assert [(row.id, row.amount.amount) for row in found.state.lines] == [
        (f"cnli_{n}", n) for n in range(count)
    ]


def test_a_payment_is_fetched(mirror_api: StripeApi, stripe_standin: RunningStandin) -> None:
    """Given an invoice paid by card, when its payment is fetched, then it is read; an unknown one is None."""
    api = stripe_standin.client().v1
    invoice = invoiced(api, 10_000)
    (payment,) = api.invoice_payments.list({"invoice": invoice.id}).data
    found = mirror_api.fetch(ObjectKind.INVOICE_PAYMENT, payment.id)
    assert found is not None
    assert isinstance(found.state, InvoicePayment)
    assert (found.state.invoice, found.state.amount_paid and found.state.amount_paid.amount) == (
        invoice.id,
        11_900,
    )
    assert mirror_api.fetch(ObjectKind.INVOICE_PAYMENT, "inpay_no") is None
