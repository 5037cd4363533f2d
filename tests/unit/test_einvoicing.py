"""What an e-invoice says of an invoice, and when there is none."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.adapters.einvoice.xml import einvoice_xml
from billing.domain.documents import invoice_document
from billing.domain.einvoice import EInvoice, Incomplete
from billing.domain.einvoice_gaps import missing
from billing.domain.einvoicing import einvoice
from billing.domain.invoices import DiscountAmount, InvoiceStatus, Tax
from billing.domain.money import Money, exponent
from billing.domain.parties import Address, TaxId
from billing.domain.periods import Period
from billing.domain.vat import VatCategory
from tests.fakes.objects import MONTH, T0, a_line, an_invoice
from tests.support.einvoices import SELLER, a_reverse_charge_invoice, stripe_invoice

if TYPE_CHECKING:
    from billing.domain.documents import Seller
    from billing.domain.einvoice import EInvoiceTotals
    from billing.domain.invoices import Invoice


def eur(amount: int) -> Money:
    return Money(amount, "eur")


def made(invoice: Invoice, seller: Seller = SELLER) -> EInvoice:
    found = einvoice(invoice_document(invoice, None, seller, "en"))
    assert isinstance(found, EInvoice), found
    return found


def lacks(invoice: Invoice, seller: Seller = SELLER) -> tuple[str, ...]:
    return missing(invoice_document(invoice, None, seller, "en"))


def taxed(*taxes: Tax, **changes: Any) -> Invoice:
    """Return an invoice of one line of 10.00 with these taxes."""
    added = sum(tax.amount.amount for tax in taxes if tax.behavior == "exclusive")
    amounts: dict[str, Any] = dict.fromkeys(("total", "amount_due", "amount_remaining"), eur(1000 + added))
    line = a_line(1, discounts=(), taxes=taxes)
    whole = an_invoice(subtotal=eur(1000), discounts=(), taxes=taxes, lines=(line,), **amounts)
    return replace(whole, **changes)


NINETEEN = Tax(eur(190), "exclusive", "standard_rated", "txr_1", percentage=Decimal(19))


@given(st.integers(min_value=300, max_value=10**9))
def test_every_sum_follows_and_what_is_due_is_stripes(seed: int) -> None:
    """Given any invoice of Stripe's, when it is an e-invoice, then BR-CO-10 to 17 hold, to 17's 1.00."""
    invoice = stripe_invoice(seed)
    found = made(invoice)
    totals = found.totals
    unit = Decimal(1).scaleb(-min(exponent(invoice.currency), 2))
    for group in found.breakdown:
        lines = [pair for pair in zip(found.lines, invoice.lines, strict=True) if pair[0].vat == group.vat]
        assert group.taxable == sum(line.net for line, _ in lines)
        reckoned = (group.taxable * group.vat[1] / 100).quantize(unit, ROUND_HALF_UP)
        charged = sum(tax.amount.decimal for _, source in lines for tax in source.taxes)
        assert group.tax == (charged if abs(charged - reckoned) < 1 else reckoned)
    assert totals.net == sum(line.net for line in found.lines)
    assert totals.tax == sum(group.tax for group in found.breakdown)
    assert totals.gross == totals.net + totals.tax
    assert totals.due == totals.gross - totals.paid + totals.rounding
    assert totals.due == invoice.amount_remaining.decimal
    assert totals.gross + totals.rounding == invoice.total.decimal
    assert invoice.total_excluding_tax is not None
    assert totals.net == invoice.total_excluding_tax.decimal


@given(st.integers(min_value=300, max_value=10**9))
def test_a_lines_net_is_its_quantity_at_its_price_less_its_discount(seed: int) -> None:
    """Given any line, when it is multiplied out, then it gives its net amount, and no price is negative."""
    invoice = stripe_invoice(seed)
    unit = Decimal(1).scaleb(-min(exponent(invoice.currency), 2))
    for line in made(invoice).lines:
        amount = (line.quantity * line.price / line.price_quantity).quantize(unit, ROUND_HALF_UP)
        assert amount - line.allowance == line.net
        assert line.price >= 0
        assert line.price_quantity > 0


def rounded_per_line(count: int) -> EInvoiceTotals:
    """Return the totals of lines of 0.03, on each of which Stripe makes 0.01 of 0.0057 tax."""
    tax = Tax(eur(1), "exclusive", percentage=Decimal(19))
    lines = tuple(a_line(n, amount=eur(3), discounts=(), taxes=(tax,)) for n in range(count))
    total = eur(4 * count)
    whole = an_invoice(lines=lines, subtotal=eur(3 * count), total=total, discounts=(), taxes=(tax,) * count)
    return made(replace(whole, amount_remaining=total)).totals


def test_tax_is_stripes_as_on_the_pdf() -> None:
    """Given three lines of 0.03 whose taxes Stripe rounds, when summed, then BT-110 is the tax of the PDF."""
    totals = rounded_per_line(3)
    assert (totals.net, totals.tax, totals.gross) == (Decimal("0.09"), Decimal("0.03"), Decimal("0.12"))
    assert (totals.rounding, totals.due) == (Decimal(0), Decimal("0.12"))


def test_tax_beyond_the_standards_tolerance_leaves_a_rounding_amount() -> None:
    """Given 250 such lines, off by 1.07, when summed, then the tax is the standard's and BT-114 the rest."""
    totals = rounded_per_line(250)
    assert (totals.net, totals.tax, totals.gross) == (Decimal("7.50"), Decimal("1.43"), Decimal("8.93"))
    assert (totals.rounding, totals.due) == (Decimal("1.07"), Decimal("10.00"))


def test_an_included_tax_is_taken_out_of_the_price() -> None:
    """Given 10.00 of which 1.60 is tax, when it is an e-invoice, then its net is 8.40 and it is all due."""
    found = made(taxed(Tax(eur(160), "inclusive", percentage=Decimal(19))))
    assert (found.lines[0].net, found.totals.tax, found.totals.due) == (
        Decimal("8.40"),
        Decimal("1.60"),
        Decimal("10.00"),
    )


def test_an_allowance_gives_the_names_of_its_discounts() -> None:
    """Given discounts of two coupons and an unknown one, when made an allowance, then each is named once."""
    launch = DiscountAmount(eur(200), "di_1", "LAUNCH", " Launch\noffer ")
    gift, unknown = DiscountAmount(eur(100), "di_2", "GIFT", "Gift"), DiscountAmount(eur(50), "di_3")
    none = DiscountAmount(eur(0), "di_4", "FREE", "Free")
    tax = replace(NINETEEN, amount=eur(0))
    free = taxed(tax, total=eur(0), amount_due=eur(0), amount_remaining=eur(0))
    found = []
    for discounts in ((launch, replace(launch, discount="di_5"), gift, unknown, none), (unknown,), ()):
        rest = DiscountAmount(eur(1000 - sum(each.amount.amount for each in discounts)), "di_6", "R", "Rest")
        line = replace(free.lines[0], discounts=(*discounts, rest))
        found.append(made(replace(free, discounts=line.discounts, lines=(line,))).lines[0].allowance_reason)
    assert found == ["Launch offer, Gift, Discount, Rest", "Discount, Rest", "Rest"]


def test_a_line_without_a_discount_has_no_allowance() -> None:
    """Given a line without a discount, when it is written, then there is nothing to give a reason of."""
    written = einvoice_xml(made(taxed(NINETEEN)))
    assert b"SpecifiedTradeAllowanceCharge" not in written


def test_a_tier_is_priced_for_its_quantity() -> None:
    """Given 7 pieces that cost 10.00 together, when it is an e-invoice, then the price is per 7 pieces."""
    invoice = taxed(NINETEEN)
    line = replace(invoice.lines[0], quantity=Decimal(7), unit_amount=None)
    found = made(replace(invoice, lines=(line,))).lines[0]
    assert (found.quantity, found.price, found.price_quantity) == (Decimal(7), Decimal("10.00"), Decimal(7))


def test_a_line_that_takes_back_has_a_negative_quantity() -> None:
    """Given a proration of -10.00, when it is an e-invoice, then the quantity is negative, not the price."""
    line = a_line(
        2, amount=eur(-1000), quantity=Decimal(1), unit_amount=Decimal(-1000), discounts=(), taxes=(NINETEEN,)
    )
    line = replace(line, taxes=(replace(NINETEEN, amount=eur(-190)),))
    whole = taxed(NINETEEN)
    nothing: dict[str, Any] = dict.fromkeys(("total", "amount_due", "amount_remaining", "subtotal"), eur(0))
    found = made(replace(whole, lines=(*whole.lines, line), taxes=(), **nothing))
    assert (found.lines[1].quantity, found.lines[1].price) == (Decimal(-1), Decimal("10.00"))
    assert found.totals.due == 0


def test_credit_from_the_balance_counts_as_paid() -> None:
    """Given 11.90 of which 5.00 came from the balance, when it is an e-invoice, then 6.90 is due."""
    totals = made(taxed(NINETEEN, amount_remaining=eur(690), starting_balance=eur(-500))).totals
    assert (totals.gross, totals.paid, totals.due) == (Decimal("11.90"), Decimal("5.00"), Decimal("6.90"))


def test_a_periods_last_day_is_the_last_that_belongs_to_it() -> None:
    """Given January to the first of February, when it is an e-invoice, then it ends on the 31st."""
    midnight = T0.replace(hour=0, minute=0, second=0)
    january = Period(midnight.replace(month=1, day=1), midnight.replace(month=2, day=1))
    invoice = taxed(NINETEEN)
    found = made(replace(invoice, lines=(replace(invoice.lines[0], period=january),))).lines[0]
    assert found.period is not None
    assert (found.period.first.day, found.period.last.day) == (1, 31)
    assert MONTH.start in MONTH


def test_a_free_line_is_taxed_as_the_others() -> None:
    """Given a line of nothing without tax, when it is an e-invoice, then it has the others' category."""
    invoice = taxed(NINETEEN)
    free = a_line(2, amount=eur(0), discounts=(), taxes=())
    found = made(replace(invoice, lines=(free, *invoice.lines)))
    assert {line.vat for line in found.lines} == {(VatCategory.STANDARD, Decimal(19))}


def test_without_vat_nobody_is_identified_by_it() -> None:
    """Given what is not subject to VAT, when it is an e-invoice, then only the register names the seller."""
    found = made(taxed(Tax(eur(0), "exclusive", "not_collecting")))
    assert (found.seller.vat_id, found.buyer.vat_id, found.seller.registration) == (None, None, "HRB 12345")


TWO = (NINETEEN, Tax(eur(70), "exclusive", percentage=Decimal(7)))
OUT = Tax(eur(0), "exclusive", "not_subject_to_tax")


@pytest.mark.parametrize(
    ("invoice", "expected"),
    [
        (taxed(NINETEEN, number=None), ("number",)),
        (taxed(NINETEEN, status=InvoiceStatus.DRAFT), ("status",)),
        (taxed(NINETEEN, status=InvoiceStatus.VOID), ("status",)),
        (taxed(NINETEEN, customer_name=None), ("buyer.name",)),
        (taxed(NINETEEN, customer_address=Address(city="Berlin")), ("buyer.address.country",)),
        (a_reverse_charge_invoice(customer_tax_ids=()), ("buyer.vat_id",)),
        (taxed(), ("lines.taxes",)),
        (taxed(*TWO), ("lines.taxes",)),
        (taxed(replace(NINETEEN, percentage=None)), ("lines.taxes.percentage",)),
        (taxed(replace(NINETEEN, percentage=Decimal("0.4"))), ("lines.taxes.percentage",)),
        (taxed(replace(NINETEEN, tax_type="sales_tax")), ("lines.taxes.tax_type",)),
        (taxed(replace(NINETEEN, amount=eur(193))), ("taxes.amount",)),
        (taxed(replace(NINETEEN, reason="zero_rated", amount=eur(1))), ("taxes.amount",)),
        (taxed(NINETEEN, taxes=()), ("taxes.amount",)),
        (taxed(NINETEEN, total=eur(1290)), ("total",)),
        (taxed(NINETEEN, amount_remaining=eur(1290)), ("starting_balance",)),
        (taxed(NINETEEN, lines=()), ("lines", "taxes.amount", "total")),
    ],
)
def test_what_lacks_is_named(invoice: Invoice, expected: tuple[str, ...]) -> None:
    """Given an invoice that lacks one thing, when it should be an e-invoice, then that is named."""
    assert lacks(invoice) == expected


@pytest.mark.parametrize(
    ("seller", "expected"),
    [
        (SELLER, ()),
        (replace(SELLER, tax_ids=()), ("seller.vat_id",)),
        (replace(SELLER, tax_ids=(TaxId("eu_oss_vat", "EU123456789"),)), ("seller.vat_id",)),
        (replace(SELLER, address=Address()), ("seller.address.country",)),
        (replace(SELLER, tax_ids=(), address=Address()), ("seller.address.country", "seller.vat_id")),
    ],
)
def test_what_the_seller_lacks_is_named(seller: Seller, expected: tuple[str, ...]) -> None:
    """Given a seller whose settings lack something, when an e-invoice is asked for, then that is named."""
    assert lacks(taxed(NINETEEN), seller) == expected


def test_outside_the_scope_the_register_must_name_the_seller() -> None:
    """Given what is not subject to VAT and no register entry, when asked for, then the entry is missing."""
    assert lacks(taxed(OUT), replace(SELLER, registration=None)) == ("seller.registration",)


def test_outside_the_scope_stands_alone() -> None:
    """Given lines with and without VAT's scope, when an e-invoice is asked for, then there is none."""
    whole = taxed(NINETEEN)
    lines = (*whole.lines, a_line(2, amount=eur(0), discounts=(DiscountAmount(eur(0), "di"),), taxes=(OUT,)))
    assert lacks(replace(whole, lines=lines)) == ("lines.taxes",)


def test_a_line_without_a_name_is_named() -> None:
    """Given a line without description, when an e-invoice is asked for, then that is missing."""
    whole = taxed(NINETEEN)
    assert lacks(replace(whole, lines=(replace(whole.lines[0], description=" "),))) == ("lines.description",)


def test_a_third_decimal_cannot_be_written() -> None:
    """Given 10.001 dinars, when an e-invoice is asked for, then the currency stands in the way."""
    odd = Money(10001, "kwd")
    line = a_line(
        1, "kwd", amount=odd, discounts=(), taxes=(Tax(Money(0, "kwd"), "exclusive", "zero_rated"),)
    )
    amounts: dict[str, Any] = dict.fromkeys(("subtotal", "total", "amount_due", "amount_remaining"), odd)
    assert lacks(an_invoice("kwd", lines=(line,), discounts=(), taxes=(), **amounts)) == ("currency",)


@given(st.integers(min_value=300, max_value=10**9))
def test_an_e_invoice_or_what_lacks_never_both(seed: int) -> None:
    """Given any invoice and a seller without VAT id, when asked for, then what lacks is named, not raised."""
    document = invoice_document(stripe_invoice(seed), None, replace(SELLER, tax_ids=()), "en")
    found = einvoice(document)
    assert isinstance(found, Incomplete) is bool(missing(document))
