"""The lines of a document and its sums, of an invoice and of a credit note alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from billing.domain.money import Money

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from billing.domain.credit_notes import CreditNote, CreditNoteLine
    from billing.domain.invoices import DiscountAmount, Invoice, InvoiceLine, Tax
    from billing.domain.periods import Period


@dataclass(frozen=True, slots=True)
class TaxTotal:
    """The tax of one rate over the document or a line; an inclusive one is already in the line amounts.

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
class NamedDiscount:
    """What one discount took off, and what it is called: `name` is None where that is not known.

    `percent_off` is 20 for 20 %; `amount_off` is what it takes off at most. At most one of them is there.
    """

    amount: Money
    name: str | None = None
    percent_off: Decimal | None = None
    amount_off: Money | None = None


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One line; `amount` is before `discount`; `unit_amount` is in minor units, up to 12 decimals.

    `period` is None for what is not delivered over a time. `discount` holds the line's share of discounts of
    the whole document too, and `discounts` what it is made of; `taxes` are the line's own.
    """

    description: str | None
    quantity: Decimal | None
    unit_amount: Decimal | None
    amount: Money
    period: Period | None
    discount: Money
    proration: bool = False
    taxes: tuple[TaxTotal, ...] = ()
    discounts: tuple[NamedDiscount, ...] = ()


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums, such that each follows from those before it.

    items - item_discount = subtotal; subtotal - discount + adjustment + exclusive taxes = total;
    total - credited + balance - paid = due. `subtotal`, `total`, `paid` and `due` are Stripe's own.
    `adjustment` is what Stripe counts and this mirror has no name for, such as billing credits. `credited` is
    what credit notes took off an invoice before it was paid. Of a credit note `paid` is what it gave back
    itself, and `due` what it takes off its invoice. `discounts` are what `discount` is made of, empty where
    they cannot be told from those of single lines.
    """

    items: Money
    item_discount: Money
    subtotal: Money
    discount: Money
    adjustment: Money
    excluding_tax: Money
    taxes: tuple[TaxTotal, ...]
    total: Money
    credited: Money
    balance: Money
    paid: Money
    due: Money
    discounts: tuple[NamedDiscount, ...] = ()


def document_line(
    line: InvoiceLine | CreditNoteLine, period: Period | None, *, proration: bool
) -> DocumentLine:
    """Return the line as a document shows it; `period` may be an instant."""
    return DocumentLine(
        description=line.description,
        quantity=line.quantity,
        unit_amount=line.unit_amount,
        amount=line.amount,
        period=period if period is not None and period.start < period.end else None,
        discount=summed((discount.amount for discount in line.discounts), line.amount.currency),
        proration=proration,
        taxes=_tax_totals(line.taxes),
        discounts=_named(line.discounts),
    )


def totals(told: Invoice | CreditNote, *, paid: Money, due: Money, credited: Money) -> Totals:
    """Return the sums of an invoice or a credit note."""
    currency = told.currency
    items = summed((line.amount for line in told.lines), currency)
    # Stripe's subtotal already has the discounts of single lines in it, and its discounts sum up
    # both these and those of the whole document.
    discounts = summed((discount.amount for discount in told.discounts), currency)
    item_discount = items - told.subtotal
    discount = discounts - item_discount if 0 <= item_discount.amount <= discounts.amount else discounts
    added = summed((tax.amount for tax in told.taxes if tax.behavior != "inclusive"), currency)
    contained = summed((tax.amount for tax in told.taxes if tax.behavior == "inclusive"), currency)
    return Totals(
        items=items,
        item_discount=item_discount,
        subtotal=told.subtotal,
        discount=discount,
        adjustment=told.total - (told.subtotal - discount + added),
        excluding_tax=told.total_excluding_tax or told.total - added - contained,
        taxes=_tax_totals(told.taxes),
        total=told.total,
        credited=credited,
        balance=due + paid + credited - told.total,
        paid=paid,
        due=due,
        discounts=_named(told.discounts) if discount == discounts else (),
    )


def summed(amounts: Iterable[Money], currency: str) -> Money:
    """Return the sum of amounts of this currency, 0 for none."""
    return sum(amounts, start=Money(0, currency))


def _named(discounts: Iterable[DiscountAmount]) -> tuple[NamedDiscount, ...]:
    return tuple(
        NamedDiscount(
            amount=each.amount,
            name=each.name,
            percent_off=each.percent_off,
            # A coupon may take another amount off in each currency, and the mirror knows the one of its own.
            amount_off=None if _is_foreign(each) else each.amount_off,
        )
        for each in discounts
    )


def _is_foreign(discount: DiscountAmount) -> bool:
    return discount.amount_off is not None and discount.amount_off.currency != discount.amount.currency


def _tax_totals(taxes: Iterable[Tax]) -> tuple[TaxTotal, ...]:
    found: dict[tuple[bool, str | None, str | None], TaxTotal] = {}
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
        found[key] = _both(found[key], one) if key in found else one
    return tuple(found.values())


def _both(one: TaxTotal, other: TaxTotal) -> TaxTotal:
    return replace(
        one,
        amount=one.amount + other.amount,
        taxable=one.taxable + other.taxable if one.taxable and other.taxable else None,
    )
