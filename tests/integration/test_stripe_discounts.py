"""Discounts of documents with their coupons, asked of the stand-in and held to Stripe's OpenAPI."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from billing.adapters.postgres.invoices import PostgresInvoiceReader
from billing.adapters.postgres.mirror import PostgresMirror
from billing.adapters.stripe.discounts import read_applied
from billing.adapters.stripe.objects import StripeApi
from billing.adapters.stripe.reading import Node, UnreadableError
from billing.domain.catalogue import Coupon, Discount
from billing.domain.invoices import Invoice
from billing.domain.mirror import Deletion, ObjectKind
from billing.use_cases.apply_stripe_event import ApplyStripeEvent
from tests.fakes.more_payloads import coupon, discount
from tests.fakes.objects import an_event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from billing.adapters.postgres.connection import Database
    from tests.fixtures.stripe_data import RunningStandin
    from tests.support.stripe_openapi import Recorder

KEY = "sk_test_standin"


@pytest.fixture
def api(stripe_standin: RunningStandin) -> Iterator[StripeApi]:
    opened = StripeApi(api_key=lambda _: KEY, base=stripe_standin.base_url, retries=0)
    yield opened
    opened.close()


def discounted(standin: RunningStandin, *coupons: dict[str, Any]) -> Any:
    """Return a finalised invoice of 100.00 with a discount of each coupon."""
    stripe = standin.client().v1
    customer = stripe.customers.create({"name": "Acme"}).id
    made = [stripe.coupons.create(each).id for each in coupons]
    draft = stripe.invoices.create(
        {"customer": customer, "currency": "eur", "discounts": [{"coupon": each} for each in made]}
    )
    stripe.invoices.add_lines(draft.id, {"lines": [{"amount": 10_000, "description": "Seats"}]})
    return stripe.invoices.finalize_invoice(draft.id)


TWENTY = {"percent_off": 20, "duration": "once", "name": "Launch offer"}
GIFT = {"amount_off": 500, "currency": "eur", "duration": "once"}


def test_an_invoice_tells_its_discounts_with_their_coupons(
    api: StripeApi, stripe_standin: RunningStandin, recorder: Recorder
) -> None:
    """Given an invoice with two discounts, when asked for them, then one allowed call tells all of both."""
    made = discounted(stripe_standin, TWENTY, GIFT)
    found = [each.state for each in api.fetch_discounts(ObjectKind.INVOICE, made.id)]
    discounts = [each for each in found if isinstance(each, Discount)]
    coupons = {each.id: each for each in found if isinstance(each, Coupon)}
    assert [each.id for each in discounts] == list(made.discounts)
    assert {each.customer for each in discounts} == {made.customer}
    launch, gift = (coupons[each.coupon or ""] for each in discounts)
    assert (launch.name, launch.percent_off, gift.name) == ("Launch offer", Decimal(20), None)
    assert gift.amount_off is not None
    assert recorder.violations == []


def test_a_credit_note_tells_its_discounts(
    api: StripeApi, stripe_standin: RunningStandin, recorder: Recorder
) -> None:
    """Given a credit note on a discounted invoice, when asked for its discounts, then it tells them too."""
    made = discounted(stripe_standin, TWENTY)
    line = {"type": "invoice_line_item", "invoice_line_item": made.lines.data[0].id, "quantity": 1}
    note = stripe_standin.client().v1.credit_notes.create({"invoice": made.id, "lines": [line]})
    found = [each.state for each in api.fetch_discounts(ObjectKind.CREDIT_NOTE, note.id)]
    assert [type(each) for each in found] == [Discount, Coupon]
    assert recorder.violations == []


def test_a_document_that_stripe_does_not_know_has_no_discounts(api: StripeApi) -> None:
    """Given an invoice that is not there, when asked for its discounts, then there are none."""
    assert api.fetch_discounts(ObjectKind.INVOICE, "in_unknown") == []


@pytest.mark.parametrize("members", [{}, {"total_discount_amounts": "x"}])
def test_a_document_of_another_shape_is_not_read(members: dict[str, Any]) -> None:
    """Given an invoice without its list of discounts, when it is read, then the member is named."""
    with pytest.raises(UnreadableError, match=r"invoice\.total_discount_amounts"):
        list(read_applied(ObjectKind.INVOICE, Node("invoice", members)))


def applied(*shown: dict[str, Any]) -> list[Discount | Coupon | Deletion]:
    """Return what is read of an invoice that shows these discounts."""
    amounts = [{"amount": 1, "discount": each} for each in shown]
    return list(read_applied(ObjectKind.INVOICE, Node("invoice", {"total_discount_amounts": amounts})))


def test_a_discount_that_is_gone_is_a_deletion() -> None:
    """Given a discount that was removed since, when read, then it is a deletion that knows its last state."""
    gone = discount(deleted=True, source={"type": "coupon", "coupon": coupon()})
    del gone["end"]
    (deletion, told) = applied(gone)
    assert deletion == Deletion(ObjectKind.DISCOUNT, "di_1")
    assert isinstance(deletion, Deletion)
    assert isinstance(deletion.last, Discount)
    assert isinstance(told, Coupon)


@pytest.mark.parametrize(
    "source", [{"type": "coupon", "coupon": "LAUNCH"}, {"type": "coupon", "coupon": None}, {"type": "gift"}]
)
def test_what_is_not_told_is_left_out(source: dict[str, Any]) -> None:
    """Given a discount without its coupon, and one with, when read, then the other comes alone."""
    whole = discount(id="di_2", source={"type": "coupon", "coupon": coupon()})
    assert [each.id for each in applied(discount(source=source), whole)] == ["di_2", "LAUNCH"]


def test_two_discounts_of_one_coupon_tell_it_once() -> None:
    """Given two discounts of a coupon, when read, then the coupon comes once."""
    source = {"type": "coupon", "coupon": coupon()}
    found = applied(discount(source=source), discount(id="di_2", source=source))
    assert [each.id for each in found] == ["di_1", "LAUNCH", "di_2"]


def test_a_customer_sees_what_was_learned(
    api: StripeApi,
    stripe_standin: RunningStandin,
    worker_database: Database,
    api_database: Database,
) -> None:
    """Given an invoice whose coupon no event told, when its event is applied, then a reader has the name."""
    made = discounted(stripe_standin, TWENTY)
    fetched = api.fetch(ObjectKind.INVOICE, made.id)
    assert fetched is not None
    assert isinstance(fetched.state, Invoice)
    apply = ApplyStripeEvent(PostgresMirror(worker_database), api, livemode=False)
    apply(replace(an_event("evt_1", fetched.state), created=fetched.as_of))
    shown = PostgresInvoiceReader(api_database).get(made.customer, made.id)
    assert shown is not None
    (whole,), (line,) = shown.discounts, shown.lines
    assert (whole.name, whole.percent_off) == ("Launch offer", Decimal(20))
    assert [each.name for each in line.discounts] == ["Launch offer"]
