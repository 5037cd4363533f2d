"""A mirror and what can be seen of it from outside, for the contracts that fake and PostgreSQL share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.mirror import Mention, NotMirrored, ObjectKind, Observation, Unreadable
from billing.domain.usage_reports import MeterErrors

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.domain.credit_notes import CreditNote
    from billing.domain.invoices import Invoice
    from billing.domain.mirror import StripeEvent, Verdict
    from billing.use_cases.document_ports import CreditNoteReader, InvoiceReader
    from billing.use_cases.mirror_ports import Mirror


@dataclass(frozen=True, slots=True)
class World:
    """A mirror, and what can be seen of it from outside."""

    mirror: Mirror
    reader: InvoiceReader
    outcome: Callable[[str], str | None]
    credit_notes: CreditNoteReader

    def apply(self, event: StripeEvent) -> Verdict:
        """Apply an event's own content, as of its second."""
        assert not isinstance(event.content, Mention | NotMirrored | Unreadable | MeterErrors)
        return self.mirror.apply(event, Observation(event.content, event.created))

    def invoice(self, invoice_id: str = "in_1") -> Invoice | None:
        """Return what a customer sees."""
        return self.reader.get("cus_1", invoice_id)

    def credit_note(self, credit_note_id: str = "cn_1") -> CreditNote | None:
        """Return what a customer sees."""
        return self.credit_notes.get("cus_1", credit_note_id)

    def revision(self, kind: ObjectKind = ObjectKind.INVOICE, object_id: str = "in_1") -> int:
        """Return how often the object was written."""
        standing = self.mirror.standing(kind, object_id)
        return 0 if standing is None else standing.revision
