"""Made-up objects of billing, whole and valid, for tests that change only what they are about."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from billing.domain.credit_notes import CreditNote, CreditNoteLine, CreditNoteStatus, RefundAmount
from billing.domain.customers import Customer
from billing.domain.invoices import DiscountAmount, Invoice, InvoiceLine, InvoiceStatus, Tax
from billing.domain.lifecycles import kind_of
from billing.domain.mirror import NotMirrored, StripeEvent, Unreadable
from billing.domain.money import Money
from billing.domain.parties import Address, TaxId
from billing.domain.payments import InvoicePayment, InvoicePaymentStatus
from billing.domain.periods import Period, instant
from billing.domain.subscriptions import Subscription, SubscriptionItem, SubscriptionStatus
from billing.domain.tax_rates import TaxRate

if TYPE_CHECKING:
    from billing.domain.mirror import Deletion, Mention, Snapshot

T0 = instant(1_760_000_000)
SECOND = timedelta(seconds=1)
MONTH = Period(T0, T0 + timedelta(days=30))

_ADDRESS = Address(line1="Unter den Linden 1", city="Berlin", postal_code="10117", country="DE")


def a_customer(**changes: Any) -> Customer:
    """Return a customer."""
    whole = Customer(
        id="cus_1",
        livemode=False,
        created=T0,
        name="Zoë Ångström",
        email="zoe@example.com",
        phone="+49 30 1",
        description=None,
        currency="eur",
        balance=-250,
        delinquent=False,
        tax_exempt="none",
        address=_ADDRESS,
        preferred_locales=("de", "en"),
    )
    return replace(whole, **changes)


def a_subscription(**changes: Any) -> Subscription:
    """Return a subscription with two items."""
    items = (
        SubscriptionItem("si_1", "price_1", "prod_1", Decimal(3), MONTH),
        SubscriptionItem("si_2", "price_2", "prod_2", None, MONTH),
    )
    whole = Subscription(
        id="sub_1",
        livemode=False,
        created=T0,
        customer="cus_1",
        status=SubscriptionStatus.ACTIVE,
        currency="eur",
        collection_method="charge_automatically",
        cancel_at_period_end=False,
        start_date=T0,
        billing_cycle_anchor=T0,
        cancel_at=None,
        canceled_at=None,
        ended_at=None,
        trial_start=None,
        trial_end=T0,
        items=items,
    )
    return replace(whole, **changes)


def a_tax_rate(**changes: Any) -> TaxRate:
    """Return the tax rate that the lines of an_invoice name."""
    whole = TaxRate(
        id="txr_1",
        livemode=False,
        created=T0,
        active=True,
        display_name="MwSt.",
        description="Umsatzsteuer",
        percentage=Decimal("19.5"),
        inclusive=False,
        country="DE",
        state=None,
        jurisdiction="Deutschland",
        tax_type="vat",
    )
    return replace(whole, **changes)


def a_credit_note_line(number: int = 1, currency: str = "eur", **changes: Any) -> CreditNoteLine:
    """Return a line that credits line `number` of an_invoice, with a discount and a tax."""
    whole = CreditNoteLine(
        id=f"cnli_{number}",
        type="invoice_line_item",
        description=f"Line {number}",
        amount=Money(1000 * number, currency),
        quantity=Decimal(2),
        unit_amount=Decimal("500.000000000001"),
        invoice_line=f"il_{number}",
        discounts=(DiscountAmount(Money(10, currency), "di_1"),),
        taxes=(Tax(Money(190, currency), "exclusive", "standard_rated", "txr_1", Money(990, currency)),),
    )
    return replace(whole, **changes)


def a_credit_note(currency: str = "eur", **changes: Any) -> CreditNote:
    """Return an issued credit note of an_invoice with two lines, refunded in part."""
    whole = CreditNote(
        id="cn_1",
        livemode=False,
        created=T0 + 5 * SECOND,
        customer="cus_1",
        invoice="in_1",
        number="A-0001-CN-01",
        status=CreditNoteStatus.ISSUED,
        type="mixed",
        currency=currency,
        reason="product_unsatisfactory",
        memo="Äpfel & Birnen",
        amount=Money(3360, currency),
        subtotal=Money(3000, currency),
        total=Money(3360, currency),
        total_excluding_tax=Money(2980, currency),
        pre_payment_amount=Money(360, currency),
        post_payment_amount=Money(3000, currency),
        out_of_band_amount=Money(500, currency),
        refunds=(RefundAmount(Money(2000, currency), "re_1"),),
        customer_balance_transaction="cbtxn_1",
        effective_at=T0 + 6 * SECOND,
        voided_at=None,
        discounts=(DiscountAmount(Money(20, currency), "di_1"),),
        taxes=(Tax(Money(380, currency), "exclusive", "standard_rated", "txr_1", Money(1980, currency)),),
        lines=(
            a_credit_note_line(1, currency),
            a_credit_note_line(2, currency, type="custom_line_item", invoice_line=None, unit_amount=None),
        ),
    )
    return replace(whole, **changes)


def a_payment(currency: str = "eur", **changes: Any) -> InvoicePayment:
    """Return a payment of an_invoice that was made."""
    whole = InvoicePayment(
        id="inpay_1",
        livemode=False,
        created=T0,
        invoice="in_1",
        status=InvoicePaymentStatus.PAID,
        currency=currency,
        amount_requested=Money(1500, currency),
        amount_paid=Money(1500, currency),
        is_default=True,
        payment_type="payment_intent",
        payment="pi_1",
        paid_at=T0 + SECOND,
        canceled_at=None,
    )
    return replace(whole, **changes)


def a_line(number: int = 1, currency: str = "eur", **changes: Any) -> InvoiceLine:
    """Return a line with a discount and a tax."""
    whole = InvoiceLine(
        id=f"il_{number}",
        description=f"Line {number}",
        amount=Money(1000 * number, currency),
        quantity=Decimal("2.5"),
        unit_amount=Decimal("400.000000000001"),
        period=MONTH,
        proration=False,
        price="price_1",
        product="prod_1",
        subscription="sub_1",
        discounts=(DiscountAmount(Money(10, currency), "di_1"),),
        taxes=(Tax(Money(190, currency), "exclusive", "standard_rated", "txr_1", Money(990, currency)),),
    )
    return replace(whole, **changes)


def an_invoice(currency: str = "eur", **changes: Any) -> Invoice:
    """Return an open invoice with two lines, all amounts in `currency`."""
    whole = Invoice(
        id="in_1",
        livemode=False,
        created=T0,
        customer="cus_1",
        subscription="sub_1",
        number="A-0001",
        status=InvoiceStatus.OPEN,
        currency=currency,
        collection_method="charge_automatically",
        billing_reason="subscription_cycle",
        description=None,
        footer="Thank you",
        customer_name="Zoë Ångström",
        customer_email="zoe@example.com",
        customer_address=_ADDRESS,
        customer_tax_ids=(TaxId("eu_vat", "DE123456789"),),
        customer_tax_exempt="none",
        subtotal=Money(3000, currency),
        total=Money(3560, currency),
        total_excluding_tax=Money(2990, currency),
        amount_due=Money(3560, currency),
        amount_paid=Money(0, currency),
        amount_remaining=Money(3560, currency),
        starting_balance=Money(0, currency),
        period=MONTH,
        due_date=T0 + timedelta(days=14),
        finalized_at=T0 + timedelta(hours=1),
        paid_at=None,
        voided_at=None,
        marked_uncollectible_at=None,
        discounts=(DiscountAmount(Money(10, currency), "di_1"),),
        taxes=(Tax(Money(570, currency), "exclusive"),),
        lines=(a_line(1, currency), a_line(2, currency)),
    )
    return replace(whole, **changes)


def an_event(
    name: str, content: Snapshot | Deletion | Mention | NotMirrored | Unreadable, *, after: int = 0
) -> StripeEvent:
    """Return the event `name` about `content`, `after` seconds after T0."""
    about = None if isinstance(content, NotMirrored | Unreadable) else content
    return StripeEvent(
        id=name,
        type="payout.paid" if about is None else f"{kind_of(about)}.updated",
        created=T0 + after * SECOND,
        livemode=False,
        api_version="2026-05-27.dahlia",
        object_id=None if about is None else about.id,
        content=content,
    )
