"""Who issues the invoices, as SELLER says it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from billing.domain.documents import Seller
from billing.domain.parties import Address, TaxId
from billing.settings import SettingsError, read_seller


def read(**seller: Any) -> Seller:
    return read_seller({"SELLER": json.dumps(seller)})


def test_every_key_is_read() -> None:
    """Given every key, when read, then the seller says all of it."""
    texts: dict[str, Any] = {
        "name": "Example GmbH",
        "email": "billing@example.com",
        "registration": "HRB 1",
        "accent_color": "0a5ad4",
        "payment_note": "IBAN DE02",
        "footer": "www.example.com",
    }
    tax_ids = [{"type": "eu_vat", "value": "DE123456789"}]
    assert read(**texts, address={"city": "Berlin"}, tax_ids=tax_ids) == Seller(
        **texts, address=Address(city="Berlin"), tax_ids=(TaxId("eu_vat", "DE123456789"),)
    )


def test_a_name_is_enough() -> None:
    """Given only a name, when read, then nothing else is made up."""
    assert read(name="Example GmbH") == Seller(name="Example GmbH", address=Address())


@pytest.mark.parametrize("color", ["#0a5ad4", "0A5AD4", "blue", "fff", "0a5ad4\n"])
def test_an_accent_color_that_cannot_be_drawn_is_refused(color: str) -> None:
    """Given a colour of another form, when read, then the setting is named, before an invoice fails."""
    with pytest.raises(SettingsError, match=r"SELLER\.accent_color"):
        read(name="Example GmbH", accent_color=color)


@pytest.mark.parametrize(
    "name", ["../logo.png", "/opt/logo.png", "logo.svg", ".png", "a b.png", "logo.png\n"]
)
def test_a_logo_that_is_no_name_of_a_file_is_refused(name: str) -> None:
    """Given a path or another kind of file, when read, then the setting is named."""
    with pytest.raises(SettingsError, match=r"SELLER\.logo is not the name"):
        read(name="Example GmbH", logo=name)


def test_what_shows_no_document_reads_no_logo() -> None:
    """Given a logo, when a function that draws nothing reads the seller, then it needs no file."""
    assert read(name="Example GmbH", logo="logo.png").logo is None


@pytest.mark.parametrize("key", ["payment_notes", "logos"])
def test_an_unknown_key_is_refused(key: str) -> None:
    """Given a misspelt key, when read, then it is named and not passed over."""
    with pytest.raises(SettingsError, match=rf"SELLER\.{key}"):
        read(name="Example GmbH", **{key: "x"})
