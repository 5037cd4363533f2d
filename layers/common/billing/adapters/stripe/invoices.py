"""Invoices of the API versions from 2025-03-31.basil on: parents, total_taxes, pricing."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from billing.adapters.stripe.customers import read_address
from billing.adapters.stripe.reading import UnreadableError
from billing.domain.invoices import DiscountAmount, Invoice, InvoiceLine, InvoiceStatus, Tax
from billing.domain.parties import TaxId

if TYPE_CHECKING:
    from billing.adapters.stripe.reading import Node


def read_invoice(invoice: Node) -> Invoice:
    """Return the snapshot with the lines that the payload embeds.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    invoice.expect("object", "invoice")
    currency = invoice.currency("currency")
    moments = invoice.node("status_transitions")
    lines = invoice.node("lines")
    return Invoice(
        id=invoice.text("id"),
        livemode=invoice.flag("livemode"),
        created=invoice.instant("created"),
        customer=invoice.reference("customer"),
        subscription=_subscription(invoice),
        number=invoice.optional_text("number"),
        status=invoice.choice("status", InvoiceStatus),
        currency=currency,
        collection_method=invoice.text("collection_method"),
        billing_reason=invoice.optional_text("billing_reason"),
        description=invoice.optional_text("description"),
        footer=invoice.optional_text("footer"),
        customer_name=invoice.optional_text("customer_name"),
        customer_email=invoice.optional_text("customer_email"),
        customer_address=read_address(invoice, "customer_address"),
        customer_tax_ids=_tax_ids(invoice),
        customer_tax_exempt=invoice.optional_text("customer_tax_exempt"),
        subtotal=invoice.money("subtotal", currency),
        total=invoice.money("total", currency),
        total_excluding_tax=invoice.optional_money("total_excluding_tax", currency),
        amount_due=invoice.money("amount_due", currency),
        amount_paid=invoice.money("amount_paid", currency),
        amount_remaining=invoice.money("amount_remaining", currency),
        starting_balance=invoice.money("starting_balance", currency),
        period=invoice.period("period_start", "period_end"),
        due_date=invoice.optional_instant("due_date"),
        finalized_at=moments.optional_instant("finalized_at"),
        paid_at=moments.optional_instant("paid_at"),
        voided_at=moments.optional_instant("voided_at"),
        marked_uncollectible_at=moments.optional_instant("marked_uncollectible_at"),
        discounts=read_discounts(invoice, "total_discount_amounts", currency),
        taxes=read_taxes(invoice, "total_taxes", currency),
        lines=tuple(read_line(line, currency) for line in lines.nodes("data")),
        lines_complete=not lines.flag("has_more"),
    )


def read_line(line: Node, currency: str) -> InvoiceLine:
    """Return one line of an invoice in this currency.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be, or the currency is another one.
    """
    line.expect("object", "line_item")
    line.expect("currency", currency)
    subscription, proration = _origin(line)
    price, product, unit_amount = _pricing(line)
    return InvoiceLine(
        id=line.text("id"),
        description=line.optional_text("description"),
        amount=line.money("amount", currency),
        quantity=_quantity(line),
        unit_amount=unit_amount,
        period=line.node("period").period("start", "end"),
        proration=proration,
        price=price,
        product=product,
        subscription=subscription,
        discounts=read_discounts(line, "discount_amounts", currency),
        taxes=read_taxes(line, "taxes", currency),
    )


def _subscription(invoice: Node) -> str | None:
    parent = invoice.optional_node("parent")
    if parent is None:
        return None
    match parent.text("type"):
        case "subscription_details":
            return parent.node("subscription_details").reference("subscription")
        case "quote_details":
            return None
        case _:
            raise UnreadableError(f"{parent.path}.type", "not known")


def _origin(line: Node) -> tuple[str | None, bool]:
    """Return the line's subscription and whether it is a proration."""
    parent = line.optional_node("parent")
    if parent is None:
        return None, False
    kind = parent.text("type")
    if kind not in {"invoice_item_details", "subscription_item_details"}:
        raise UnreadableError(f"{parent.path}.type", "not known")
    details = parent.node(kind)
    return details.optional_text("subscription"), details.flag("proration")


def _pricing(line: Node) -> tuple[str | None, str | None, Decimal | None]:
    """Return the line's price, product and unit amount."""
    pricing = line.optional_node("pricing")
    if pricing is None:
        return None, None, None
    pricing.expect("type", "price_details")
    details = pricing.node("price_details")
    return (
        details.reference("price"),
        details.reference("product"),
        pricing.optional_decimal("unit_amount_decimal"),
    )


def _quantity(line: Node) -> Decimal | None:
    # Since 2026-03-25.dahlia a fraction is told in quantity_decimal; quantity alone would round it.
    if line.has("quantity_decimal"):
        return line.decimal("quantity_decimal")
    quantity = line.optional_integer("quantity")
    return None if quantity is None else Decimal(quantity)


def _tax_ids(invoice: Node) -> tuple[TaxId, ...]:
    # An id whose value Stripe does not tell names nothing.
    return tuple(
        TaxId(type=tax_id.text("type"), value=tax_id.text("value"))
        for tax_id in invoice.nodes("customer_tax_ids")
        if tax_id.optional_text("value") is not None
    )


def read_discounts(owner: Node, name: str, currency: str) -> tuple[DiscountAmount, ...]:
    """Return the amounts of discounts under this name.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    return tuple(
        DiscountAmount(amount=discount.money("amount", currency), discount=discount.reference("discount"))
        for discount in owner.nodes(name)
    )


def read_taxes(owner: Node, name: str, currency: str) -> tuple[Tax, ...]:
    """Return the taxes under this name.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    return tuple(_tax(tax, currency) for tax in owner.nodes(name))


def _tax(tax: Node, currency: str) -> Tax:
    rate = tax.optional_node("tax_rate_details")
    return Tax(
        amount=tax.money("amount", currency),
        behavior=tax.text("tax_behavior"),
        reason=tax.text("taxability_reason"),
        rate=None if rate is None else rate.reference("tax_rate"),
        taxable_amount=tax.optional_money("taxable_amount", currency),
    )
