"""Invoices of older API versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from billing.adapters.stripe.upgrades.members import mapped_list, renamed, taxes, with_absent

if TYPE_CHECKING:
    from billing.adapters.stripe.upgrades.members import Members


def invoice_in_2018(invoice: Members) -> Members:
    """Make a status of paid and forgiven; what was neither may have been draft or open, and gets none."""
    if "status" in invoice:
        return invoice
    if invoice.get("paid") is True:
        return {**invoice, "status": "paid"}
    return {**invoice, "status": "uncollectible"} if invoice.get("forgiven") is True else invoice


def invoice_in_may_2018(invoice: Members) -> Members:
    """Tell the subscription of each of its lines, which was told as the line's id."""
    return mapped_list(invoice, "lines", _with_subscription)


def _with_subscription(line: Members) -> Members:
    if line.get("type") != "subscription" or line.get("subscription") is not None:
        return line
    return {**line, "subscription": line["id"]} if "id" in line else line


def invoice_in_december_2019(invoice: Members) -> Members:
    """Give each line its own id, which older versions tell as `unique_id`, since Stripe has it.

    What they tell as id is the subscription's, its item's or the invoice item's, and not unique.
    """
    return mapped_list(invoice, "lines", _with_own_id)


def _with_own_id(line: Members) -> Members:
    if "unique_id" in line:
        return {**line, "id": line["unique_id"]}
    if str(line.get("id")).startswith("il_"):
        return line
    return {name: value for name, value in line.items() if name != "id"}


def invoice_in_2019(invoice: Members) -> Members:
    """Rename date to created (2019-03-14) and billing to collection_method (2019-10-17)."""
    return renamed(invoice, created="date", collection_method="billing")


def invoice_in_basil(invoice: Members) -> Members:
    """Move subscription into parent, and give taxes and lines their new shape.

    Discounts were told as amounts from 2020 on: where there is none, there are no amounts either.
    """
    changed = taxes(_with_parent(_with_discounts(invoice)), "total_tax_amounts", "total_taxes")
    undiscounted = changed.get("total_discount_amounts") == []
    changed = mapped_list(
        changed, "lines", lambda line: _line(with_absent(line, discount_amounts=[]) if undiscounted else line)
    )
    return _with_more(_with_net(changed))


def _with_parent(invoice: Members) -> Members:
    if "parent" in invoice or "subscription" not in invoice:
        return invoice
    if invoice["subscription"] is not None:
        details = {
            "type": "subscription_details",
            "subscription_details": {"subscription": invoice["subscription"]},
        }
        return {**invoice, "parent": details}
    quote = {"type": "quote_details"} if invoice.get("quote") is not None else None
    return {**invoice, "parent": quote}


def _with_discounts(invoice: Members) -> Members:
    if "total_discount_amounts" in invoice or invoice.get("discount") is not None:
        return invoice
    return {**invoice, "total_discount_amounts": []}


def _with_net(invoice: Members) -> Members:
    """Return the invoice with the total less its taxes, which Stripe tells since 2022."""
    found, total = invoice.get("total_taxes"), invoice.get("total")
    if "total_excluding_tax" in invoice or not isinstance(found, list) or not isinstance(total, int):
        return invoice
    amounts = [tax.get("amount") for tax in found if isinstance(tax, dict)]
    if not all(isinstance(amount, int) for amount in amounts):
        return invoice
    return {**invoice, "total_excluding_tax": total - sum(cast("list[int]", amounts))}


def _with_more(invoice: Members) -> Members:
    lines = invoice.get("lines")
    if not isinstance(lines, dict) or "has_more" in lines:
        return invoice
    data, count = lines.get("data"), lines.get("total_count")
    if not isinstance(data, list) or not isinstance(count, int):
        return invoice
    return {**invoice, "lines": {**lines, "has_more": count > len(data)}}


def _line(line: Members) -> Members:
    return taxes(_with_pricing(_with_origin(line)), "tax_amounts", "taxes")


def _with_origin(line: Members) -> Members:
    kind = line.get("type")
    if "parent" in line or kind not in {"subscription", "invoiceitem"}:
        return line
    name = "subscription_item_details" if kind == "subscription" else "invoice_item_details"
    details = {"subscription": line.get("subscription"), "proration": line.get("proration")}
    return {**line, "parent": {"type": name, name: details}}


def _with_pricing(line: Members) -> Members:
    if "pricing" in line or not ("price" in line or "plan" in line):
        return line
    price = line.get("price") or line.get("plan")
    if not isinstance(price, dict):
        return {**line, "pricing": None}
    decimal = price.get("unit_amount_decimal", price.get("amount_decimal"))
    whole = price.get("unit_amount", price.get("amount"))
    unit = str(whole) if decimal is None and isinstance(whole, int) else decimal
    details = {"price": price.get("id"), "product": price.get("product")}
    pricing = {"type": "price_details", "price_details": details, "unit_amount_decimal": unit}
    return {**line, "pricing": pricing}
