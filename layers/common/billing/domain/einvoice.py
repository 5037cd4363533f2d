"""The terms of EN 16931, the European standard of electronic invoices, as far as these invoices use them.

Amounts are in major units with at most two decimals (BR-DEC); einvoicing.py makes them meet the rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from billing.domain.parties import Address
    from billing.domain.vat import Vat

DISCOUNT = "Discount"
"""What a discount is called that has no name here."""


@dataclass(frozen=True, slots=True)
class Days:
    """An invoicing period (BG-14, BG-26), both days inclusive."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Party:
    """Seller (BG-4) or buyer (BG-7).

    `name` is BT-27 or BT-44, `address` BG-5 or BG-8, `vat_id` BT-31 or BT-48, `email` the electronic address
    BT-34 or BT-49, `registration` BT-30.
    """

    name: str
    address: Address
    vat_id: str | None
    email: str | None
    registration: str | None = None


@dataclass(frozen=True, slots=True)
class EInvoiceLine:
    """An invoice line (BG-25): quantity x price / price_quantity - allowance = net.

    `number` is BT-126, `name` BT-153, `quantity` BT-129 (negative where the line takes back), `price` BT-146
    (never negative, BR-27), `price_quantity` BT-149, `allowance` BT-136 and `allowance_reason` BT-139, `net`
    BT-131, `vat` BT-151 and BT-152, `period` BG-26.
    """

    number: int
    name: str
    quantity: Decimal
    price: Decimal
    price_quantity: Decimal
    allowance: Decimal
    net: Decimal
    vat: Vat
    period: Days | None
    allowance_reason: str = DISCOUNT


@dataclass(frozen=True, slots=True)
class VatBreakdown:
    """The VAT of one category and rate (BG-23): `taxable` is BT-116, `tax` BT-117, `vat` BT-118 and BT-119.

    `reason` is the exemption's code and text, BT-121 and BT-120.
    """

    vat: Vat
    taxable: Decimal
    tax: Decimal
    reason: tuple[str | None, str] | None


@dataclass(frozen=True, slots=True)
class EInvoiceTotals:
    """The document totals (BG-22); `paid` holds credit from the customer's balance, too.

    Of a credit note `paid` is what it gave back, and `due` what it takes off its invoice.

    `net` is BT-106 and BT-109, `tax` BT-110, `gross` BT-112, `paid` BT-113, `rounding` BT-114, `due` BT-115.
    """

    net: Decimal
    tax: Decimal
    gross: Decimal
    paid: Decimal
    rounding: Decimal
    due: Decimal


@dataclass(frozen=True, slots=True)
class PrecedingInvoice:
    """The invoice that a credit note corrects (BG-3): `number` is BT-25, `issued` BT-26."""

    number: str
    issued: date


@dataclass(frozen=True, slots=True)
class EInvoice:
    """An invoice, or a credit note where it has a `preceding` one, that meets the rules of EN 16931.

    `number` is BT-1, `issued` BT-2, `currency` BT-5, `due_date` BT-9, `terms` BT-20, `note` BT-22,
    `period` BG-14. Amounts of a credit note are positive, as the standard has them.
    """

    number: str
    issued: date
    currency: str
    due_date: date | None
    terms: str | None
    note: str | None
    seller: Party
    buyer: Party
    period: Days | None
    lines: tuple[EInvoiceLine, ...]
    breakdown: tuple[VatBreakdown, ...]
    totals: EInvoiceTotals
    preceding: PrecedingInvoice | None = None


@dataclass(frozen=True, slots=True)
class Incomplete:
    """Why there is no e-invoice: the names of docs/api.md, sorted, at least one."""

    missing: tuple[str, ...]
