"""Invoice payments, which the API has since 2025-03-31.basil."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.adapters.stripe.reading import UnreadableError
from billing.domain.payments import InvoicePayment, InvoicePaymentStatus

if TYPE_CHECKING:
    from billing.adapters.stripe.reading import Node

_TYPES = frozenset(("payment_intent", "charge", "payment_record"))


def read_invoice_payment(payment: Node) -> InvoicePayment:
    """Return the snapshot.

    Raises
    ------
    UnreadableError
        A member is missing or not what it should be.
    """
    payment.expect("object", "invoice_payment")
    currency = payment.currency("currency")
    moments = payment.node("status_transitions")
    about = payment.node("payment")
    kind = about.text("type")
    if kind not in _TYPES:
        raise UnreadableError(f"{about.path}.type", "not known")
    return InvoicePayment(
        id=payment.text("id"),
        livemode=payment.flag("livemode"),
        created=payment.instant("created"),
        invoice=payment.reference("invoice"),
        status=payment.choice("status", InvoicePaymentStatus),
        currency=currency,
        amount_requested=payment.money("amount_requested", currency),
        amount_paid=payment.optional_money("amount_paid", currency),
        is_default=payment.flag("is_default"),
        payment_type=kind,
        payment=about.reference(kind),
        paid_at=moments.optional_instant("paid_at"),
        canceled_at=moments.optional_instant("canceled_at"),
    )
