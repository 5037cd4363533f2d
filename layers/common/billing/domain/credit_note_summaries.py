"""Credit notes as an invoice shows those that correct it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from billing.domain.money import Money
    from billing.domain.statuses import CreditNoteStatus


@dataclass(frozen=True, slots=True)
class CreditNoteSummary:
    """What an invoice says of a credit note that corrects it."""

    id: str
    number: str
    status: CreditNoteStatus
    total: Money
    pre_payment_amount: Money
    post_payment_amount: Money
    created: datetime
    effective_at: datetime | None
