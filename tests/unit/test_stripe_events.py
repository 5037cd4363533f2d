from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from billing.adapters.stripe.events import read_event
from billing.domain.customers import Customer
from billing.domain.invoices import DiscountAmount, Invoice, InvoiceLine, InvoiceStatus, Tax
from billing.domain.mirror import Unreadable
from billing.domain.money import Money
from billing.domain.parties import Address, TaxId
from billing.domain.periods import Period, instant
from billing.domain.subscriptions import Subscription, SubscriptionItem, SubscriptionStatus
from billing.domain.tax_rates import TaxRate
from tests.fakes.stripe_payloads import (
    CREATED,
    customer,
    event,
    invoice,
    item,
    line,
    subscription,
    tax_rate,
)

MONTH = 2_592_000


def usd(amount: int) -> Money:
    return Money(amount, "usd")


def content(payload: dict[str, Any]) -> Any:
    return read_event(payload).content


def reason(payload: dict[str, Any]) -> str:
    unreadable = content(payload)
    assert isinstance(unreadable, Unreadable)
    return unreadable.reason


def invoice_reason(**members: Any) -> str:
    return reason(event("invoice.paid", invoice(**members)))


def test_an_event_is_read_with_its_envelope() -> None:
    """Given an event, when it is read, then its id, type, time, mode, version and object are told."""
    read = read_event(event("customer.updated", customer(), id="evt_9", livemode=False))
    assert (read.id, read.type, read.created) == ("evt_9", "customer.updated", instant(CREATED))
    assert (read.livemode, read.api_version, read.object_id) == (False, "2026-05-27.dahlia", "cus_1")


def test_a_tax_rate_is_read_with_every_member() -> None:
    """Given a tax rate's payload, when it is read, then the snapshot equals it member by member."""
    assert content(event("tax_rate.created", tax_rate(percentage=8.875))) == TaxRate(
        id="txr_1",
        livemode=False,
        created=instant(CREATED),
        active=True,
        display_name="MwSt.",
        description="Umsatzsteuer",
        percentage=Decimal("8.875"),
        inclusive=False,
        country="DE",
        state=None,
        jurisdiction="Deutschland",
        tax_type="vat",
    )


@pytest.mark.parametrize(
    ("members", "percentage"),
    [
        ({"percentage": 19}, Decimal(19)),
        ({"percentage": 0.0001}, Decimal("0.0001")),
        ({"percentage": 9.5, "effective_percentage": 6.25}, Decimal("6.25")),
        ({"percentage": 9.5, "effective_percentage": 0.0}, Decimal(0)),
        ({"percentage": 0.0, "rate_type": "flat_amount"}, None),
    ],
)
def test_a_rate_is_as_many_per_cent_as_taxes_are_reckoned_with(
    members: dict[str, Any], percentage: Decimal | None
) -> None:
    """Given a rate, when it is read, then the digits are exact, and the effective ones where they differ."""
    assert content(event("tax_rate.updated", tax_rate(**members))).percentage == percentage


@pytest.mark.parametrize("wrong", [None, "19", True, 10**6, float("nan"), float("inf")])
def test_a_percentage_that_is_no_number_is_not_guessed(wrong: object) -> None:
    """Given a percentage of another type or size, when the rate is read, then it is quarantined."""
    assert reason(event("tax_rate.updated", tax_rate(percentage=wrong))).startswith("tax_rate.percentage: ")


def test_a_customer_is_read_with_every_member() -> None:
    """Given a customer's payload, when it is read, then the snapshot equals it member by member."""
    assert content(event("customer.created", customer())) == Customer(
        id="cus_1",
        livemode=False,
        created=datetime.fromtimestamp(CREATED, UTC),
        name="Ünïcode AG",
        email="billing@example.com",
        phone=None,
        description=None,
        currency="chf",
        balance=-1250,
        delinquent=False,
        tax_exempt="none",
        address=Address(line1="Bahnhofstrasse 1", city="Zürich", postal_code="8001", country="CH"),
        preferred_locales=("de-CH", "fr"),
    )


def test_a_subscription_is_read_with_the_periods_of_its_items() -> None:
    """Given a subscription's payload, when it is read, then each item has its own period."""
    assert content(
        event("customer.subscription.updated", subscription(cancel_at=CREATED + 5))
    ) == Subscription(
        id="sub_1",
        livemode=False,
        created=instant(CREATED),
        customer="cus_1",
        status=SubscriptionStatus.ACTIVE,
        currency="usd",
        collection_method="charge_automatically",
        cancel_at_period_end=False,
        start_date=instant(CREATED),
        billing_cycle_anchor=instant(CREATED),
        cancel_at=instant(CREATED + 5),
        canceled_at=None,
        ended_at=None,
        trial_start=None,
        trial_end=None,
        items=(
            SubscriptionItem(
                id="si_1",
                price="price_1",
                product="prod_1",
                quantity=Decimal(3),
                current_period=Period(instant(CREATED), instant(CREATED + MONTH)),
            ),
        ),
        items_complete=True,
    )


def test_a_metered_item_has_no_quantity() -> None:
    """Given an item without the member quantity, as metered prices have, when read, then it is None."""
    metered = item()
    del metered["quantity"]
    read = content(
        event("customer.subscription.updated", subscription(items={"data": [metered], "has_more": False}))
    )
    assert read.items[0].quantity is None


def test_an_invoice_is_read_with_every_member() -> None:
    """Given an invoice's payload, when it is read, then the snapshot equals it member by member."""
    assert content(event("invoice.finalized", invoice())) == Invoice(
        id="in_1",
        livemode=False,
        created=instant(CREATED),
        customer="cus_1",
        subscription="sub_1",
        number="A-0001",
        status=InvoiceStatus.OPEN,
        currency="usd",
        collection_method="charge_automatically",
        billing_reason="subscription_cycle",
        description=None,
        footer=None,
        customer_name="Ünïcode AG",
        customer_email="billing@example.com",
        customer_address=None,
        customer_tax_ids=(TaxId("eu_vat", "DE123456789"),),
        customer_tax_exempt="none",
        subtotal=usd(2500),
        total=usd(2856),
        total_excluding_tax=usd(2400),
        amount_due=usd(2856),
        amount_paid=usd(0),
        amount_remaining=usd(2856),
        starting_balance=usd(0),
        period=Period(instant(CREATED - MONTH), instant(CREATED)),
        due_date=None,
        finalized_at=instant(CREATED),
        paid_at=None,
        voided_at=None,
        marked_uncollectible_at=None,
        discounts=(DiscountAmount(usd(100), "di_1"),),
        taxes=(Tax(usd(456), "exclusive", "standard_rated"),),
        lines=(
            InvoiceLine(
                id="il_1",
                description="API calls",
                amount=usd(2500),
                quantity=Decimal(20_000),
                unit_amount=Decimal("0.125"),
                period=Period(instant(CREATED), instant(CREATED + MONTH)),
                proration=False,
                price="price_1",
                product="prod_1",
                subscription="sub_1",
                discounts=(DiscountAmount(usd(100), "di_1"),),
                taxes=(Tax(usd(456), "exclusive", "standard_rated", "txr_1", usd(2400)),),
            ),
        ),
        lines_complete=True,
    )


def test_a_fraction_of_a_quantity_is_kept_exactly() -> None:
    """Given quantity 2 beside quantity_decimal 1.5, when the line is read, then the decimal stands."""
    lines = {"data": [line(quantity=2, quantity_decimal="1.5")], "has_more": False}
    assert content(event("invoice.paid", invoice(lines=lines))).lines[0].quantity == Decimal("1.5")


def test_a_line_of_a_version_without_quantity_decimal_is_read() -> None:
    """Given a line of 2025-11-17.clover, when it is read, then its quantity is the integer."""
    old = line()
    del old["quantity_decimal"]
    payload = event("invoice.paid", invoice(lines={"data": [old], "has_more": False}))
    assert content(payload | {"api_version": "2025-11-17.clover"}).lines[0].quantity == Decimal(20_000)


def test_a_line_that_tells_no_quantity_at_all_is_not_read() -> None:
    """Given a line with neither quantity nor quantity_decimal, when it is read, then it is quarantined."""
    bare = line()
    del bare["quantity"], bare["quantity_decimal"]
    assert invoice_reason(lines={"data": [bare], "has_more": False}) == (
        "invoice.lines.data[0].quantity: missing"
    )


def test_an_expanded_reference_is_its_id() -> None:
    """Given customer and price expanded to objects, when the invoice is read, then their ids stand."""
    pricing = {
        "type": "price_details",
        "price_details": {"price": {"id": "price_7"}, "product": "prod_7"},
        "unit_amount_decimal": None,
    }
    lines = {"data": [line(pricing=pricing)], "has_more": False}
    read = content(
        event("invoice.paid", invoice(customer={"id": "cus_7", "object": "customer"}, lines=lines))
    )
    assert (read.customer, read.lines[0].price, read.lines[0].unit_amount) == ("cus_7", "price_7", None)


def test_a_payload_with_the_first_lines_only_says_so() -> None:
    """Given has_more on lines or items, when it is read, then the snapshot is marked incomplete."""
    assert not content(
        event("invoice.paid", invoice(lines={"data": [line()], "has_more": True}))
    ).lines_complete
    more = subscription(items={"data": [item()], "has_more": True})
    assert not content(event("customer.subscription.created", more)).items_complete
