"""A mirror, a Stripe and the use case between them, and the events of one invoice."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from billing.adapters.stripe.events import read_event
from billing.domain.invoices import Invoice
from billing.domain.mirror import (
    Deletion,
    Mention,
    NotMirrored,
    ObjectKind,
    Observation,
    StripeEvent,
    Unreadable,
    Verdict,
)
from billing.domain.periods import instant
from billing.domain.usage_reports import MeterErrors
from billing.use_cases.apply_stripe_event import ApplyStripeEvent
from tests.fakes.mirror import FakeMirror
from tests.fakes.stripe_objects import FakeStripeObjects
from tests.fakes.stripe_payloads import (
    CREATED,
    credit_note,
    customer,
    event,
    invoice,
    invoice_payment,
    subscription,
    tax_rate,
)

if TYPE_CHECKING:
    from billing.domain.mirror import (
        Snapshot,
        Standing,
    )

T0 = instant(CREATED)
SECOND = timedelta(seconds=1)


def snapshot(what: str = "invoice.updated", **members: Any) -> Snapshot:
    builders = {
        "invoice": invoice,
        "customer": customer,
        "subscription": subscription,
        "tax_rate": tax_rate,
        "credit_note": credit_note,
        "invoice_payment": invoice_payment,
    }
    builder = builders[what.split(".")[-2]]
    content = read_event(event(what, builder(**members))).content
    assert not isinstance(content, Deletion | Mention | NotMirrored | Unreadable | MeterErrors)
    return content


def an_invoice(status: str = "open", description: str | None = None) -> Invoice:
    content = snapshot(status=status, description=description)
    assert isinstance(content, Invoice)
    return content


def an_event(
    content: Snapshot | Deletion | Mention | NotMirrored | Unreadable, name: str = "evt_1", after: int = 0
) -> StripeEvent:
    return StripeEvent(
        id=name,
        type="invoice.updated",
        created=T0 + after * SECOND,
        livemode=False,
        api_version="2026-05-27.dahlia",
        object_id="in_1",
        content=content,
    )


class MovingMirror:
    """A mirror in which another worker writes between a standing's reading and its settlement."""

    def __init__(self, inner: FakeMirror, times: int) -> None:
        self.inner = inner
        self.left = times
        self.rounds = 0
        self.record = inner.record
        self.apply = inner.apply
        self.apply_all = inner.apply_all
        self.settle = inner.settle
        self.unknown_tax_rates = inner.unknown_tax_rates
        self.unknown_discounts = inner.unknown_discounts

    def standing(self, kind: ObjectKind, object_id: str) -> Standing | None:
        """Return the standing, then let another event move the object."""
        found = self.inner.standing(kind, object_id)
        self.rounds += 1
        if self.left:
            self.left -= 1
            state = an_invoice("open", description=f"rival {self.left}")
            rival = an_event(state, f"evt_rival_{self.left}")
            assert self.inner.settle(rival, Observation(state, T0), found) is Verdict.APPLIED
        return found


class World:
    """A mirror, a Stripe, and the use case between them."""

    def __init__(self, times: int = 0) -> None:
        self.mirror = FakeMirror()
        self.moving = MovingMirror(self.mirror, times)
        self.stripe = FakeStripeObjects(now=T0 + 60 * SECOND)
        self.apply = ApplyStripeEvent(self.moving, self.stripe, livemode=False)

    def state(self, kind: ObjectKind = ObjectKind.INVOICE, object_id: str = "in_1") -> object:
        """Return what the mirror holds of the object."""
        held = self.mirror.held.get((kind, object_id))
        return None if held is None else held.state


DRAFT, OPEN, PAID = (an_invoice(status) for status in ("draft", "open", "paid"))
GONE = Deletion(ObjectKind.INVOICE, "in_1")
