"""VAT in the terms of EN 16931: a line's category and rate from Stripe's taxes, and who is registered."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from billing.domain.document_lines import TaxTotal
    from billing.domain.parties import TaxId


class VatCategory(StrEnum):
    """VAT category codes (BT-118, UNTDID 5305) that Stripe's taxability reasons can mean."""

    STANDARD = "S"
    ZERO = "Z"
    EXEMPT = "E"
    REVERSE_CHARGE = "AE"
    OUT_OF_SCOPE = "O"


class UnclearVatError(Exception):
    """The line's VAT cannot be told; `missing` names what lacks."""

    def __init__(self, missing: str) -> None:
        super().__init__(missing)
        self.missing = missing


type Vat = tuple[VatCategory, Decimal]
"""A category and its rate in percent; 0 for every category but STANDARD."""

EXEMPTION: dict[VatCategory, tuple[str | None, str]] = {
    VatCategory.EXEMPT: (None, "Exempt from VAT"),
    VatCategory.REVERSE_CHARGE: ("VATEX-EU-AE", "Reverse charge"),
    VatCategory.OUT_OF_SCOPE: ("VATEX-EU-O", "Not subject to VAT"),
}
"""VAT exemption reason code (BT-121, a VATEX code) and text (BT-120) of the categories that need one."""

# https://docs.stripe.com/api/invoice-line-item/object: taxes.taxability_reason. The reasons of partial bases
# are left to the percentage: the sums then tell that the tax does not follow from it.
_REASONS = {
    "zero_rated": VatCategory.ZERO,
    "product_exempt": VatCategory.EXEMPT,
    "product_exempt_holiday": VatCategory.EXEMPT,
    "customer_exempt": VatCategory.EXEMPT,
    "reverse_charge": VatCategory.REVERSE_CHARGE,
    "not_subject_to_tax": VatCategory.OUT_OF_SCOPE,
    "not_collecting": VatCategory.OUT_OF_SCOPE,
}
_EXEMPT_BUYERS = {"reverse": VatCategory.REVERSE_CHARGE, "exempt": VatCategory.EXEMPT}

# Sales taxes and the like are no value added taxes: EN 16931 has no place for them.
_VALUE_ADDED = frozenset((None, "vat", "gst", "jct"))
# BR-CO-17 as the schematron has it takes a rate that rounds to 0 for 0; no VAT is that low.
_LOWEST_RATE = Decimal("0.5")

_EU_VAT_ID = re.compile(
    "(AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI)[A-Z0-9]+"
)


def vat_of(taxes: Sequence[TaxTotal], buyer_exempt: str | None) -> Vat:
    """Return the one category and rate of a line; `buyer_exempt` is Stripe's none, exempt or reverse.

    Raises
    ------
    UnclearVatError
        There are several taxes on the line, none and no reason why, one of unknown rate, or one that
        is no value added tax.
    """
    if not taxes and buyer_exempt in _EXEMPT_BUYERS:
        return _EXEMPT_BUYERS[buyer_exempt], Decimal(0)
    if len(taxes) != 1:
        raise UnclearVatError("lines.taxes")
    (tax,) = taxes
    if tax.tax_type not in _VALUE_ADDED:
        raise UnclearVatError("lines.taxes.tax_type")
    if tax.reason in _REASONS:
        return _REASONS[tax.reason], Decimal(0)
    if tax.percentage is None:
        raise UnclearVatError("lines.taxes.percentage")
    if not tax.amount.amount and buyer_exempt in _EXEMPT_BUYERS:
        return _EXEMPT_BUYERS[buyer_exempt], Decimal(0)
    if not tax.percentage:
        return VatCategory.ZERO, Decimal(0)
    if tax.percentage < _LOWEST_RATE:
        raise UnclearVatError("lines.taxes.percentage")
    return VatCategory.STANDARD, tax.percentage


def vat_id(tax_ids: Iterable[TaxId]) -> str | None:
    """Return the first VAT identifier (BT-31, BT-48), with its country in front as BR-CO-09 asks.

    A number of the EU's One Stop Shop is none: its prefix EU is no country.
    """
    for tax_id in tax_ids:
        value = "".join(letter for letter in tax_id.value.upper() if letter.isascii() and letter.isalnum())
        if tax_id.type == "eu_vat":
            if _EU_VAT_ID.fullmatch(value):
                return value
        elif tax_id.type.endswith("_vat") and tax_id.type != "eu_oss_vat" and value:
            country = tax_id.type[:2].upper()
            own = ("GB", "XI") if country == "GB" else (country,)
            return value if value.startswith(own) else f"{country}{value}"
    return None
