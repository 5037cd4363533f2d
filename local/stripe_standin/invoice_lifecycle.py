"""What happens to an invoice after its draft: finalized, paid, voided, written off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.stripe_standin import invoice_items, invoice_lines, payment_methods, payments
from local.stripe_standin.call import route
from local.stripe_standin.errors import StripeError
from local.stripe_standin.events import emit
from local.stripe_standin.params import Boolean, Text

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json

_DAY = 86_400


def advance(call: Call, invoice: Json, changes: Json, transition: str | None, *event_types: str) -> Json:
    """Keep the changed invoice, stamp its transition, and emit `invoice.updated` and the given types."""
    before = invoice_lines.view(call.store, invoice)
    stamps = {**invoice["status_transitions"], **({transition: call.now} if transition else {})}
    after = {**invoice, **changes, "status_transitions": stamps}
    call.store.put("invoice", after)
    shown = invoice_lines.view(call.store, after)
    emit(call, "invoice.updated", shown, before=before)
    for event_type in event_types:
        emit(call, event_type, shown)
    return after


def finalize(call: Call, invoice: Json) -> Json:
    """Make a numbered, open invoice of a draft (a paid one if nothing is due) and return it as stored."""
    customer = call.require("customer", invoice["customer"], param="customer")
    sequence = customer["next_invoice_sequence"]
    call.store.put("customer", {**customer, "next_invoice_sequence": sequence + 1})
    changes = {
        "status": "open",
        "number": f"{customer['invoice_prefix']}-{sequence:04d}",
        "ending_balance": 0,
        "effective_at": invoice["effective_at"] or call.now,
        "webhooks_delivered_at": call.now,
    }
    days = invoice.get("_days_until_due")
    if days is not None:
        changes["due_date"] = call.now + days * _DAY
    opened = advance(call, invoice, changes, "finalized_at", "invoice.finalized")
    return settle(call, opened, off_stripe=False) if opened["amount_due"] == 0 else opened


def settle(call: Call, invoice: Json, *, off_stripe: bool, method: Json | None = None) -> Json:
    """Mark the invoice paid in full, by the card if one is given, and return the stored invoice."""
    due = invoice["amount_due"]
    changes = {
        "status": "paid",
        "amount_paid": due,
        "amount_paid_off_stripe": due if off_stripe else 0,
        "amount_remaining": 0,
        "auto_advance": False,
        "attempted": True,
        "attempt_count": invoice["attempt_count"] + (0 if off_stripe or not due else 1),
    }
    succeeded = () if off_stripe else ("invoice.payment_succeeded",)
    paid = advance(call, invoice, changes, "paid_at", "invoice.paid", *succeeded)
    if due and method is not None:
        payments.pay(call, paid, method)
    return paid


def charge(call: Call, invoice: Json) -> Json:
    """Charge the payment method on file and return the stored invoice.

    Raises
    ------
    StripeError
        There is no payment method (400), or the card is declined (402; the attempt is kept).
    """
    customer = call.require("customer", invoice["customer"], param="customer")
    method = (
        call.params.get("payment_method")
        or invoice["default_payment_method"]
        or customer["invoice_settings"]["default_payment_method"]
    )
    if method is None:
        raise StripeError(
            "There is no `default_payment_method` set on this Customer or Invoice. Please attach a payment"
            " method, or pay with `paid_out_of_band`.",
            code="resource_missing",
        )
    card = payment_methods.method_of(call, method)
    if card["card"]["last4"] in payment_methods.DECLINED:
        attempts = {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
        advance(call, invoice, attempts, None, "invoice.payment_failed")
        raise StripeError(
            "Your card was declined.", status=402, kind="card_error", code="card_declined", keep=True
        )
    return settle(call, invoice, off_stripe=False, method=card)


def _stored(call: Call, *statuses: str) -> Json:
    invoice = call.require("invoice", call.path["invoice"])
    if invoice["status"] == "paid" and "paid" not in statuses:
        raise StripeError("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] not in statuses:
        raise StripeError(
            f"This invoice is {invoice['status']}; only {' or '.join(statuses)} invoices can be changed so.",
            code="invoice_not_editable",
        )
    return invoice


def _finalize(call: Call) -> Json:
    invoice = invoice_items.draft(call, call.path["invoice"])
    if "auto_advance" in call.params:
        invoice = {**invoice, "auto_advance": call.params["auto_advance"]}
    return invoice_lines.view(call.store, finalize(call, invoice))


def _pay(call: Call) -> Json:
    invoice = _stored(call, "draft", "open", "uncollectible")
    if invoice["status"] == "draft":
        invoice = finalize(call, invoice)
    if invoice["status"] != "paid":
        if call.params.get("paid_out_of_band"):
            invoice = settle(call, invoice, off_stripe=True)
        else:
            invoice = charge(call, invoice)
    return invoice_lines.view(call.store, invoice)


def _void(call: Call) -> Json:
    invoice = _stored(call, "open", "uncollectible")
    changes = {"status": "void", "auto_advance": False}
    return invoice_lines.view(call.store, advance(call, invoice, changes, "voided_at", "invoice.voided"))


def _mark_uncollectible(call: Call) -> Json:
    invoice = _stored(call, "open")
    changes = {"status": "uncollectible", "auto_advance": False}
    written_off = advance(call, invoice, changes, "marked_uncollectible_at", "invoice.marked_uncollectible")
    return invoice_lines.view(call.store, written_off)


ROUTES = (
    route("POST", "/v1/invoices/{invoice}/finalize", _finalize, {"auto_advance": Boolean()}),
    route(
        "POST",
        "/v1/invoices/{invoice}/pay",
        _pay,
        {"paid_out_of_band": Boolean(), "payment_method": Text()},
    ),
    route("POST", "/v1/invoices/{invoice}/void", _void),
    route("POST", "/v1/invoices/{invoice}/mark_uncollectible", _mark_uncollectible),
)
