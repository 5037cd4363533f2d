"""How values of the domain are written as JSON, which the database reads into rows, and read back."""

from __future__ import annotations

from json import JSONEncoder
from typing import TYPE_CHECKING, Any

from billing.domain.invoices import DiscountAmount, Tax
from billing.domain.money import Money
from billing.domain.parties import Address, TaxId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

type Json = dict[str, Any]


# Nothing here holds itself, and no text half a surrogate pair (adapters/stripe/reading.py).
_encode = JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def as_json(value: Json | Sequence[Json]) -> str:
    """Return the JSON text of rows, for a parameter."""
    return _encode(value)


def minor(money: Money, currency: str) -> int:
    """Return the amount for a row that keeps its currency once.

    Raises
    ------
    ValueError
        The money is of another currency, which the row could not say.
    """
    if money.currency != currency:
        raise ValueError(f"a row in {currency} cannot keep money in {money.currency}")
    return money.amount


def minor_or_none(money: Money | None, currency: str) -> int | None:
    """Return the amount as `minor` does, None for none."""
    return None if money is None else minor(money, currency)


def money_or_none(amount: int | None, currency: str) -> Money | None:
    """Return the money of a column that may be NULL."""
    return None if amount is None else Money(amount, currency)


def address_to_json(address: Address | None) -> Json | None:
    """Return the address for its jsonb column."""
    if address is None:
        return None
    # By name: asdict() copies deeply, which every invoice would pay for.
    return {
        "line1": address.line1,
        "line2": address.line2,
        "city": address.city,
        "state": address.state,
        "postal_code": address.postal_code,
        "country": address.country,
    }


def address_from_json(value: Json | None) -> Address | None:
    """Return the address kept in a jsonb column."""
    return None if value is None else Address(**value)


def tax_ids_to_json(tax_ids: Iterable[TaxId]) -> list[Json]:
    """Return tax ids for their jsonb column."""
    return [{"type": tax_id.type, "value": tax_id.value} for tax_id in tax_ids]


def tax_ids_from_json(values: Sequence[Json]) -> tuple[TaxId, ...]:
    """Return the tax ids kept in a jsonb column."""
    return tuple(TaxId(**value) for value in values)


def discounts_to_json(discounts: Iterable[DiscountAmount], currency: str) -> list[Json]:
    """Return discounts for their jsonb column, amounts in minor units of the row's currency."""
    return [{"amount": minor(each.amount, currency), "discount": each.discount} for each in discounts]


def discounts_from_json(
    values: Sequence[Json], currency: str, coupons: Mapping[str, Mapping[str, Any]]
) -> tuple[DiscountAmount, ...]:
    """Return the discounts kept in a jsonb column, with what `coupons` says of theirs."""
    return tuple(
        DiscountAmount(
            amount=Money(value["amount"], currency),
            discount=value["discount"],
            **coupons.get(value["discount"], {}),
        )
        for value in values
    )


def taxes_to_json(taxes: Iterable[Tax], currency: str) -> list[Json]:
    """Return taxes for their jsonb column, amounts in minor units of the row's currency."""
    return [
        {
            "amount": minor(tax.amount, currency),
            "behavior": tax.behavior,
            "reason": tax.reason,
            "rate": tax.rate,
            "taxable_amount": minor_or_none(tax.taxable_amount, currency),
        }
        for tax in taxes
    ]


def taxes_from_json(
    values: Sequence[Json], currency: str, rates: Mapping[str, Mapping[str, Any]]
) -> tuple[Tax, ...]:
    """Return the taxes kept in a jsonb column, with what `rates` says of their rates."""
    return tuple(
        Tax(
            amount=Money(value["amount"], currency),
            behavior=value["behavior"],
            reason=value["reason"],
            rate=value["rate"],
            taxable_amount=money_or_none(value["taxable_amount"], currency),
            **rates.get(value["rate"], {}),
        )
        for value in values
    )
