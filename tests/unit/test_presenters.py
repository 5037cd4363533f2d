"""The shapes of what the API answers."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.domain.features import Feature
from billing.domain.invoice_pages import InvoicePage, InvoiceSummary
from billing.domain.invoices import DiscountAmount, Invoice, InvoiceLine, InvoiceStatus, Tax
from billing.domain.money import Money
from billing.domain.parties import Address, TaxId
from billing.domain.periods import Period
from billing.entrypoints import meta, presenters
from billing.use_cases.get_info import Info

JANUARY = Period(datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC))
CREATED = datetime(2025, 2, 1, 0, 0, 7, tzinfo=UTC)


def eur(amount: int) -> Money:
    return Money(amount, "eur")


TAX = Tax(
    amount=eur(19),
    behavior="exclusive",
    reason="standard_rated",
    rate="txr_1",
    taxable_amount=eur(100),
    percentage=Decimal("19.50"),
    name="MwSt.",
    country="DE",
    jurisdiction="Deutschland",
    tax_type="vat",
)
DISCOUNT = DiscountAmount(eur(10), "di_1", "LAUNCH", "Launch", Decimal(20))
LINE = InvoiceLine(
    id="il_1",
    description="Große Töpfe",
    amount=eur(110),
    quantity=Decimal("1.500000000000"),
    unit_amount=Decimal("73.333333333333"),
    period=JANUARY,
    proration=False,
    price="price_1",
    product="prod_1",
    subscription="sub_1",
    discounts=(DISCOUNT,),
    taxes=(TAX,),
)
INVOICE = Invoice(
    id="in_1",
    livemode=False,
    created=CREATED,
    customer="cus_1",
    subscription="sub_1",
    number="A-1",
    status=InvoiceStatus.PAID,
    currency="eur",
    collection_method="charge_automatically",
    billing_reason="subscription_cycle",
    description=None,
    footer=None,
    customer_name="Zoë GmbH",
    customer_email="zoe@example.com",
    customer_address=Address(line1="Straße 1", city="Köln", country="DE"),
    customer_tax_ids=(TaxId("eu_vat", "DE123456789"),),
    customer_tax_exempt="none",
    subtotal=eur(110),
    total=eur(119),
    total_excluding_tax=eur(100),
    amount_due=eur(119),
    amount_paid=eur(119),
    amount_remaining=eur(0),
    starting_balance=eur(-5),
    period=JANUARY,
    due_date=None,
    finalized_at=CREATED,
    paid_at=CREATED,
    voided_at=None,
    marked_uncollectible_at=None,
    discounts=(DISCOUNT,),
    taxes=(TAX,),
    lines=(LINE,),
)


def summary(number: int) -> InvoiceSummary:
    return InvoiceSummary(
        id=f"in_{number}",
        number=None,
        status=InvoiceStatus.DRAFT,
        currency="eur",
        total=eur(119),
        amount_due=eur(119),
        amount_paid=eur(0),
        period=JANUARY,
        created=CREATED,
        due_date=CREATED,
    )


def test_a_page_has_the_shape_of_the_contract() -> None:
    """Given a page, when it is presented, then it is as api.md fixes it."""
    assert presenters.invoice_page(InvoicePage((summary(1),), has_more=True)) == {
        "data": [
            {
                "id": "in_1",
                "number": None,
                "status": "draft",
                "currency": "eur",
                "total": {"amount": 119, "currency": "eur"},
                "amount_due": {"amount": 119, "currency": "eur"},
                "amount_paid": {"amount": 0, "currency": "eur"},
                "period": {"start": "2025-01-01T00:00:00Z", "end": "2025-02-01T00:00:00Z"},
                "created": "2025-02-01T00:00:07Z",
                "due_date": "2025-02-01T00:00:07Z",
            }
        ],
        "has_more": True,
        "next_cursor": "in_1",
    }


def test_an_empty_page_is_a_page() -> None:
    """Given no invoices, when they are presented, then the page is empty and the last."""
    page = presenters.invoice_page(InvoicePage((), has_more=False))
    assert page == {"data": [], "has_more": False, "next_cursor": None}


def test_a_detail_has_everything_that_the_mirror_has() -> None:
    """Given an invoice, when it is presented, then every field of it is somewhere in the answer."""
    shown = presenters.invoice(INVOICE, ())
    told_elsewhere = {"livemode", "lines_complete", "customer_name", "customer_email", "customer_address"}
    told_elsewhere |= {"customer_tax_ids", "customer_tax_exempt"}
    told_elsewhere |= {"finalized_at", "paid_at", "voided_at", "marked_uncollectible_at"}
    assert {field.name for field in fields(Invoice)} - told_elsewhere <= set(shown)
    assert shown["customer"] == {
        "id": "cus_1",
        "name": "Zoë GmbH",
        "email": "zoe@example.com",
        "address": {
            "line1": "Straße 1",
            "line2": None,
            "city": "Köln",
            "state": None,
            "postal_code": None,
            "country": "DE",
        },
        "tax_ids": [{"type": "eu_vat", "value": "DE123456789"}],
        "tax_exempt": "none",
    }
    assert shown["status_transitions"] == {
        "finalized_at": "2025-02-01T00:00:07Z",
        "paid_at": "2025-02-01T00:00:07Z",
        "voided_at": None,
        "marked_uncollectible_at": None,
    }
    assert shown["pdf_url"] == "/api/v1/billing/invoices/in_1/pdf"


def test_a_detail_says_whether_there_is_an_e_invoice() -> None:
    """Given what lacks or nothing, when an invoice is presented, then it has a profile only without."""
    assert presenters.invoice(INVOICE, ())["einvoice"] == {"profile": "en16931", "missing": []}
    shown = presenters.invoice(INVOICE, ("seller.vat_id",))
    assert shown["einvoice"] == {"profile": None, "missing": ["seller.vat_id"]}


def test_a_detail_is_a_summary_and_more() -> None:
    """Given an invoice, when both are presented, then the detail has every field of the list."""
    listed = presenters.invoice_page(InvoicePage((summary(1),), has_more=False))["data"]
    assert isinstance(listed, list)
    assert set(listed[0]) <= set(presenters.invoice(INVOICE, ()))


def test_a_line_has_the_shape_of_the_contract() -> None:
    """Given a line, when it is presented, then quantities are decimal strings and money is integer."""
    lines = presenters.invoice(INVOICE, ())["lines"]
    assert lines == [
        {
            "id": "il_1",
            "description": "Große Töpfe",
            "amount": {"amount": 110, "currency": "eur"},
            "quantity": "1.5",
            "unit_amount": "73.333333333333",
            "period": {"start": "2025-01-01T00:00:00Z", "end": "2025-02-01T00:00:00Z"},
            "proration": False,
            "price": "price_1",
            "product": "prod_1",
            "subscription": "sub_1",
            "discounts": [
                {
                    "id": "di_1",
                    "coupon": "LAUNCH",
                    "name": "Launch",
                    "amount": {"amount": 10, "currency": "eur"},
                }
            ],
            "taxes": [
                {
                    "amount": {"amount": 19, "currency": "eur"},
                    "behavior": "exclusive",
                    "reason": "standard_rated",
                    "rate": "txr_1",
                    "percentage": "19.5",
                    "name": "MwSt.",
                    "country": "DE",
                    "jurisdiction": "Deutschland",
                    "tax_type": "vat",
                    "taxable_amount": {"amount": 100, "currency": "eur"},
                }
            ],
        }
    ]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (None, None),
        (Decimal(1), "1"),
        (Decimal(100), "100"),
        (Decimal("100.00"), "100"),
        (Decimal("0.0"), "0"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-12"), "0.000000000001"),
        (Decimal("-2.50"), "-2.5"),
    ],
)
def test_a_decimal_reads_the_same_however_it_is_stored(number: Decimal | None, expected: str | None) -> None:
    """Given equal numbers of different scale, when they are presented, then the text is one."""
    line = InvoiceLine("il", None, eur(1), number, None, JANUARY, False, None, None, None)  # noqa: FBT003
    lines = presenters._line(line)  # noqa: SLF001 - the smallest whole of it
    assert lines["quantity"] == expected


def test_everything_is_json_without_floats() -> None:
    """Given a detail, when it is written as JSON, then no number in it is a float."""

    def no_float(text: str) -> None:
        raise AssertionError(f"{text} is a float")

    json.loads(json.dumps(presenters.invoice(INVOICE, ())), parse_float=no_float)


def test_features_and_info_have_the_shape_of_the_contract() -> None:
    """Given flags and facts, when they are presented, then they are as the contract has them."""
    flags = {Feature.INVOICES: True, Feature.INVOICE_PDF: False}
    assert meta.features(flags) == {"features": {"invoices": True, "invoice_pdf": False}}
    assert meta.info(Info("billing", "1", "test", "2026-10-28.endive")) == {
        "name": "billing",
        "version": "1",
        "environment": "test",
        "stripe_api_version": "2026-10-28.endive",
    }
