"""A picture of an invoice whose discounts have names."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from billing.domain.documents import invoice_document
from billing.domain.invoices import DiscountAmount
from billing.domain.money import Money
from local.pictures.samples import SELLER, Sample, a_line, a_tax, an_invoice


def discounts_sample() -> Sample:
    """Return an invoice with discounts in per cent, of an amount, and of a coupon that is not known."""
    launch = DiscountAmount(Money(20000, "eur"), "di_1", "LAUNCH20", "Launch offer", Decimal(20))
    gift = DiscountAmount(
        Money(5000, "eur"), "di_2", "GIFT", "Voucher of the spring conference", amount_off=Money(5000, "eur")
    )
    unknown = DiscountAmount(Money(1000, "eur"), "di_3")
    discounts = (launch, gift, unknown)
    off = sum((each.amount for each in discounts), start=Money(0, "eur"))
    whole = an_invoice(
        "eur",
        a_line(90000, "eur", "Team seats", quantity=Decimal(20), unit_amount=Decimal(4500)),
        a_line(10000, "eur", "Onboarding"),
        taxes=(a_tax(14060, 74000, "eur", "19", "VAT"),),
    )
    total = whole.total - off
    # Of the whole invoice, so that the subtotal is before them.
    taken = replace(whole, discounts=discounts, total=total, amount_due=total, amount_remaining=total)
    shown = replace(taken, total_excluding_tax=taken.subtotal - off)
    return Sample("discounts", (invoice_document(shown, None, SELLER, "en"),))
