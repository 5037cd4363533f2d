"""What an invoice's document says, and its fingerprint."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain import documents
from billing.domain.document_lines import NamedDiscount
from billing.domain.documents import (
    Correction,
    CreditApplied,
    PaymentMade,
    document_locale,
    fingerprint,
    invoice_document,
    needs_customer,
)
from billing.domain.errors import InvalidParameterError
from billing.domain.invoices import DiscountAmount, InvoiceStatus
from billing.domain.money import Money
from billing.domain.parties import Address
from billing.domain.periods import Period
from tests.support.invoices import CREATED, FINALIZED, MOMENT, NOVEMBER, SELLER, customer, invoice, line, tax

if TYPE_CHECKING:
    from collections.abc import Iterator

    from billing.domain.documents import InvoiceDocument
    from billing.domain.invoices import Invoice

MWST: dict[str, Any] = {
    "percentage": Decimal(19),
    "name": "MwSt.",
    "country": "DE",
    "jurisdiction": "Germany",
    "tax_type": "vat",
}

amounts = st.integers(-(2**63), 2**63 - 1)


def document(source: Invoice | None = None, locale: str = "en", **given: Any) -> InvoiceDocument:
    return invoice_document(source or invoice(**given), None, SELLER, locale)


def full() -> InvoiceDocument:
    """Return a document with every field set, and numbers that are odd everywhere."""
    taxes = (tax(256, 1349, reason="standard_rated", **MWST),)
    source = invoice(
        replace(line(1999, quantity=Decimal("2.5"), unit_amount=Decimal("799.6"), discount=100), taxes=taxes),
        replace(line(-500, description="Refund", period=MOMENT), taxes=taxes),
        status=InvoiceStatus.PAID,
        subtotal=1399,
        discounts=(DiscountAmount(Money(150, "eur"), "di_1"),),
        taxes=taxes,
        total=1605,
        amount_paid=1605,
        starting_balance=-10,
        due_date=CREATED + timedelta(days=14),
        paid_at=FINALIZED,
        voided_at=FINALIZED + timedelta(days=1),
        description="Thank you.",
        footer="Acme",
        customer_address=Address("Hauptstraße 1", "Hof", "Berlin", "BE", "10115", "DE"),
    )
    correction = Correction("A-1", CREATED, "duplicate", *(Money(amount, "eur") for amount in (1, 2, 3)))
    named = NamedDiscount(Money(50, "eur"), "Launch", Decimal(20), Money(500, "eur"))
    written = document(source)
    return replace(
        written,
        lines=tuple(replace(each, discounts=(named,)) for each in written.lines),
        totals=replace(written.totals, discounts=(named,)),
        payments=(PaymentMade(FINALIZED, Money(1600, "eur")), PaymentMade(CREATED, Money(5, "eur"))),
        credits=(CreditApplied("CN-1", FINALIZED, Money(7, "eur"), Money(8, "eur")),),
        corrects=correction,
    )


def test_the_buyer_is_whom_the_invoice_names() -> None:
    """Given a customer renamed after an invoice, when it is written, then it still names whom it named."""
    written = invoice_document(invoice(), customer(), SELLER, "en")
    assert written.buyer.name == "Müller & Söhne GmbH"
    assert written.buyer.address.city == "Berlin"
    assert written.buyer.tax_exempt == "none"


def test_a_partial_name_on_the_invoice_is_not_filled_from_today() -> None:
    """Given an invoice that names only an e-mail, when it is written, then today's name is not mixed in."""
    source = invoice(customer_name=None, customer_address=None)
    written = invoice_document(source, customer(), SELLER, "en")
    assert (written.buyer.name, written.buyer.address) == (None, Address())


def test_the_mirrored_customer_stands_in_where_the_invoice_names_nobody() -> None:
    """Given an invoice that names nobody, when it is written, then the mirrored customer is the buyer."""
    source = invoice(customer_name=None, customer_email=None, customer_address=None, customer_tax_exempt=None)
    assert needs_customer(source)
    buyer = invoice_document(source, customer(), SELLER, "en").buyer
    assert (buyer.name, buyer.email, buyer.address.country) == ("Renamed Ltd", "new@example.com", "GB")
    assert buyer.tax_exempt == "reverse"
    assert invoice_document(source, None, SELLER, "en").buyer.name is None


def test_it_is_issued_when_it_was_finalised_and_a_draft_when_it_was_made() -> None:
    """Given a finalised invoice and a draft, when they are written, then each bears its own date."""
    draft = document(number=None, status=InvoiceStatus.DRAFT, finalized_at=None)
    assert document().issued == FINALIZED
    assert (draft.issued, draft.number) == (CREATED, None)


def test_the_service_period_spans_the_lines_that_have_one() -> None:
    """Given lines over times and one-off lines, when it is written, then the one-off ones do not count."""
    later = Period(NOVEMBER.end, NOVEMBER.end + timedelta(days=31))
    written = document(invoice(line(1, period=later), line(1, period=MOMENT), line(1)))
    assert written.service == Period(NOVEMBER.start, later.end)
    assert [one.period for one in written.lines] == [later, None, NOVEMBER]
    assert document(invoice(line(1, period=MOMENT))).service is None


def test_discounts_of_items_and_of_the_invoice_are_told_apart() -> None:
    """Given 1.00 off an item and 0.50 off all, when it is written, then each stands in its place."""
    totals = full().totals
    assert (totals.items.amount, totals.item_discount.amount) == (1499, 100)
    assert (totals.subtotal.amount, totals.discount.amount, totals.adjustment.amount) == (1399, 50, 0)
    assert (totals.total.amount, totals.paid.amount, totals.due.amount) == (1605, 1605, 0)


def test_an_inclusive_tax_is_in_the_total_already() -> None:
    """Given 19 % included, when it is written, then nothing is added and the total without it is told."""
    totals = document(invoice(line(11900), taxes=(tax(1900, 10000, behavior="inclusive"),))).totals
    assert (totals.adjustment.amount, totals.excluding_tax.amount, totals.total.amount) == (0, 10000, 11900)
    assert totals.taxes[0].inclusive


def test_taxes_add_up_per_rate() -> None:
    """Given amounts of two rates, when it is written, then each rate stands once with its sum."""
    taxes = (tax(19, 100), tax(7, 100, rate="txr_2"), tax(38, 200), tax(5, None, rate="txr_2"))
    totals = document(invoice(line(400), taxes=taxes, total=469)).totals
    assert [(one.rate, one.amount.amount) for one in totals.taxes] == [("txr_1", 57), ("txr_2", 12)]
    assert [one.taxable and one.taxable.amount for one in totals.taxes] == [300, None]


@given(
    st.lists(amounts, min_size=1, max_size=5),
    amounts,
    st.lists(st.integers(0, 2**40), max_size=3),
    st.lists(st.tuples(amounts, st.booleans()), max_size=3),
    amounts,
    amounts,
)
def test_the_sums_always_follow_from_one_another(
    lines: list[int],
    subtotal: int,
    discounts: list[int],
    taxes: list[tuple[int, bool]],
    total: int,
    paid: int,
) -> None:
    """Given any numbers of Stripe's, when it is written, then a reader who adds them up finds no gap."""
    source = invoice(
        *(line(amount) for amount in lines),
        subtotal=subtotal,
        discounts=tuple(DiscountAmount(Money(amount, "eur"), "di") for amount in discounts),
        taxes=tuple(
            tax(amount, None, behavior="inclusive" if inside else "exclusive") for amount, inside in taxes
        ),
        total=total,
        amount_paid=paid,
    )
    totals = document(source).totals
    added = sum(one.amount.amount for one in totals.taxes if not one.inclusive)
    assert totals.items - totals.item_discount == totals.subtotal
    assert (totals.subtotal - totals.discount + totals.adjustment).amount + added == totals.total.amount
    assert totals.total + totals.balance - totals.paid == totals.due
    assert totals.total.amount == total


@pytest.mark.parametrize(
    ("tag", "language"), [("en", "en"), ("de-CH", "de"), ("fr_CA", "fr"), ("ES-419", "es"), ("ja", "ja")]
)
def test_a_regional_tag_asks_for_its_language(tag: str, language: str) -> None:
    """Given a language tag with a region, when a document is asked for, then it is in that language."""
    assert document_locale(tag) == language


@pytest.mark.parametrize("tag", ["", "nl", "english", "*"])
def test_a_language_that_invoices_are_not_written_in_is_refused(tag: str) -> None:
    """Given another language, when a document is asked for, then the error names the parameter."""
    with pytest.raises(InvalidParameterError) as raised:
        document(locale=tag)
    assert raised.value.field == "locale"


def test_a_tax_says_what_its_rate_says() -> None:
    """Given taxes of a known and of an unknown rate, when written, then sum and line say what is known."""
    known, unknown = tax(256, 1349, **MWST), tax(10, 100, rate="txr_2")
    written = document(
        replace(invoice(), lines=(replace(line(1349), taxes=(known,)),), taxes=(known, unknown))
    )
    first, second = written.totals.taxes
    assert {name: getattr(first, name) for name in MWST} == MWST
    assert {getattr(second, name) for name in MWST} == {None}
    assert written.lines[0].taxes == (first,)


def discounted(*discounts: DiscountAmount, subtotal: int = 1999) -> InvoiceDocument:
    """Return an invoice over one line of 19.99 with these discounts, on the line and in sum."""
    lines = (replace(line(1999), discounts=discounts),)
    return document(invoice(*lines, discounts=discounts, subtotal=subtotal))


def test_discounts_keep_their_names_on_the_document_and_its_lines() -> None:
    """Given discounts of the whole invoice, when written, then sum and line say what each is called."""
    percent = DiscountAmount(Money(400, "eur"), "di_1", "LAUNCH", "Launch", Decimal(20))
    amount = DiscountAmount(Money(100, "eur"), "di_2", "GIFT", "Gift", amount_off=Money(100, "eur"))
    written = discounted(percent, amount)
    assert written.totals.discounts == (
        NamedDiscount(Money(400, "eur"), "Launch", percent_off=Decimal(20)),
        NamedDiscount(Money(100, "eur"), "Gift", amount_off=Money(100, "eur")),
    )
    assert written.lines[0].discounts == written.totals.discounts


def test_an_amount_off_in_another_currency_is_not_told() -> None:
    """Given a coupon of 5 dollars that took euros off, when written, then only its name is told."""
    foreign = DiscountAmount(Money(400, "eur"), "di_1", "GIFT", "Gift", amount_off=Money(500, "usd"))
    assert discounted(foreign).totals.discounts == (NamedDiscount(Money(400, "eur"), "Gift"),)


def test_discounts_of_lines_are_told_by_the_lines_alone() -> None:
    """Given discounts that Stripe's subtotal already has in it, when written, then no sum names them."""
    one = DiscountAmount(Money(400, "eur"), "di_1", "LAUNCH", "Launch", Decimal(20))
    written = discounted(one, subtotal=1599)
    assert (written.totals.item_discount, written.totals.discounts) == (Money(400, "eur"), ())
    assert [each.name for each in written.lines[0].discounts] == ["Launch"]


def test_equal_documents_have_one_fingerprint() -> None:
    """Given numbers and times written in other ways, when they are equal, then so is the fingerprint."""
    one = replace(full(), issued=datetime(2025, 11, 1, 12, tzinfo=UTC))
    first, *rest = one.lines
    quantity = replace(first, quantity=Decimal("2.500"))
    zone = timezone(timedelta(hours=2))
    other = replace(one, lines=(quantity, *rest), issued=datetime(2025, 11, 1, 14, tzinfo=zone))
    assert one == other
    assert fingerprint(one) == fingerprint(other)


def test_the_fingerprint_is_the_same_in_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a document known since long, when it is hashed today, then the key in the store is found."""
    monkeypatch.setattr(documents, "TEMPLATE_VERSION", 1)
    assert fingerprint(full()) == "ae482f96163f59e54c193e0ace61781231a832847172856d34840b7ae148f2de"


def test_another_template_is_another_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a change of the drawing, when the version is raised, then no old bytes are found."""
    before = fingerprint(full())
    monkeypatch.setattr(documents, "TEMPLATE_VERSION", documents.TEMPLATE_VERSION + 1)
    assert fingerprint(full()) != before


def changes(value: Any) -> Iterator[Any]:
    """Yield the value with each single thing in it changed, one at a time."""
    if isinstance(value, tuple):
        yield value[1:]
        yield (*value, *value[:1])
        for i, item in enumerate(value):
            yield from ((*value[:i], changed, *value[i + 1 :]) for changed in changes(item))
    elif isinstance(value, Money):
        yield from (Money(value.amount + 1, value.currency), Money(value.amount, "usd"))
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            for changed in changes(getattr(value, field.name)):
                yield replace(value, **{field.name: changed})
    else:
        yield other(value)


def other(value: Any) -> Any:
    """Return another value of the kind."""
    match value:
        case bool():
            return not value
        case int() | Decimal():
            return value + 1
        case datetime():
            return value + timedelta(microseconds=1)
        case _:
            return f"{value}x"


def test_any_change_of_a_document_is_another_fingerprint() -> None:
    """Given every single change that a document can have, when hashed, then no two are the same."""
    variants = [full(), *changes(full())]
    assert len(variants) > 80
    assert len(set(variants)) == len(variants)
    assert len({fingerprint(variant) for variant in variants}) == len(variants)
