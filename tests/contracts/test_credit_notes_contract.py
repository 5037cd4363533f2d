"""What every Mirror promises about credit notes and payments, and every reader shows of them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from billing.domain.credit_note_summaries import CreditNoteSummary
from billing.domain.credit_notes import CreditNoteStatus
from billing.domain.mirror import Deletion, ObjectKind, Observation, Standing, Verdict
from billing.domain.payments import InvoicePaymentStatus
from tests.fakes.objects import (
    SECOND,
    T0,
    a_credit_note,
    a_credit_note_line,
    a_payment,
    a_tax_rate,
    an_event,
    an_invoice,
)

if TYPE_CHECKING:
    from billing.domain.mirror import Snapshot
    from tests.support.mirror_world import World


@pytest.mark.parametrize(
    ("state", "later"),
    [
        (a_credit_note(), a_credit_note(status=CreditNoteStatus.VOID, voided_at=T0)),
        (a_payment(status=InvoicePaymentStatus.OPEN, amount_paid=None, paid_at=None), a_payment()),
    ],
    ids=lambda state: type(state).__name__,
)
def test_they_are_mirrored_like_everything_else(world: World, state: Snapshot, later: Snapshot) -> None:
    """Given events of an object, when they come early, late, twice and tied, then the newest state stands."""
    assert world.apply(an_event("evt_2", later, after=2)) is Verdict.APPLIED
    assert world.apply(an_event("evt_1", state, after=1)) is Verdict.STALE
    assert world.apply(an_event("evt_2", later, after=2)) is Verdict.DUPLICATE
    assert world.apply(an_event("evt_3", state, after=2)) is Verdict.TIE
    (kind,) = (kind for kind in ObjectKind if world.mirror.standing(kind, state.id) is not None)
    status = getattr(later, "status", None)
    assert world.mirror.standing(kind, state.id) == Standing(1, T0 + 2 * SECOND, status, deleted=False)


def test_every_field_of_a_credit_note_survives(world: World) -> None:
    """Given a credit note with refunds, taxes and a custom line, when mirrored, then it reads back equal."""
    world.apply(an_event("evt_1", a_credit_note()))
    assert world.credit_note() == a_credit_note()


def test_a_sparse_credit_note_is_read_as_it_is(world: World) -> None:
    """Given a credit note with every optional field empty, when read, then they are still empty."""
    names = "reason memo total_excluding_tax out_of_band_amount customer_balance_transaction effective_at"
    empty: dict[str, Any] = dict.fromkeys(names.split())
    line = a_credit_note_line(description=None, quantity=None, unit_amount=None, discounts=(), taxes=())
    note = a_credit_note(**empty, refunds=(), discounts=(), taxes=(), lines=(line,))
    world.apply(an_event("evt_1", note))
    assert world.credit_note() == note


def test_a_newer_state_replaces_the_lines(world: World) -> None:
    """Given a credit note of two lines, when a newer state has another one, then exactly that stands."""
    world.apply(an_event("evt_1", a_credit_note()))
    void = a_credit_note(status=CreditNoteStatus.VOID, voided_at=T0, lines=(a_credit_note_line(3),))
    assert world.apply(an_event("evt_2", void, after=1)) is Verdict.APPLIED
    assert world.credit_note() == void


def test_lines_stay_in_stripes_order(world: World) -> None:
    """Given a credit note of 120 lines whose ids are in no order, when read, then the order is Stripe's."""
    lines = tuple(a_credit_note_line(1, id=f"cnli_{number * 7919 % 120}") for number in range(120))
    world.apply(an_event("evt_1", a_credit_note(lines=lines)))
    assert world.credit_note() == a_credit_note(lines=lines)


def test_a_credit_note_tells_what_its_rates_say(world: World) -> None:
    """Given a credit note mirrored before its rate, when read, then its taxes say what the rate says."""
    world.apply(an_event("evt_1", a_credit_note()))
    world.mirror.apply_all([(None, Observation(a_tax_rate(), T0))])
    note = world.credit_note()
    assert note is not None
    taxes = [*note.taxes, *(tax for line in note.lines for tax in line.taxes)]
    assert {(tax.percentage, tax.name, tax.tax_type) for tax in taxes} == {(Decimal("19.5"), "MwSt.", "vat")}


@pytest.mark.parametrize("credit_note_id", ["cn_none", "cn_2", "cn_3"])
def test_a_credit_note_not_there_is_none(world: World, credit_note_id: str) -> None:
    """Given an unknown, a foreign and a deleted one, when read, then the caller cannot tell which."""
    world.apply(an_event("evt_1", a_credit_note(id="cn_2", customer="cus_2")))
    world.apply(an_event("evt_2", a_credit_note(id="cn_3")))
    world.apply(an_event("evt_3", Deletion(ObjectKind.CREDIT_NOTE, "cn_3"), after=1))
    assert world.credit_note(credit_note_id) is None


def test_an_invoice_lists_its_credit_notes_and_payments(world: World) -> None:
    """Given notes and payments of two invoices, when one is read, then it has its own, oldest first."""
    notes = [
        a_credit_note(id="cn_2", number="A-0001-CN-02", created=T0 + 9 * SECOND, effective_at=None),
        a_credit_note(),
        a_credit_note(id="cn_3", invoice="in_2"),
    ]
    payments = [
        a_payment(id="inpay_2", paid_at=T0 + 9 * SECOND),
        a_payment(),
        a_payment(id="p", invoice="in_2"),
    ]
    states: list[Snapshot] = [an_invoice(), *notes, *payments]
    for number, state in enumerate(states):
        assert world.apply(an_event(f"evt_{number}", state)) is Verdict.APPLIED
    found = world.invoice()
    assert found is not None
    assert [note.id for note in found.credit_notes] == ["cn_1", "cn_2"]
    told = notes[1]
    assert found.credit_notes[0] == CreditNoteSummary(
        told.id,
        told.number,
        told.status,
        told.total,
        told.pre_payment_amount,
        told.post_payment_amount,
        told.created,
        told.effective_at,
    )
    assert found.payments == (payments[1], payments[0])
    assert replace(found, credit_notes=(), payments=()) == an_invoice()


def test_nobody_sees_what_belongs_to_anothers_invoice(world: World) -> None:
    """Given another customer's invoice with a payment and this one's note on it, when read, then no trace."""
    world.apply(an_event("evt_1", an_invoice(customer="cus_2")))
    world.apply(an_event("evt_2", a_payment()))
    world.apply(an_event("evt_3", a_credit_note()))
    assert world.invoice() is None
    found = world.reader.get("cus_2", "in_1")
    assert found is not None
    assert (found.credit_notes, len(found.payments)) == ((), 1)
