"""GET /api/v1/billing/credit-notes/{id}/pdf."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing.domain.credit_notes import CreditNoteStatus
from billing.entrypoints import pdf
from billing.entrypoints.routes import GET_CREDIT_NOTE_PDF, GET_INVOICE
from tests.fakes.objects import T0, a_credit_note, a_payment, an_invoice

if TYPE_CHECKING:
    from tests.support.api import Api

CN_1, IN_1 = {"id": "cn_1"}, {"id": "in_1"}


def test_a_credit_note_comes_with_its_tag_and_the_second_time_not_at_all(api: Api) -> None:
    """Given a credit note, when its PDF is fetched, again, and with its tag, then 200, the same, 304."""
    api.mirror(an_invoice(), a_credit_note())
    token = api.customer()
    first, second = (api.get(GET_CREDIT_NOTE_PDF, token=token, path=CN_1) for _ in range(2))
    assert first.status == 200
    assert first.headers["content-type"] == "application/pdf"
    assert first.headers["content-disposition"].startswith(
        'attachment; filename="credit-note-A-0001-CN-01.pdf"'
    )
    assert (first.body, first.headers["etag"]) == (second.body, second.headers["etag"])
    known = {"If-None-Match": first.headers["etag"]}
    again = api.get(GET_CREDIT_NOTE_PDF, token=token, path=CN_1, headers=known)
    assert (again.status, again.body) == (304, b"")


def test_a_credit_note_without_its_invoice_is_there_all_the_same(api: Api) -> None:
    """Given a credit note whose invoice is older than the mirror, when fetched, then there is a PDF."""
    api.mirror(a_credit_note())
    answer = api.get(GET_CREDIT_NOTE_PDF, token=api.customer(), path=CN_1)
    assert answer.status == 200


def test_what_becomes_of_it_is_another_document(api: Api) -> None:
    """Given a credit note, when it is voided or its invoice comes, then the old tag does not hold."""
    api.mirror(a_credit_note())
    token = api.customer()
    tags = [api.get(GET_CREDIT_NOTE_PDF, token=token, path=CN_1).headers["etag"]]
    api.mirror(an_invoice(), after=1)
    tags.append(api.get(GET_CREDIT_NOTE_PDF, token=token, path=CN_1).headers["etag"])
    api.mirror(a_credit_note(status=CreditNoteStatus.VOID, voided_at=T0), after=2)
    void = api.get(GET_CREDIT_NOTE_PDF, token=token, path=CN_1, headers={"If-None-Match": ", ".join(tags)})
    assert void.status == 200
    assert len({*tags, void.headers["etag"]}) == 3


def test_a_large_one_is_a_link(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a credit note over what Lambda can answer, when fetched, then 303 to where it is."""
    monkeypatch.setattr(pdf, "LARGEST", 100)
    api.mirror(a_credit_note())
    answer = api.get(GET_CREDIT_NOTE_PDF, token=api.customer(), path=CN_1)
    assert answer.status == 303
    assert "credit-note-A-0001-CN-01.pdf" in answer.headers["location"]


@pytest.mark.parametrize("credit_note_id", ["cn_none", "in_1", "..", "%"])
def test_what_is_not_there_is_404(api: Api, credit_note_id: str) -> None:
    """Given an unknown or impossible id, or an invoice's, when its PDF is asked for, then 404."""
    api.mirror(an_invoice())
    answer = api.get(GET_CREDIT_NOTE_PDF, token=api.customer(), path={"id": credit_note_id})
    assert (answer.status, answer.json["code"]) == (404, "not_found")


def test_the_invoice_tells_its_credit_notes_and_payments(api: Api) -> None:
    """Given a credited and partly paid invoice, when opened, then both are in the detail."""
    api.mirror(an_invoice(), a_credit_note(), a_payment())
    token = api.customer()
    found = api.get(GET_INVOICE, token=token, path=IN_1).json
    (note,) = found["credit_notes"]
    assert note["total"] == {"amount": 3360, "currency": "eur"}
    assert (note["id"], note["number"], note["status"]) == ("cn_1", "A-0001-CN-01", "issued")
    assert note["pdf_url"] == "/api/v1/billing/credit-notes/cn_1/pdf"
    (payment,) = found["payments"]
    assert payment["payment"] == {"type": "payment_intent", "id": "pi_1"}
    assert (payment["status"], payment["amount_paid"]["amount"]) == ("paid", 1500)
