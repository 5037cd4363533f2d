"""Tax rates in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString

from billing.adapters.postgres.mirror_sql import Write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from billing.domain.tax_rates import TaxRate

_COLUMNS: tuple[LiteralString, ...] = (
    "created",
    "active",
    "display_name",
    "description",
    "percentage",
    "inclusive",
    "country",
    "state",
    "jurisdiction",
    "tax_type",
)

SELECT_UNKNOWN: LiteralString = """
SELECT named.id FROM unnest(%(ids)s::text[]) AS named(id)
WHERE NOT EXISTS (SELECT FROM tax_rates WHERE tax_rates.id = named.id)"""

# A rate is one row with nothing hanging on it: the row's own lock is enough, and no event comes with it.
LEARN: LiteralString = f"""
INSERT INTO tax_rates AS held (id, livemode, as_of, {", ".join(_COLUMNS)})
VALUES (%(id)s, %(livemode)s, %(as_of)s, {", ".join([f"%({name})s" for name in _COLUMNS])})
ON CONFLICT (id) DO UPDATE SET
    {", ".join([f"{name} = excluded.{name}" for name in ("livemode", "as_of", *_COLUMNS)])},
    revision = held.revision + 1
WHERE held.as_of < excluded.as_of AND held.deleted_at IS NULL"""  # noqa: S608 - joined from literals above

SELECT_OF_INVOICE: LiteralString = """
SELECT id, display_name, percentage, country, jurisdiction, tax_type
FROM tax_rates
WHERE deleted_at IS NULL AND id IN (
    SELECT tax ->> 'rate'
    FROM invoices, jsonb_array_elements(taxes) AS tax
    WHERE id = %(id)s AND customer = %(customer)s
    UNION
    SELECT tax ->> 'rate'
    FROM invoice_line_items, jsonb_array_elements(taxes) AS tax
    WHERE invoice = %(id)s AND customer = %(customer)s
)"""

type Rates = Mapping[str, Mapping[str, Any]]
"""What SELECT_OF_INVOICE found, as arguments of a Tax, by the id of the rate."""


def write_tax_rate(rate: TaxRate) -> Write:
    """Return how a tax rate's state is written."""
    return Write(
        table="tax_rates",
        columns=_COLUMNS,
        parameters={
            "id": rate.id,
            "livemode": rate.livemode,
            "created": rate.created,
            "active": rate.active,
            "display_name": rate.display_name,
            "description": rate.description,
            "percentage": rate.percentage,
            "inclusive": rate.inclusive,
            "country": rate.country,
            "state": rate.state,
            "jurisdiction": rate.jurisdiction,
            "tax_type": rate.tax_type,
        },
    )


def delete_tax_rate() -> Write:
    """Return how a deletion is written; Stripe archives rates and deletes none, as far as it says."""
    return Write(table="tax_rates", columns=("deleted_at",), parameters={})


def read_rates(rows: Sequence[Mapping[str, Any]]) -> Rates:
    """Return the rates of rows of SELECT_OF_INVOICE."""
    return {
        row["id"]: {
            "percentage": row["percentage"],
            "name": row["display_name"],
            "country": row["country"],
            "jurisdiction": row["jurisdiction"],
            "tax_type": row["tax_type"],
        }
        for row in rows
    }
