"""Tax rates in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


SELECT_UNKNOWN: LiteralString = """
SELECT named.id FROM unnest(%(ids)s::text[]) AS named(id)
WHERE NOT EXISTS (SELECT FROM tax_rates WHERE tax_rates.id = named.id)"""

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

SELECT_OF_CREDIT_NOTE: LiteralString = """
SELECT id, display_name, percentage, country, jurisdiction, tax_type
FROM tax_rates
WHERE deleted_at IS NULL AND id IN (
    SELECT tax ->> 'rate'
    FROM credit_notes, jsonb_array_elements(taxes) AS tax
    WHERE id = %(id)s AND customer = %(customer)s
    UNION
    SELECT tax ->> 'rate'
    FROM credit_note_line_items, jsonb_array_elements(taxes) AS tax
    WHERE credit_note = %(id)s AND customer = %(customer)s
)"""

type Rates = Mapping[str, Mapping[str, Any]]
"""What SELECT_OF_INVOICE or SELECT_OF_CREDIT_NOTE found, as arguments of a Tax, by the id of the rate."""


def read_rates(rows: Sequence[Mapping[str, Any]]) -> Rates:
    """Return the rates of rows of SELECT_OF_INVOICE or SELECT_OF_CREDIT_NOTE."""
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
