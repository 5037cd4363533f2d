"""Products, prices, coupons, discounts and meters of the API versions from 2025-09-30.clover on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.adapters.stripe.reading import UnreadableError
from billing.domain.catalogue import (
    Coupon,
    Discount,
    Meter,
    MeterStatus,
    Price,
    PriceTier,
    PriceType,
    Product,
)

if TYPE_CHECKING:
    from billing.adapters.stripe.reading import Node


def read_product(product: Node) -> Product:
    """Return the snapshot.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    product.expect("object", "product")
    return Product(
        id=product.text("id"),
        livemode=product.flag("livemode"),
        created=product.instant("created"),
        active=product.flag("active"),
        name=product.text("name"),
        description=product.optional_text("description"),
        unit_label=product.optional_text("unit_label"),
        tax_code=product.optional_reference("tax_code"),
        default_price=product.optional_reference("default_price"),
    )


def read_price(price: Node) -> Price:
    """Return the snapshot; a tiered price whose payload does not show the tiers has None for them.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    price.expect("object", "price")
    kind = price.choice("type", PriceType)
    recurring = price.node("recurring") if kind is PriceType.RECURRING else None
    transform = price.optional_node("transform_quantity")
    return Price(
        id=price.text("id"),
        livemode=price.flag("livemode"),
        created=price.instant("created"),
        active=price.flag("active"),
        product=price.reference("product"),
        currency=price.currency("currency"),
        type=kind,
        billing_scheme=price.text("billing_scheme"),
        unit_amount=price.optional_decimal("unit_amount_decimal"),
        tiers_mode=price.optional_text("tiers_mode"),
        tiers=_tiers(price),
        recurring_interval=None if recurring is None else recurring.text("interval"),
        recurring_interval_count=None if recurring is None else recurring.integer("interval_count"),
        recurring_usage_type=None if recurring is None else recurring.text("usage_type"),
        recurring_meter=None if recurring is None else recurring.optional_text("meter"),
        transform_divide_by=None if transform is None else transform.integer("divide_by"),
        transform_round=None if transform is None else transform.text("round"),
        tax_behavior=price.optional_text("tax_behavior"),
        nickname=price.optional_text("nickname"),
        lookup_key=price.optional_text("lookup_key"),
    )


def _tiers(price: Node) -> tuple[PriceTier, ...] | None:
    # Stripe shows the tiers only to whoever asks for them, which events do not.
    if price.text("billing_scheme") != "tiered":
        return ()
    if not price.has("tiers"):
        return None
    return tuple(
        PriceTier(
            up_to=tier.optional_integer("up_to"),
            unit_amount=tier.optional_decimal("unit_amount_decimal"),
            flat_amount=tier.optional_decimal("flat_amount_decimal"),
        )
        for tier in price.nodes("tiers")
    )


def read_coupon(coupon: Node) -> Coupon:
    """Return the snapshot.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be, or an amount comes without its currency.
    """
    coupon.expect("object", "coupon")
    amount = coupon.optional_integer("amount_off")
    currency = None if amount is None else coupon.currency("currency")
    return Coupon(
        id=coupon.text("id"),
        livemode=coupon.flag("livemode"),
        created=coupon.instant("created"),
        name=coupon.optional_text("name"),
        currency=currency,
        amount_off=None if currency is None else coupon.money("amount_off", currency),
        percent_off=coupon.optional_percentage("percent_off"),
        duration=coupon.text("duration"),
        duration_in_months=coupon.optional_integer("duration_in_months"),
        max_redemptions=coupon.optional_integer("max_redemptions"),
        redeem_by=coupon.optional_instant("redeem_by"),
    )


def read_discount(discount: Node) -> Discount:
    """Return the snapshot.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    discount.expect("object", "discount")
    source = discount.node("source")
    if source.text("type") != "coupon":
        raise UnreadableError(f"{source.path}.type", "not known")
    # A deleted discount has no end, and Stripe leaves the member out.
    ended = discount.has("deleted") and not discount.has("end")
    return Discount(
        id=discount.text("id"),
        customer=discount.optional_reference("customer"),
        subscription=discount.optional_text("subscription"),
        subscription_item=discount.optional_text("subscription_item"),
        invoice=discount.optional_text("invoice"),
        invoice_item=discount.optional_text("invoice_item"),
        checkout_session=discount.optional_text("checkout_session"),
        coupon=source.optional_reference("coupon"),
        promotion_code=discount.optional_reference("promotion_code"),
        start=discount.instant("start"),
        end=None if ended else discount.optional_instant("end"),
    )


def read_meter(meter: Node) -> Meter:
    """Return the snapshot.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    meter.expect("object", "billing.meter")
    return Meter(
        id=meter.text("id"),
        livemode=meter.flag("livemode"),
        created=meter.instant("created"),
        status=meter.choice("status", MeterStatus),
        display_name=meter.text("display_name"),
        event_name=meter.text("event_name"),
        event_time_window=meter.optional_text("event_time_window"),
        aggregation=meter.node("default_aggregation").text("formula"),
        customer_key=meter.node("customer_mapping").text("event_payload_key"),
        value_key=meter.node("value_settings").text("event_payload_key"),
        deactivated_at=meter.node("status_transitions").optional_instant("deactivated_at"),
    )
