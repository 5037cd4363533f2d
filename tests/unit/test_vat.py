"""VAT in the terms of EN 16931."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing.domain.document_lines import TaxTotal
from billing.domain.money import Money
from billing.domain.parties import TaxId
from billing.domain.vat import VatCategory, vat_id, vat_of


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("eu_vat", "DE123456789", "DE123456789"),
        ("eu_vat", "el 123.456.789", "EL123456789"),
        ("eu_vat", "123456789", None),
        ("eu_oss_vat", "EU123456789", None),
        ("gb_vat", "GB123456789", "GB123456789"),
        ("gb_vat", "XI123456789", "XI123456789"),
        ("gb_vat", "123456789", "GB123456789"),
        ("ch_vat", "CHE-123.456.789 MWST", "CHE123456789MWST"),
        ("no_vat", "123456789MVA", "NO123456789MVA"),
        ("no_vat", " ", None),
        ("us_ein", "12-3456789", None),
    ],
)
def test_a_vat_id_begins_with_its_country(kind: str, value: str, expected: str | None) -> None:
    """Given a tax id of Stripe's, when it is a VAT id, then it begins with its country, else it is none."""
    assert vat_id([TaxId(kind, value)]) == expected


def test_the_first_vat_id_counts() -> None:
    """Given several tax ids, when the VAT id is asked for, then it is the first that is one."""
    ids = [TaxId("us_ein", "1"), TaxId("eu_vat", "FR12345678901"), TaxId("eu_vat", "DE123456789")]
    assert vat_id(ids) == "FR12345678901"


@pytest.mark.parametrize(
    ("reason", "percentage", "exempt", "category"),
    [
        ("standard_rated", "19", "none", VatCategory.STANDARD),
        ("reduced_rated", "7", None, VatCategory.STANDARD),
        ("not_available", "19", "none", VatCategory.STANDARD),
        ("not_available", "19", "reverse", VatCategory.REVERSE_CHARGE),
        ("not_available", "19", "exempt", VatCategory.EXEMPT),
        ("not_available", "0", "none", VatCategory.ZERO),
        ("zero_rated", None, "none", VatCategory.ZERO),
        ("product_exempt", "19", "none", VatCategory.EXEMPT),
        ("customer_exempt", None, "exempt", VatCategory.EXEMPT),
        ("reverse_charge", "19", "none", VatCategory.REVERSE_CHARGE),
        ("not_collecting", None, "none", VatCategory.OUT_OF_SCOPE),
        ("not_subject_to_tax", None, "none", VatCategory.OUT_OF_SCOPE),
    ],
)
def test_stripes_reason_is_a_category(
    reason: str, percentage: str | None, exempt: str | None, category: VatCategory
) -> None:
    """Given a tax of nothing, when its category is asked for, then reason, rate and buyer tell it."""
    tax = TaxTotal(
        Money(0, "eur"),
        None,
        inclusive=False,
        reason=reason,
        rate=None,
        percentage=None if percentage is None else Decimal(percentage),
    )
    found, rate = vat_of([tax], exempt)
    assert found is category
    assert rate == (Decimal(percentage or 0) if category is VatCategory.STANDARD else 0)
