"""How customers ask for a list of their invoices, and what it shows of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from billing.domain.money import Money
    from billing.domain.periods import Period
    from billing.domain.statuses import InvoiceStatus


@dataclass(frozen=True, slots=True)
class InvoiceSummary:
    """What a list of invoices shows."""

    id: str
    number: str | None
    status: InvoiceStatus
    currency: str
    total: Money
    amount_due: Money
    amount_paid: Money
    period: Period
    created: datetime
    due_date: datetime | None


@dataclass(frozen=True, slots=True)
class InvoiceQuery:
    """Which invoices of a customer to list; `created` bounds are half-open: [created_from, created_to)."""

    limit: int = 20
    starting_after: str | None = None
    status: InvoiceStatus | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class InvoicePage:
    """One page, newest first; `next_cursor` continues it and is None on the last page."""

    data: tuple[InvoiceSummary, ...]
    has_more: bool

    @property
    def next_cursor(self) -> str | None:
        """The id to pass as `starting_after` for the next page."""
        return self.data[-1].id if self.has_more else None
