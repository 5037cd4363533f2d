"""Credit notes in PostgreSQL as their invoice shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from billing.adapters.postgres.instants import utc, utc_or_none
from billing.domain.money import Money
from billing.domain.statuses import CreditNoteStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from billing.domain.credit_note_summaries import CreditNoteSummary

SELECT_OF_INVOICE = """
SELECT id, number, status, currency, total, pre_payment_amount, post_payment_amount, created, effective_at
FROM credit_notes
WHERE invoice = %(id)s AND customer = %(customer)s AND deleted_at IS NULL
ORDER BY created, id"""


def read_summary(row: Mapping[str, Any]) -> CreditNoteSummary:
    """Return what an invoice says of a credit note, from a row of SELECT_OF_INVOICE."""
    # Not at the top: most invoices have none.
    from billing.domain.credit_note_summaries import CreditNoteSummary

    currency = row["currency"]
    return CreditNoteSummary(
        id=row["id"],
        number=row["number"],
        status=CreditNoteStatus(row["status"]),
        total=Money(row["total"], currency),
        pre_payment_amount=Money(row["pre_payment_amount"], currency),
        post_payment_amount=Money(row["post_payment_amount"], currency),
        created=utc(row["created"]),
        effective_at=utc_or_none(row["effective_at"]),
    )
