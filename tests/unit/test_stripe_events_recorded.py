from __future__ import annotations

from typing import Any

from billing.adapters.stripe.event_types import DELETION_TYPES, SNAPSHOT_TYPES
from billing.adapters.stripe.events import read_event
from billing.domain.charges import Charge
from billing.domain.customers import Customer
from billing.domain.invoices import Invoice
from billing.domain.mirror import Mention, NotMirrored, Unreadable
from billing.domain.payment_intents import PaymentIntent
from billing.domain.payments import InvoicePayment, InvoicePaymentStatus


def test_every_recorded_event_is_read(zulip_events: list[dict[str, Any]]) -> None:
    """Given the 694 recorded events, when they are read, then none is unreadable or has to be asked for."""
    read = [read_event(event) for event in zulip_events]
    assert len(read) == 694
    assert [event.content for event in read if isinstance(event.content, Unreadable | Mention)] == []


def test_exactly_the_mirrored_types_have_a_state(zulip_events: list[dict[str, Any]]) -> None:
    """Given the recorded events, when they are read, then only the other types are ignored."""
    for payload in zulip_events:
        mirrored = payload["type"] in SNAPSHOT_TYPES | DELETION_TYPES
        assert isinstance(read_event(payload).content, NotMirrored) is not mirrored


def test_a_recorded_state_says_what_its_payload_says(zulip_events: list[dict[str, Any]]) -> None:
    """Given the recorded events, when they are read, then amounts, statuses and lines are the payload's."""
    for payload in zulip_events:
        told, content = payload["data"]["object"], read_event(payload).content
        if isinstance(content, Customer):
            assert (content.id, content.email, content.balance) == (
                told["id"],
                told["email"],
                told["balance"],
            )
        if isinstance(content, Invoice):
            assert (content.id, content.status, content.total.amount) == (
                told["id"],
                told["status"],
                told["total"],
            )
            assert [(line.id, line.amount.amount, line.description) for line in content.lines] == [
                (line["id"], line["amount"], line["description"]) for line in told["lines"]["data"]
            ]


def test_recorded_payments_are_read(zulip_events: list[dict[str, Any]]) -> None:
    """Given the recorded invoice_payment.paid, when they are read, then each is a payment that was made."""
    read = [
        (event["data"]["object"], read_event(event).content)
        for event in zulip_events
        if event["type"] == "invoice_payment.paid"
    ]
    assert len(read) > 10
    for told, content in read:
        assert isinstance(content, InvoicePayment)
        assert content.status is InvoicePaymentStatus.PAID
        assert content.amount_paid is not None
        assert (content.amount_paid.amount, content.invoice) == (told["amount_paid"], told["invoice"])
        assert (content.payment_type, content.payment) == (
            "payment_intent",
            told["payment"]["payment_intent"],
        )
        assert content.paid_at is not None


def test_recorded_payment_intents_and_charges_say_what_their_payloads_say(
    zulip_events: list[dict[str, Any]],
) -> None:
    """Given recorded payment intents and charges, when they are read, then each member is the payload's."""
    read = [(event["data"]["object"], read_event(event).content) for event in zulip_events]
    intents = [(told, content) for told, content in read if isinstance(content, PaymentIntent)]
    charges = [(told, content) for told, content in read if isinstance(content, Charge)]
    assert (len(intents), len(charges)) == (110, 32)
    for told, intent in intents:
        amounts = ("amount", "amount_received", "amount_capturable")
        assert [getattr(intent, name).amount for name in amounts] == [told[name] for name in amounts]
        plain = ("id", "status", "currency", "customer", "description", "payment_method", "latest_charge")
        assert [getattr(intent, name) for name in plain] == [told[name] for name in plain]
        error = told["last_payment_error"] or {}
        assert (intent.error_code, intent.decline_code) == (error.get("code"), error.get("decline_code"))
        assert (intent.canceled_at is None) is (told["canceled_at"] is None)
    for told, charge in charges:
        amounts = ("amount", "amount_captured", "amount_refunded")
        assert [getattr(charge, name).amount for name in amounts] == [told[name] for name in amounts]
        plain = ("id", "status", "customer", "payment_intent", "balance_transaction", "captured", "refunded")
        assert [getattr(charge, name) for name in plain] == [told[name] for name in plain]
        assert charge.payment_method_type == told["payment_method_details"]["type"]
        assert (charge.outcome_type, charge.outcome_reason) == (
            told["outcome"]["type"],
            told["outcome"]["reason"],
        )
