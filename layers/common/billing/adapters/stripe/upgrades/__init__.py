"""Older API versions brought to the shape of today, one change after the other.

Stripe adds members in every version and renames or removes them only in dated ones. So a payload of an old
version may have new members beside the old: a change gives a new member where it is absent, and leaves it
alone where it is there. What an old payload does not tell is not made up: the readers then find the member
missing, and the object is fetched from Stripe in our version.

Source of the changes: Stripe, "API changelog"; their dates: the version from which on the new shape holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.adapters.stripe.reading import UnreadableError
from billing.adapters.stripe.upgrades.catalogue import (
    coupon_in_2018,
    discount_in_2020,
    discount_in_clover,
    price_in_2024,
    product_in_2022,
)
from billing.adapters.stripe.upgrades.credit_notes import credit_note_in_basil
from billing.adapters.stripe.upgrades.customers import customer_in_2019
from billing.adapters.stripe.upgrades.invoices import (
    invoice_in_2018,
    invoice_in_2019,
    invoice_in_basil,
    invoice_in_december_2019,
    invoice_in_may_2018,
)
from billing.adapters.stripe.upgrades.payments import (
    charge_in_2015,
    charge_in_2020,
    dispute_in_2020,
    payment_intent_in_2019,
    payment_intent_in_2022,
    refund_in_2020,
)
from billing.adapters.stripe.upgrades.schedules import schedule_in_2020, schedule_in_basil
from billing.adapters.stripe.upgrades.subscriptions import (
    subscription_in_2019,
    subscription_in_2020,
    subscription_in_basil,
)
from billing.adapters.stripe.upgrades.tax_rates import tax_rate_in_2021
from billing.domain.mirror import ObjectKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.adapters.stripe.upgrades.members import Members


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an object from the version `since` on; `upgrade` returns it in the newer shape."""

    since: str
    kind: ObjectKind
    upgrade: Callable[[Members], Members]


CHANGES = (
    Change("2015-02-18", ObjectKind.CHARGE, charge_in_2015),
    Change("2018-05-21", ObjectKind.INVOICE, invoice_in_may_2018),
    Change("2018-11-08", ObjectKind.INVOICE, invoice_in_2018),
    Change("2018-11-08", ObjectKind.COUPON, coupon_in_2018),
    Change("2019-02-11", ObjectKind.PAYMENT_INTENT, payment_intent_in_2019),
    Change("2019-10-17", ObjectKind.INVOICE, invoice_in_2019),
    Change("2019-10-17", ObjectKind.CUSTOMER, customer_in_2019),
    Change("2019-10-17", ObjectKind.SUBSCRIPTION, subscription_in_2019),
    Change("2019-12-03", ObjectKind.INVOICE, invoice_in_december_2019),
    Change("2020-03-02", ObjectKind.DISPUTE, dispute_in_2020),
    Change("2020-03-02", ObjectKind.REFUND, refund_in_2020),
    Change("2020-08-27", ObjectKind.CHARGE, charge_in_2020),
    Change("2020-08-27", ObjectKind.DISCOUNT, discount_in_2020),
    Change("2020-08-27", ObjectKind.SCHEDULE, schedule_in_2020),
    Change("2020-08-27", ObjectKind.SUBSCRIPTION, subscription_in_2020),
    Change("2021-01-01", ObjectKind.TAX_RATE, tax_rate_in_2021),
    Change("2022-11-15", ObjectKind.PAYMENT_INTENT, payment_intent_in_2022),
    Change("2022-11-15", ObjectKind.PRODUCT, product_in_2022),
    Change("2024-06-20", ObjectKind.PRICE, price_in_2024),
    Change("2025-03-31", ObjectKind.SUBSCRIPTION, subscription_in_basil),
    Change("2025-03-31", ObjectKind.INVOICE, invoice_in_basil),
    Change("2025-03-31", ObjectKind.CREDIT_NOTE, credit_note_in_basil),
    Change("2025-03-31", ObjectKind.SCHEDULE, schedule_in_basil),
    Change("2025-09-30", ObjectKind.DISCOUNT, discount_in_clover),
)
"""Every change, oldest first; the next one is one more entry."""

_OF = {kind: tuple(change for change in CHANGES if change.kind is kind) for kind in ObjectKind}

_RELEASES = frozenset(("acacia", "basil", "clover", "dahlia", "endive"))
"""A name stands for one shape: Stripe changes it when it breaks something ("API versioning")."""

_VERSION = re.compile(
    r"(?P<date>20[0-9]{2}-[0-9]{2}-[0-9]{2})(\.(?P<release>[a-z]{1,30}))?(; [a-z0-9_=; ]{1,60})?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Version:
    """An API version, by its date."""

    date: str


def read_version(text: str) -> Version:
    """Return the version.

    Raises
    ------
    UnreadableError
        It is malformed, or a release that we do not know: its shape may be another one.
    """
    found = _VERSION.fullmatch(text)
    if found is None:
        raise UnreadableError("api_version", "malformed")
    if found["release"] is not None and found["release"] not in _RELEASES:
        raise UnreadableError("api_version", f"{found['date']}.{found['release']} is not known")
    return Version(found["date"])


def upgraded(kind: ObjectKind, members: Members, version: Version) -> Members:
    """Return the object in the shape of today; the given one is left as it is."""
    for change in _OF[kind]:
        if version.date < change.since:
            members = change.upgrade(members)
    return members
