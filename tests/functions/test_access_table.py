"""Every route against every kind of credentials (reliability 30): a new route without a row fails."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from billing.entrypoints.routes import (
    GET_ALERTS,
    GET_CREDIT_NOTE_PDF,
    GET_CURRENT_USAGE,
    GET_FEATURES,
    GET_INFO,
    GET_INVOICE,
    GET_INVOICE_PDF,
    GET_INVOICE_XML,
    GET_USAGE_HISTORY,
    INGEST_USAGE,
    LIST_INVOICES,
    PUT_ALERTS,
    ROUTES,
)
from tests.fakes.objects import a_credit_note, an_invoice
from tests.support.contract import operations
from tests.support.einvoices import a_reverse_charge_invoice
from tests.support.issuer import rsa_key

if TYPE_CHECKING:
    from tests.support.api import Api

# What a route answers; 200 on the list says nothing of whose invoices are on it: a test below does.
ANYONE = dict.fromkeys(
    (
        "own token",
        "own API key",
        "another customer's token",
        "another customer's API key",
        "none",
        "garbage",
        "expired token",
        "token of the future",
        "token for another audience",
        "token of another issuer",
        "token with another key",
        "token of nobody",
        "token of a disabled user",
        "API key of a disabled user",
        "revoked API key",
        "unknown API key",
        "admin's token",
        "admin's API key",
    ),
    "200",
)
REFUSED = "401 invalid_credentials"
CUSTOMERS = dict.fromkeys(ANYONE, REFUSED) | {
    "own token": "200",
    "own API key": "200",
    "another customer's token": "200",
    "another customer's API key": "200",
    "none": "401 missing_credentials",
    "admin's token": "403 forbidden",
    "admin's API key": "403 forbidden",
}
OWN_OBJECT = CUSTOMERS | {
    "another customer's token": "404 not_found",
    "another customer's API key": "404 not_found",
}
# What a program of the customer's does, and nobody in a browser.
API_KEYS_ONLY = CUSTOMERS | {"own token": "403 forbidden", "another customer's token": "403 forbidden"}
TABLE = {
    GET_FEATURES.key: ANYONE,
    GET_INFO.key: ANYONE,
    LIST_INVOICES.key: CUSTOMERS,
    GET_INVOICE.key: OWN_OBJECT,
    GET_INVOICE_PDF.key: OWN_OBJECT,
    GET_INVOICE_XML.key: OWN_OBJECT,
    GET_CREDIT_NOTE_PDF.key: OWN_OBJECT,
    GET_CURRENT_USAGE.key: CUSTOMERS,
    GET_USAGE_HISTORY.key: CUSTOMERS,
    INGEST_USAGE.key: API_KEYS_ONLY,
    GET_ALERTS.key: CUSTOMERS,
    PUT_ALERTS.key: CUSTOMERS,
}
BODIES: dict[str, bytes] = {INGEST_USAGE.key: b"[]", PUT_ALERTS.key: b'{"thresholds": []}'}
QUERIES = {GET_USAGE_HISTORY.key: "meter=api_calls"}


STRANGER = rsa_key()


@dataclass(frozen=True)
class People:
    """Tokens and API keys by what they are."""

    credentials: dict[str, str | None]


@pytest.fixture
def people(api: Api) -> People:
    """Sign everybody in, each with what is right or wrong about them."""
    token = api.issuer.token
    anna, boris = api.user("anna", "cus_1"), api.user("boris", "cus_2")
    admin, gone = api.user("admin", None), api.user("gone", "cus_1", disabled=True)
    now = int(time.time())
    return People(
        {
            "own token": token(sub="anna"),
            "own API key": api.api_key(anna),
            "another customer's token": token(sub="boris"),
            "another customer's API key": api.api_key(boris),
            "none": None,
            "garbage": "garbage",
            "expired token": token(sub="anna", exp=now - 3600),
            "token of the future": token(sub="anna", nbf=now + 3600),
            "token for another audience": token(sub="anna", aud="another"),
            "token of another issuer": token(sub="anna", iss="https://issuer.example"),
            "token with another key": token(STRANGER, sub="anna"),
            "token of nobody": token(sub="nobody"),
            "token of a disabled user": token(sub="gone"),
            "API key of a disabled user": api.api_key(gone),
            "revoked API key": api.api_key(anna, revoked=True),
            "unknown API key": "bk_" + "A" * 43,
            "admin's token": token(sub="admin"),
            "admin's API key": api.api_key(admin),
        }
    )


def test_every_route_has_a_row() -> None:
    """Given the routes of the code and of the contract, when the table is read, then each has a row."""
    assert set(TABLE) == set(ROUTES) == set(operations())


@pytest.mark.parametrize("key", sorted(ROUTES))
def test_a_route_answers_each_caller_as_its_row_says(key: str, api: Api, people: People) -> None:
    """Given every kind of credentials, when a route is called, then it answers as its row says."""
    # Ids of two kinds may be equal: nothing but the route tells which is asked for.
    api.mirror(a_reverse_charge_invoice(), a_credit_note(id="in_1"))
    found = {}
    for kind, token in people.credentials.items():
        path = {"id": "in_1"} if "{id}" in key else None
        answer = api.get(
            ROUTES[key], token=token, path=path, query=QUERIES.get(key, ""), body=BODIES.get(key)
        )
        code = f" {answer.json['code']}" if answer.status >= 400 else ""
        found[kind] = f"{answer.status}{code}"
    assert found == TABLE[key]


def test_each_customer_lists_their_own(api: Api, people: People) -> None:
    """Given two customers with an invoice each, when they list, then each sees only their own."""
    api.mirror(an_invoice(), an_invoice(id="in_2", customer="cus_2"))
    for kind, expected in (("own", ["in_1"]), ("another customer's", ["in_2"])):
        for credential in ("token", "API key"):
            answer = api.get(LIST_INVOICES, token=people.credentials[f"{kind} {credential}"])
            assert [invoice["id"] for invoice in answer.json["data"]] == expected


def test_a_revoked_key_stops_at_once(api: Api) -> None:
    """Given a key that works, when it is revoked, then the very next request is refused."""
    user = api.user("anna", "cus_1")
    key = api.api_key(user)
    assert api.get(LIST_INVOICES, token=key).status == 200
    api.owner.execute("UPDATE api_keys SET revoked_at = now() WHERE user_id = %s", (user,))
    assert api.get(LIST_INVOICES, token=key).status == 401


def test_no_credentials_reach_a_log_line(
    api: Api, people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given every kind of credentials, when they are presented, then no log line has any of them."""
    for token in people.credentials.values():
        api.get(LIST_INVOICES, token=token)
    captured = capsys.readouterr()
    logged = captured.out + captured.err
    assert "identified" in logged
    for kind, token in people.credentials.items():
        if token is not None:
            assert token not in logged, kind
            assert token.rpartition(".")[2] not in logged, kind
