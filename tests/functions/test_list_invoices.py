"""GET /api/v1/billing/invoices."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from billing.domain.invoices import InvoiceStatus
from billing.entrypoints.routes import LIST_INVOICES
from local.ports import any_free_port
from tests.fakes.objects import T0, an_invoice

if TYPE_CHECKING:
    from tests.support.api import Api
    from tests.support.lambdas import Answer


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [invoice["id"] for invoice in answer.json["data"]]


def test_a_customer_without_invoices_has_an_empty_page(api: Api) -> None:
    """Given a customer whom the mirror does not know, when they list, then the page is empty and the last."""
    answer = api.get(LIST_INVOICES, token=api.customer())
    assert answer.json == {"data": [], "has_more": False, "next_cursor": None}


def test_pages_follow_one_another_to_the_end(api: Api) -> None:
    """Given seven invoices, three of one second, when paged by three, then each comes once, newest first."""
    seconds = [0, 1, 2, 2, 2, 3, 4]
    api.mirror(*(an_invoice(id=f"in_{n}", created=T0 + timedelta(seconds=s)) for n, s in enumerate(seconds)))
    token = api.customer()
    seen: list[str] = []
    query, pages = "limit=3", 0
    while True:
        answer = api.get(LIST_INVOICES, token=token, query=query)
        seen += ids(answer)
        pages += 1
        if not answer.json["has_more"]:
            break
        query = f"limit=3&starting_after={answer.json['next_cursor']}"
    assert (pages, seen) == (3, ["in_6", "in_5", "in_4", "in_3", "in_2", "in_1", "in_0"])


def test_filters_narrow_the_list(api: Api) -> None:
    """Given invoices of several kinds, when filtered, then the matching ones are listed."""
    api.mirror(
        an_invoice(id="in_1"),
        an_invoice(id="in_2", status=InvoiceStatus.PAID, created=T0 + timedelta(days=1)),
        an_invoice("usd", id="in_3", created=T0 + timedelta(days=2)),
    )
    token = api.customer()
    assert ids(api.get(LIST_INVOICES, token=token, query="status=paid")) == ["in_2"]
    assert ids(api.get(LIST_INVOICES, token=token, query="currency=USD")) == ["in_3"]
    day = quote((T0 + timedelta(days=1)).isoformat())
    assert ids(api.get(LIST_INVOICES, token=token, query=f"created_from={day}")) == ["in_3", "in_2"]
    assert ids(api.get(LIST_INVOICES, token=token, query=f"created_to={day}")) == ["in_1"]
    assert ids(api.get(LIST_INVOICES, token=token, query=f"created_to={day}&created_from={day}")) == []


@pytest.mark.parametrize("cursor", ["in_9", "in_other"])
def test_a_cursor_that_is_not_ones_own_is_refused_by_name(api: Api, cursor: str) -> None:
    """Given a cursor of nobody or of another customer, when listed, then 422 names it, the same for both."""
    api.mirror(an_invoice(), an_invoice(id="in_other", customer="cus_2"))
    answer = api.get(LIST_INVOICES, token=api.customer(), query=f"starting_after={cursor}")
    assert (answer.status, answer.json["code"]) == (422, "invalid_parameter")
    assert [error["field"] for error in answer.json["errors"]] == ["starting_after"]
    assert "other" not in answer.json["detail"]


def test_a_limit_out_of_range_is_refused_by_name(api: Api) -> None:
    """Given limit=0, when listed, then 422 names limit in detail and errors."""
    answer = api.get(LIST_INVOICES, token=api.customer(), query="limit=0")
    assert answer.status == 422
    assert answer.json["detail"].startswith("limit:")
    assert answer.json["errors"][0]["field"] == "limit"


def test_credentials_come_before_parameters(api: Api) -> None:
    """Given nobody and a wrong parameter, when listed, then it is 401, not a hint at what is wrong."""
    assert api.get(LIST_INVOICES, query="limit=0").status == 401


@pytest.mark.parametrize("header", ["authorization", "Authorization", "AUTHORIZATION"])
def test_headers_come_in_any_letter_case(api: Api, header: str) -> None:
    """Given any letter case of the header, as `sam local` passes it, when listed, then it is understood."""
    token = api.customer()
    assert api.get(LIST_INVOICES, headers={header: f"Bearer {token}"}).status == 200


def test_a_switched_off_feature_needs_no_database(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given the feature off and the database away, when listed with a key, then 503 feature_disabled."""
    monkeypatch.setenv("FEATURE_FLAGS", '{"invoices": {"default": false}}')
    monkeypatch.setenv("DATABASE_PORT", str(any_free_port()))
    answer = api.get(LIST_INVOICES, token="bk_" + "A" * 43)
    assert (answer.status, answer.json["code"]) == (503, "feature_disabled")


def test_the_database_away_is_503_with_retry_after(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a database that does not answer, when listed, then 503, whoever asks."""
    monkeypatch.setenv("DATABASE_PORT", str(any_free_port()))
    for token in (api.issuer.token(), "bk_" + "A" * 43):
        answer = api.get(LIST_INVOICES, token=token)
        assert (answer.status, answer.json["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
    assert api.get(LIST_INVOICES).status == 401


def test_a_missing_setting_is_500_and_names_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a function deployed without a variable, when called, then 500 without the variable's name."""
    token = api.customer()
    monkeypatch.delenv("FEATURE_FLAGS")
    answer = api.get(LIST_INVOICES, token=token)
    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert b"FEATURE_FLAGS" not in answer.body
