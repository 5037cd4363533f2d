"""Invoices of every kind that Stripe makes and EN 16931 can say, from a seed; sums as Stripe makes them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import TYPE_CHECKING

from billing.domain.documents import LOCALES, Seller, invoice_document
from billing.domain.invoices import DiscountAmount, InvoiceStatus, Tax
from billing.domain.money import Money
from billing.domain.parties import Address, TaxId
from billing.domain.periods import Period
from tests.fakes.objects import MONTH, T0, a_line, an_invoice

if TYPE_CHECKING:
    from typing import Any

    from billing.domain.documents import InvoiceDocument
    from billing.domain.invoices import Invoice, InvoiceLine

SELLER = Seller(
    name="Müller & Söhne <GmbH>",
    address=Address("Hauptstraße 1", "Hinterhaus", "Köln", None, "50667", "DE"),
    email="rechnung@example.de",
    tax_ids=(TaxId("de_stn", "1234567890"), TaxId("eu_vat", "DE 123 456 789")),
    registration="HRB 12345",
)
BUYERS = (
    (Address("1 rue de Rivoli", None, "Paris", None, "75001", "FR"), TaxId("eu_vat", "FR12345678901")),
    (Address("Bahnhofstr. 2", None, "Zürich", "ZH", "8001", "CH"), TaxId("ch_vat", "CHE-123.456.789 MWST")),
    (Address("10 Downing St", None, "London", None, "SW1A 2AA", "GB"), TaxId("gb_vat", "123456789")),
    (Address("千代田1-1", None, "東京都", None, "100-8111", "JP"), TaxId("eu_vat", "EL123456789")),
    (Address(country="NO"), TaxId("no_vat", "123456789MVA")),
)
NAMES = (
    "Zoë Ångström",
    "株式会社サンプル",
    "A" * 300,
    "Tab\tand \x0b control",
    "Ünïcode & <Söhne> “GmbH”",
    "שלום בע״מ",
)
RATES = tuple(map(Decimal, ("19", "7", "20", "5.5", "2.1", "25", "8.1", "10", "0.5", "27")))
ZERO = {"Z": "zero_rated", "E": "product_exempt", "AE": "reverse_charge"}
NO_TAX = "txr_0"
STEP = {"kwd": 10, "bhd": 10}
"""Stripe takes three-decimal amounts in steps of ten."""


@dataclass(frozen=True)
class Kind:
    """How one invoice is made."""

    currency: str
    categories: tuple[str, ...]
    inclusive: bool
    tax_once: bool
    lines: int


def kind(seed: int) -> Kind:
    """Return the kind of a seed: neighbours differ in everything."""
    random = Random(f"kind {seed}")  # noqa: S311 - the same every time, on purpose
    categories = ("S", "S S S", "S Z E", "AE", "O", "E", "Z", "S AE", "none")[seed % 9].split()
    return Kind(
        currency=("eur", "usd", "jpy", "kwd", "huf", "chf", "gbp", "krw")[seed % 8],
        categories=tuple(categories),
        inclusive=seed % 3 == 0,
        tax_once=seed % 5 == 0,
        lines=300 if seed in (10, 101) else random.randint(1, 14),
    )


def stripe_invoice(seed: int) -> Invoice:
    """Return an invoice whose amounts follow from its lines as Stripe computes them."""
    random = Random(seed)  # noqa: S311 - the same every time, on purpose
    chosen = kind(seed)
    rates = {category: random.sample(RATES, 3) for category in chosen.categories}
    lines = [
        _line(
            random,
            chosen,
            number,
            category := random.choice(chosen.categories),
            random.choice(rates[category]),
        )
        for number in range(1, chosen.lines + 1)
    ]
    if chosen.tax_once:
        lines = _taxed_once(lines, chosen.currency)
    return _summed(random, chosen, tuple(lines))


def a_reverse_charge_invoice(**changes: Any) -> Invoice:
    """Return an invoice of 20.00 to a French company, which needs no tax rate to be an e-invoice."""
    untaxed = Tax(Money(0, "eur"), "exclusive", "reverse_charge")
    amounts: dict[str, Any] = dict.fromkeys(
        ("subtotal", "total", "total_excluding_tax", "amount_due", "amount_remaining"), Money(2000, "eur")
    )
    address, tax_id = BUYERS[0]
    whole = an_invoice(
        customer_address=address,
        customer_tax_ids=(tax_id,),
        lines=(a_line(2, discounts=(), taxes=(untaxed,)),),
        discounts=(),
        taxes=(untaxed,),
        **amounts,
    )
    return replace(whole, **changes)


def document(seed: int) -> InvoiceDocument:
    """Return the document of a seed's invoice."""
    return invoice_document(stripe_invoice(seed), None, SELLER, LOCALES[seed % len(LOCALES)])


def _line(random: Random, chosen: Kind, number: int, category: str, rate: Decimal) -> InvoiceLine:
    step = STEP.get(chosen.currency, 1)
    quantity = random.choice(
        (Decimal(1), Decimal(random.randint(2, 5000)), Decimal("2.375"), Decimal(0), None)
    )
    unit_amount = random.choice(
        (Decimal(random.randint(0, 99999)), Decimal("0.000000000125"), Decimal("12.345"), None)
    )
    if quantity is not None and unit_amount is not None and random.random() < 0.7:
        amount = _rounded(quantity * unit_amount, step)
    else:  # tiers, and what has no price
        amount = random.randint(0, 10**6) * step
    if random.random() < 0.2:  # what a proration takes back
        amount = -(amount // random.choice((1, 20, 100)) // step * step)
        unit_amount = random.choice((None, unit_amount, unit_amount and -unit_amount))
    discount = random.choice((0, amount // 10 // step * step, amount)) if amount > 0 else 0
    moment = Period(T0 + timedelta(days=number), T0 + timedelta(days=number))
    line = a_line(
        number,
        chosen.currency,
        description=random.choice(
            ("Seats", "Zusätzliche\nNutzer (von 12 auf 17)", "超過料金 \x00", "x" * 2000)
        ),
        amount=Money(amount, chosen.currency),
        quantity=quantity,
        unit_amount=unit_amount,
        period=random.choice((MONTH, moment)),
        discounts=_discounts(Money(discount, chosen.currency)),
        taxes=(),
    )
    return replace(line, taxes=_taxes(random, chosen, line, category, rate))


def _taxes(random: Random, chosen: Kind, line: InvoiceLine, category: str, rate: Decimal) -> tuple[Tax, ...]:
    base = _base(line)
    if category == "none":
        return ()
    if category != "S":
        reason = ZERO.get(category) or random.choice(("not_collecting", "not_subject_to_tax"))
        return (
            Tax(
                Money(0, chosen.currency), "exclusive", reason, NO_TAX, percentage=random.choice((None, rate))
            ),
        )
    if base == 0 and line.id != "il_1" and random.random() < 0.5:
        return ()  # what is free is often not taxed at all
    step = STEP.get(chosen.currency, 1)
    tax = base * rate / (100 + rate) if chosen.inclusive else base * rate / 100
    behavior = "inclusive" if chosen.inclusive else "exclusive"
    told = random.choice(("standard_rated", "not_available", None))
    return (Tax(Money(_rounded(tax, step), chosen.currency), behavior, told, f"txr_{rate}", percentage=rate),)


def _taxed_once(lines: list[InvoiceLine], currency: str) -> list[InvoiceLine]:
    """Round the tax of each exclusive rate once, and spread what that moves, a step a line."""
    step = STEP.get(currency, 1)
    groups: dict[Decimal, list[int]] = defaultdict(list)
    for index, line in enumerate(lines):
        for tax in line.taxes:
            if tax.rate != NO_TAX and tax.behavior == "exclusive":
                assert tax.percentage is not None
                groups[tax.percentage].append(index)
    for rate, members in groups.items():
        whole = _rounded(sum(_base(lines[index]) for index in members) * rate / 100, step)
        off = whole - sum(lines[index].taxes[0].amount.amount for index in members)
        for index in members[: abs(off) // step]:
            tax = lines[index].taxes[0]
            moved = tax.amount.amount + (step if off > 0 else -step)
            lines[index] = replace(lines[index], taxes=(replace(tax, amount=Money(moved, currency)),))
    return lines


def _summed(random: Random, chosen: Kind, lines: tuple[InvoiceLine, ...]) -> Invoice:
    def money(amount: int) -> Money:
        return Money(amount, chosen.currency)

    taxes = [tax for line in lines for tax in line.taxes]
    added = sum(tax.amount.amount for tax in taxes if tax.behavior == "exclusive")
    contained = sum(tax.amount.amount for tax in taxes if tax.behavior == "inclusive")
    subtotal = sum(line.amount.amount for line in lines)
    discount = sum(part.amount.amount for line in lines for part in line.discounts)
    total = subtotal - discount + added
    step = STEP.get(chosen.currency, 1)
    credit = random.choice((0, 0, max(total, 0) // 3 // step * step))
    due = max(total - credit, 0)
    paid = random.choice((0, due, due // 2 // step * step))
    address, tax_id = random.choice(BUYERS)
    exempt = "reverse" if "AE" in chosen.categories else random.choice(("exempt", "reverse"))
    return an_invoice(
        chosen.currency,
        number=random.choice(("A-0001", "Ä/2025 #7", "47531E04-0015")),
        status=InvoiceStatus.PAID
        if paid == due
        else random.choice((InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE)),
        description=random.choice((None, "Danke & <bis bald>")),
        customer_name=random.choice(NAMES),
        customer_email=random.choice((None, "zoe@example.com")),
        customer_address=address,
        customer_tax_ids=(TaxId("eu_oss_vat", "EU123456789"), tax_id),
        customer_tax_exempt=exempt if chosen.categories == ("none",) else "none",
        subtotal=money(subtotal),
        total=money(total),
        total_excluding_tax=money(total - added - contained),
        amount_due=money(due),
        amount_paid=money(paid),
        amount_remaining=money(due - paid),
        starting_balance=money(-credit),
        due_date=random.choice((None, T0 + timedelta(days=14))),
        discounts=_discounts(money(discount)),
        taxes=tuple(taxes),
        lines=lines,
    )


def _discounts(amount: Money) -> tuple[DiscountAmount, ...]:
    """Return a discount of the amount, of a coupon that is known where the amount is odd."""
    if not amount.amount:
        return ()
    unknown = DiscountAmount(amount, "di_1")
    known = replace(unknown, coupon="SOMMER", name="Sommer & <Söhne> \x00", percent_off=Decimal("12.5"))
    return (known if amount.amount % 2 else unknown,)


def _base(line: InvoiceLine) -> int:
    return line.amount.amount - sum(part.amount.amount for part in line.discounts)


def _rounded(number: Decimal, step: int) -> int:
    return int((number / step).quantize(Decimal(1), ROUND_HALF_UP)) * step
