"""The whole line over HTTP only: a signed event in, the invoice and its PDF out."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest

from local.postgres import PostgresServer
from tests.support.http import call, get
from tests.support.local import local, operate
from tests.support.signing import stripe_signature

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.http import Answer

pytestmark = pytest.mark.timeout(900)  # a busy machine takes minutes to deploy the local cloud

INVOICES = "/api/v1/billing/invoices"
PATIENCE = 60.0


@pytest.fixture(scope="session")
def invoices_url(endpoints: dict[str, Any]) -> str:
    """Return the URL of the list of invoices."""
    return f"{endpoints['api_url']}{INVOICES}"


@pytest.fixture(scope="session")
def customer(endpoints: dict[str, Any]) -> str:
    """Return the demo customer's token."""
    return str(endpoints["tokens"]["customer"])


@pytest.fixture(scope="session")
def paid_invoice(invoices_url: str, customer: str) -> dict[str, Any]:
    """Return one paid invoice of the demo customer, as the list shows it."""
    page = get(f"{invoices_url}?status=paid&limit=1", token=customer)
    assert page.status == 200, page.body
    found: dict[str, Any] = page.json["data"][0]
    return found


def _counts(endpoints: dict[str, Any]) -> tuple[int, int]:
    """Return how many events the inbox has, and how many messages the queues hold."""
    with psycopg.connect(endpoints["database_url"]) as connection:
        row = connection.execute("SELECT count(*) FROM stripe_webhook_events").fetchone()
    assert row is not None
    return row[0], _queued(endpoints)


def _queued(endpoints: dict[str, Any]) -> int:
    import boto3  # noqa: PLC0415 -- only this test needs it

    sqs = boto3.client(
        "sqs",
        endpoint_url=endpoints["aws_endpoint_url"],
        region_name="eu-west-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    total = 0
    for url in sqs.list_queues()["QueueUrls"]:
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        total += sum(int(attributes[name]) for name in names)
    return total


def _eventually(check: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s: {what}"
        time.sleep(0.2)


def _send(endpoints: dict[str, Any], body: bytes, signature: str | None) -> Answer:
    headers = {"Content-Type": "application/json"}
    if signature is not None:
        headers["Stripe-Signature"] = signature
    return call("POST", endpoints["webhook_url"], body=body, headers=headers)


def _event(event_id: str, kind: str, invoice: dict[str, Any], created: int) -> bytes:
    return json.dumps(
        {
            "id": event_id,
            "object": "event",
            "api_version": "2026-05-27.dahlia",
            "created": created,
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
            "data": {"object": invoice},
        }
    ).encode()


def _stripe_invoice(endpoints: dict[str, Any], invoice_id: str) -> dict[str, Any]:
    answer = get(
        f"{endpoints['stripe_url']}/v1/invoices/{invoice_id}",
        headers={"Authorization": "Bearer sk_test_local", "Stripe-Version": "2026-05-27.dahlia"},
    )
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def test_a_customer_lists_opens_and_downloads_an_invoice(
    invoices_url: str, customer: str, paid_invoice: dict[str, Any]
) -> None:
    """Given demo invoices, when their customer opens one and its PDF twice, then the second is a 304."""
    detail = get(f"{invoices_url}/{paid_invoice['id']}", token=customer)
    assert detail.status == 200
    assert detail.json["total"] == paid_invoice["total"]
    assert detail.json["lines"]

    first = get(f"{invoices_url}/{paid_invoice['id']}/pdf", token=customer)
    assert first.status == 200, first.body
    assert first.headers["Content-Type"] == "application/pdf"
    assert first.body.startswith(b"%PDF-")
    etag = first.headers["ETag"]
    assert etag.startswith('"')

    again = get(f"{invoices_url}/{paid_invoice['id']}/pdf", token=customer, headers={"If-None-Match": etag})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == etag

    stored = get(f"{invoices_url}/{paid_invoice['id']}/pdf", token=customer)
    assert stored.body == first.body


def test_pages_follow_each_other_without_gap_or_repeat(invoices_url: str, customer: str) -> None:
    """Given more invoices than a page holds, when all pages are read, then each invoice is there once."""
    seen: list[str] = []
    cursor = ""
    while True:
        page = get(f"{invoices_url}?limit=2{cursor}", token=customer).json
        seen += [invoice["id"] for invoice in page["data"]]
        if not page["has_more"]:
            break
        cursor = f"&starting_after={page['next_cursor']}"
    whole = get(f"{invoices_url}?limit=100", token=customer).json
    assert seen == [invoice["id"] for invoice in whole["data"]]
    assert len(seen) == len(set(seen)) > 2


def test_the_long_invoice_has_all_its_lines(endpoints: dict[str, Any]) -> None:
    """Given an invoice of 300 lines, of which an event embeds ten, when it is opened, then all are there."""
    with psycopg.connect(endpoints["database_url"]) as connection:
        row = connection.execute(
            "SELECT count(*) FROM invoice_line_items GROUP BY invoice ORDER BY 1 DESC LIMIT 1"
        ).fetchone()
    assert row == (300,)


@pytest.mark.parametrize("tail", ["", "/pdf"])
def test_another_customers_invoice_does_not_exist(
    endpoints: dict[str, Any], invoices_url: str, paid_invoice: dict[str, Any], tail: str
) -> None:
    """Given one customer's invoice, when another customer asks for it, then it is 404."""
    other = endpoints["tokens"]["other_customer"]
    answer = get(f"{invoices_url}/{paid_invoice['id']}{tail}", token=other)
    assert (answer.status, answer.json["code"]) == (404, "not_found")


def test_an_api_key_is_as_good_as_a_token(
    endpoints: dict[str, Any], invoices_url: str, customer: str
) -> None:
    """Given the customer's API key, when invoices are listed with it, then they are the same."""
    by_key = get(invoices_url, token=endpoints["api_keys"]["customer"])
    assert by_key.status == 200
    assert by_key.json == get(invoices_url, token=customer).json


@pytest.mark.parametrize("token", [None, "bk_" + "A" * 43, "not.a.token"])
def test_no_or_bad_credentials_are_401(invoices_url: str, token: str | None) -> None:
    """Given no credentials or ones that do not hold, when invoices are listed, then it is a 401 problem."""
    answer = get(invoices_url, token=token)
    assert answer.status == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_admin_is_no_customer(endpoints: dict[str, Any], invoices_url: str) -> None:
    """Given an admin's token, when a customer's route is called, then it is 403."""
    assert get(invoices_url, token=endpoints["tokens"]["admin"]).status == 403


def test_a_bad_limit_is_named(invoices_url: str, customer: str) -> None:
    """Given limit=0, when invoices are listed, then it is a 422 problem that names limit."""
    answer = get(f"{invoices_url}?limit=0", token=customer)
    assert answer.status == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["errors"][0]["field"] == "limit"


def test_the_meta_routes_are_open(endpoints: dict[str, Any]) -> None:
    """Given no credentials, when features and info are asked for, then they are answered."""
    features = get(f"{endpoints['api_url']}/api/v1/meta/features")
    assert (features.status, features.json["features"]["invoices"]) == (200, True)
    assert get(f"{endpoints['api_url']}/api/v1/meta/info").status == 200


def test_a_signed_event_becomes_an_invoice_that_its_customer_sees(
    endpoints: dict[str, Any], invoices_url: str, customer: str, paid_invoice: dict[str, Any]
) -> None:
    """Given an invoice of Stripe's, when a copy arrives twice by signed events, then it is listed once."""
    copy = _stripe_invoice(endpoints, paid_invoice["id"])
    copy.update(id="in_e2e_copy", number="E2E-0001", created=int(time.time()))
    body = _event("evt_e2e_copy", "invoice.paid", copy, int(time.time()))
    for _ in range(2):
        answer = _send(endpoints, body, stripe_signature(body, endpoints["webhook_secret"]))
        assert answer.status == 200, answer.body
    url = f"{invoices_url}/in_e2e_copy"
    _eventually(lambda: get(url, token=customer).status == 200, "the invoice is there")
    listed = get(f"{invoices_url}?limit=1", token=customer).json["data"]
    assert [(invoice["id"], invoice["number"]) for invoice in listed] == [("in_e2e_copy", "E2E-0001")]


def test_a_credit_note_of_stripe_becomes_a_pdf(
    endpoints: dict[str, Any], invoices_url: str, customer: str
) -> None:
    """Given an open invoice, when Stripe issues a credit note on it, then its customer downloads that."""
    (invoice, *_) = get(f"{invoices_url}?status=open&limit=1", token=customer).json["data"]
    issued = call(
        "POST",
        f"{endpoints['stripe_url']}/v1/credit_notes",
        body=f"invoice={invoice['id']}&amount=100&reason=duplicate".encode(),
        headers={
            "Authorization": "Bearer sk_test_local",
            "Content-Type": "application/x-www-form-urlencoded",
            "Stripe-Version": "2026-05-27.dahlia",
        },
    )
    assert issued.status == 200, issued.body

    def detail() -> dict[str, Any]:
        found: dict[str, Any] = get(f"{invoices_url}/{invoice['id']}", token=customer).json
        return found

    _eventually(lambda: bool(detail()["credit_notes"]), "the credit note is in the invoice's detail")
    (note,) = detail()["credit_notes"]
    assert (note["id"], note["total"]["amount"]) == (issued.json["id"], 100)
    pdf = get(f"{endpoints['api_url']}{note['pdf_url']}", token=customer)
    assert (pdf.status, pdf.headers["Content-Type"]) == (200, "application/pdf")
    assert pdf.body.startswith(b"%PDF-")
    other = get(f"{endpoints['api_url']}{note['pdf_url']}", token=endpoints["tokens"]["other_customer"])
    assert other.status == 404


def test_bad_signatures_leave_no_trace(endpoints: dict[str, Any]) -> None:
    """Given a wrong, missing, stale or future signature, when it is sent, then 400, and nothing has grown."""
    _eventually(lambda: _queued(endpoints) == 0, "the queues are empty")
    before = _counts(endpoints)
    secret, now = endpoints["webhook_secret"], time.time()
    body = _event("evt_e2e_forged", "invoice.paid", {"id": "in_e2e_forged", "object": "invoice"}, int(now))
    signatures = [
        stripe_signature(body, "whsec_wrong"),
        None,
        stripe_signature(body, secret, at=now - 400),
        stripe_signature(body, secret, at=now + 400),
        stripe_signature(body + b" ", secret),
        "t=,v1=",
    ]
    assert [_send(endpoints, body, signature).status for signature in signatures] == [400] * 6
    for broken in (b"", b"\xff\xfe", b"{", b"[]"):
        assert _send(endpoints, broken, stripe_signature(broken, secret)).status == 400
    assert _counts(endpoints) == before


def test_while_the_database_is_away_reads_are_503_and_no_event_is_lost(
    local_cloud: Path,
    endpoints: dict[str, Any],
    invoices_url: str,
    customer: str,
    paid_invoice: dict[str, Any],
) -> None:
    """Given a database away, then reads are 503 and webhooks 200; when it is back, then all is applied."""
    copy = _stripe_invoice(endpoints, paid_invoice["id"])
    copy.update(id="in_e2e_outage", number="E2E-0002")
    body = _event("evt_e2e_outage", "invoice.paid", copy, int(time.time()))
    server = PostgresServer(local_cloud, urlsplit(endpoints["database_url"]).port or 0, say=lambda _: None)
    server.stop()
    try:
        answer = get(invoices_url, token=customer)
        assert (answer.status, answer.json["code"]) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        sent = _send(endpoints, body, stripe_signature(body, endpoints["webhook_secret"]))
        assert sent.status == 200
    finally:
        restarted = local("dev", "--detach", state=local_cloud)
    assert restarted.returncode == 0, restarted.stdout + restarted.stderr
    _eventually(lambda: get(f"{invoices_url}/in_e2e_outage", token=customer).status == 200, "it was applied")


def test_what_stripe_never_delivered_is_caught_up_with(local_cloud: Path, endpoints: dict[str, Any]) -> None:
    """Given events that were dropped and an object without one, when swept and backfilled, all stand (10)."""
    old = int(time.time()) - 600
    people = [_person(f"cus_e2e_{n}", f"Version {n}", old) for n in range(3)]
    events = [json.loads(_event(f"evt_e2e_missed_{n}", "customer.created", people[n], old)) for n in range(2)]
    loaded = call(
        "PUT",
        f"{endpoints['stripe_url']}/_standin/objects",
        body=json.dumps({"objects": [*people, *events]}).encode(),
        headers={"Content-Type": "application/json"},
    )
    assert loaded.status == 200, loaded.body

    def mirrored() -> dict[str, str]:
        with psycopg.connect(endpoints["database_url"]) as connection:
            rows = connection.execute("SELECT id, name FROM customers WHERE id LIKE 'cus_e2e_%'").fetchall()
        return dict(rows)

    # The schedule may be quicker than the command; then there is nothing left for it.
    swept = operate("sweep", state=local_cloud)
    assert swept.returncode == 0, swept.stdout + swept.stderr
    _eventually(lambda: len(mirrored()) == 2, "the events that were dropped are applied")
    backfilled = operate("backfill", state=local_cloud)
    assert backfilled.returncode == 0, backfilled.stdout + backfilled.stderr
    assert mirrored() == {person["id"]: person["name"] for person in people}

    replayed = operate("replay", "evt_e2e_missed_0", state=local_cloud)
    assert (replayed.returncode, "nothing to do" in replayed.stdout) == (0, True), replayed.stderr
    subscribed = operate("stripe-webhook", state=local_cloud)
    assert subscribed.returncode == 0, subscribed.stdout + subscribed.stderr
    assert "whsec_" not in subscribed.stdout


def _person(customer: str, name: str, created: int) -> dict[str, Any]:
    return {
        "id": customer,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": created,
        "currency": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "livemode": False,
        "name": name,
        "phone": None,
        "preferred_locales": [],
        "tax_exempt": "none",
    }
