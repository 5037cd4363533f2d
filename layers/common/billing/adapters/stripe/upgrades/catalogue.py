"""Products, prices, coupons and discounts of older API versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.adapters.stripe.upgrades.members import with_absent

if TYPE_CHECKING:
    from billing.adapters.stripe.upgrades.members import Members


def product_in_2022(product: Members) -> Members:
    """Give a product from before there were unit labels, tax codes and default prices none of them."""
    return with_absent(product, unit_label=None, tax_code=None, default_price=None)


def price_in_2024(price: Members) -> Members:
    """Give a price from before there were meters and tax behaviours none of them."""
    recurring = price.get("recurring")
    changed = with_absent(price, tax_behavior=None)
    return (
        {**changed, "recurring": with_absent(recurring, meter=None)}
        if isinstance(recurring, dict)
        else changed
    )


def coupon_in_2018(coupon: Members) -> Members:
    """Give a coupon from before coupons had names none."""
    return with_absent(coupon, name=None)


def discount_in_2020(discount: Members) -> Members:
    """Give a discount from before invoices and their items could have one neither, nor a promotion code."""
    return with_absent(discount, subscription=None, invoice=None, invoice_item=None, promotion_code=None)


def discount_in_clover(discount: Members) -> Members:
    """Move the coupon into the source; a discount from before it told of sessions and items has neither."""
    whole = with_absent(discount, checkout_session=None, subscription_item=None)
    if "source" in discount or "coupon" not in discount:
        return whole
    return {**whole, "source": {"type": "coupon", "coupon": discount["coupon"]}}
