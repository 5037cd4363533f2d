"""Invoices made up for tests: each states what it is about and leaves the rest to an ordinary one."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from billing.domain.customers import Customer
from billing.domain.documents import Seller
from billing.domain.invoices import DiscountAmount, Invoice, InvoiceLine, InvoiceStatus, Tax
from billing.domain.money import Money
from billing.domain.parties import Address, TaxId
from billing.domain.periods import Period

CREATED = datetime(2025, 11, 1, 9, 30, tzinfo=UTC)
FINALIZED = datetime(2025, 11, 1, 10, 30, tzinfo=UTC)
NOVEMBER = Period(datetime(2025, 11, 1, tzinfo=UTC), datetime(2025, 12, 1, tzinfo=UTC))
MOMENT = Period(CREATED, CREATED)

SELLER = Seller(
    name="Acme Cloud Inc.",
    address=Address("500 Example Avenue", None, "San Francisco", "CA", "94107", "US"),
    email="billing@acme.example",
    tax_ids=(TaxId("us_ein", "12-3456789"),),
    registration="Delaware 1234567",
)


def line(
    amount: int,
    currency: str = "eur",
    description: str | None = "Pro plan",
    *,
    quantity: Decimal | None = Decimal(1),
    unit_amount: Decimal | None = None,
    period: Period = NOVEMBER,
    discount: int = 0,
) -> InvoiceLine:
    """Return a line; its unit price is its amount unless it is given."""
    return InvoiceLine(
        id="il_1",
        description=description,
        amount=Money(amount, currency),
        quantity=quantity,
        unit_amount=Decimal(amount) if unit_amount is None else unit_amount,
        period=period,
        proration=False,
        price=None,
        product=None,
        subscription=None,
        discounts=(DiscountAmount(Money(discount, currency), "di_1"),) if discount else (),
    )


def tax(amount: int, taxable: int | None, currency: str = "eur", **fields: Any) -> Tax:
    """Return a tax, exclusive and of one rate unless it says otherwise."""
    base = None if taxable is None else Money(taxable, currency)
    return Tax(
        Money(amount, currency), **{"behavior": "exclusive", "rate": "txr_1"} | fields, taxable_amount=base
    )


def invoice(*lines: InvoiceLine, currency: str = "eur", **fields: Any) -> Invoice:
    """Return an open invoice over the lines (one of 19.99 if none); int fields are minor units."""
    lines = lines or (line(1999, currency),)
    amounts = {name: Money(value, currency) for name, value in fields.items() if type(value) is int}
    subtotal = amounts.get("subtotal", sum((one.amount for one in lines), start=Money(0, currency)))
    total = amounts.get("total", subtotal)
    paid = amounts.get("amount_paid", Money(0, currency))
    ordinary: dict[str, Any] = {
        "id": "in_1",
        "livemode": True,
        "created": CREATED,
        "customer": "cus_1",
        "subscription": None,
        "number": "DEMO-0001",
        "status": InvoiceStatus.OPEN,
        "currency": currency,
        "collection_method": "charge_automatically",
        "billing_reason": None,
        "description": None,
        "footer": None,
        "customer_name": "Müller & Söhne GmbH",
        "customer_email": "buchhaltung@example.com",
        "customer_address": Address("Hauptstraße 1", None, "Berlin", None, "10115", "DE"),
        "customer_tax_ids": (TaxId("eu_vat", "DE123456789"),),
        "customer_tax_exempt": "none",
        "subtotal": subtotal,
        "total": total,
        "total_excluding_tax": None,
        "amount_due": total,
        "amount_paid": paid,
        "amount_remaining": total - paid,
        "starting_balance": Money(0, currency),
        "period": MOMENT,
        "due_date": None,
        "finalized_at": FINALIZED,
        "paid_at": None,
        "voided_at": None,
        "marked_uncollectible_at": None,
        "discounts": (),
        "taxes": (),
        "lines": lines,
    }
    return Invoice(**ordinary | fields | amounts)


def customer(**fields: Any) -> Customer:
    """Return the customer cus_1 as the mirror may hold it."""
    ordinary: dict[str, Any] = {
        "id": "cus_1",
        "livemode": True,
        "created": CREATED,
        "name": "Renamed Ltd",
        "email": "new@example.com",
        "phone": None,
        "description": None,
        "currency": "eur",
        "balance": 0,
        "delinquent": False,
        "tax_exempt": "reverse",
        "address": Address("1 New Street", None, "London", None, "N1 9GU", "GB"),
        "preferred_locales": (),
    }
    return Customer(**ordinary | fields)
