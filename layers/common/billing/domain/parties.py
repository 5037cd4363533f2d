"""Addresses and tax ids, as Stripe and invoices name them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address; `country` is ISO 3166-1 alpha-2."""

    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class TaxId:
    """A tax registration: `type` is Stripe's name of the kind, such as eu_vat."""

    type: str
    value: str
