"""Where each kind of object stands in the database: another kind is one more entry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Children:
    """Rows that hang on an object: the member with them, their table, and the column of their parent."""

    member: str
    table: str
    parent: str
    renamed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """The table of a kind.

    `prefix` begins Stripe's ids of it. `unstored` are members of the snapshot that no table keeps, and
    `forgotten` the columns that a deletion empties. `learned` says that it is written without an event too.
    """

    table: str
    prefix: str
    children: tuple[Children, ...] = ()
    unstored: frozenset[str] = frozenset()
    forgotten: tuple[str, ...] = ()
    learned: bool = False


PLACES: Mapping[str, Place] = {
    "customer": Place("customers", "cus", forgotten=("name", "email", "phone", "description", "address")),
    "subscription": Place(
        "subscriptions",
        "sub",
        children=(
            Children(
                "items",
                "subscription_items",
                "subscription",
                {"current_period_start": "period_start", "current_period_end": "period_end"},
            ),
        ),
        unstored=frozenset({"items_complete"}),
    ),
    "invoice": Place(
        "invoices",
        "in",
        children=(Children("lines", "invoice_line_items", "invoice"),),
        unstored=frozenset({"lines_complete", "credit_notes", "payments"}),
    ),
    "tax_rate": Place("tax_rates", "txr", learned=True),
    "credit_note": Place(
        "credit_notes",
        "cn",
        children=(
            Children("lines", "credit_note_line_items", "credit_note", {"invoice_line": "invoice_line_item"}),
        ),
        unstored=frozenset({"lines_complete"}),
    ),
    "invoice_payment": Place("invoice_payments", "inpay"),
    "product": Place("products", "prod"),
    "price": Place("prices", "price"),
    "coupon": Place("coupons", "coupon", learned=True),
    "discount": Place("discounts", "di", learned=True),
    "billing.meter": Place("billing_meters", "mtr"),
    "subscription_schedule": Place("subscription_schedules", "sub_sched"),
    "payment_intent": Place("payment_intents", "pi"),
    "charge": Place("charges", "ch"),
    "payment_method": Place("payment_methods", "pm"),
    "refund": Place("refunds", "re"),
    "dispute": Place("disputes", "du"),
}
"""By Stripe's name of the object."""
