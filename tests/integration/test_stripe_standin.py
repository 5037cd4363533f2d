"""The stand-in of Stripe takes and refuses requests as Stripe does."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.support.http import call

if TYPE_CHECKING:
    from tests.fixtures.stripe_data import RunningStandin
    from tests.support.http import Answer

KEY = {"Authorization": "Bearer sk_test_x"}


def post(standin: RunningStandin, path: str, form: dict[str, str], **headers: str) -> Answer:
    sent = {**KEY, "Content-Type": "application/x-www-form-urlencoded", **headers}
    return call("POST", f"{standin.base_url}{path}", headers=sent, body=urlencode(form).encode())


def get(standin: RunningStandin, path: str) -> Answer:
    return call("GET", f"{standin.base_url}{path}", headers=KEY)


@pytest.mark.parametrize(
    ("authorization", "word"),
    [("", "did not provide"), ("Bearer pk_test_1", "sk_test_"), ("Bearer sk_live_1", "no live key")],
)
def test_only_a_test_key_is_let_in(stripe_standin: RunningStandin, authorization: str, word: str) -> None:
    """Given no secret test key, when anything is asked, then the answer is 401 and says why."""
    answer = call("GET", f"{stripe_standin.base_url}/v1/customers", headers={"Authorization": authorization})

    assert answer.status == 401
    assert word in answer.json["error"]["message"]


def test_basic_authentication_works_as_curl_sends_it(stripe_standin: RunningStandin) -> None:
    """Given the key as basic user name, as in curl -u sk_test_x:, when asked, then it is let in."""
    headers = {"Authorization": "Basic c2tfdGVzdF94Og=="}

    assert call("GET", f"{stripe_standin.base_url}/v1/customers", headers=headers).status == 200


def test_an_endpoint_that_is_not_there_is_named(stripe_standin: RunningStandin) -> None:
    """Given an endpoint of Stripe that the stand-in lacks, when asked, then 404 names method and path."""
    answer = get(stripe_standin, "/v1/quotes")

    assert answer.status == 404
    assert "GET: /v1/quotes" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({"nme": "x"}, "parameter_unknown", "nme"),
        ({"address[planet]": "x"}, "parameter_unknown", "address[planet]"),
        ({"tax_id_data[0][type]": "eu_vat"}, "parameter_missing", "tax_id_data[0][value]"),
        ({"name": "x" * 257}, "parameter_invalid_string_length", "name"),
        ({"name[a]": "x"}, None, "name"),
        ({"metadata": "x"}, None, "metadata"),
    ],
)
def test_a_wrong_parameter_is_refused_and_named(
    stripe_standin: RunningStandin, form: dict[str, str], code: str | None, param: str
) -> None:
    """Given a parameter that Stripe would refuse, when sent, then 400 with Stripe's code names it."""
    answer = post(stripe_standin, "/v1/customers", form)

    assert answer.status == 400
    assert answer.json["error"].get("code") == code
    assert answer.json["error"]["param"] == param


@pytest.mark.parametrize("limit", ["0", "101", "ten"])
def test_a_limit_outside_1_to_100_is_refused(stripe_standin: RunningStandin, limit: str) -> None:
    """Given a limit that is none, when a list is asked for, then 400 names it."""
    answer = get(stripe_standin, f"/v1/customers?limit={limit}")

    assert (answer.status, answer.json["error"]["param"]) == (400, "limit")


def test_json_instead_of_a_form_is_refused(stripe_standin: RunningStandin) -> None:
    """Given a JSON body, when posted, then 400 says that the content type must be a form."""
    headers = {**KEY, "Content-Type": "application/json"}

    answer = call("POST", f"{stripe_standin.base_url}/v1/customers", headers=headers, body=b"{}")

    assert answer.status == 400
    assert "x-www-form-urlencoded" in answer.json["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/customers/cus_no", "/v1/invoices/in_no", "/v1/events/evt_no"])
def test_an_unknown_object_is_resource_missing(stripe_standin: RunningStandin, path: str) -> None:
    """Given an id that is not known, when asked for, then 404 resource_missing."""
    answer = get(stripe_standin, path)

    assert (answer.status, answer.json["error"]["code"]) == (404, "resource_missing")


def test_the_date_header_is_not_after_the_state_that_was_read(stripe_standin: RunningStandin) -> None:
    """Given an event made by a request, when its Date is compared, then it is the event's second."""
    answer = post(stripe_standin, "/v1/customers", {"email": "date@example.com"})
    listed = get(stripe_standin, "/v1/events?limit=1&type=customer.created").json["data"][0]

    told = datetime.strptime(answer.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    assert told.timestamp() == listed["created"]
    assert answer.headers["Request-Id"] == listed["request"]["id"]


def test_the_same_key_gives_the_first_answer_again(stripe_standin: RunningStandin) -> None:
    """Given an idempotency key that was used, when the request is repeated, then nothing new is made."""
    form = {"name": "Once"}
    key = {"Idempotency-Key": "once"}

    first = post(stripe_standin, "/v1/customers", form, **key)
    again = post(stripe_standin, "/v1/customers", form, **key)

    assert again.json == first.json
    assert again.headers["Idempotent-Replayed"] == "true"


def test_the_same_key_with_other_parameters_is_refused(stripe_standin: RunningStandin) -> None:
    """Given an idempotency key that was used, when other parameters come, then idempotency_error."""
    key = {"Idempotency-Key": "other"}
    post(stripe_standin, "/v1/customers", {"name": "One"}, **key)

    answer = post(stripe_standin, "/v1/customers", {"name": "Two"}, **key)

    assert (answer.status, answer.json["error"]["type"]) == (400, "idempotency_error")


def test_a_refused_request_does_not_use_up_its_key(stripe_standin: RunningStandin) -> None:
    """Given a key on a request that was refused, when the right one comes with it, then it is done."""
    key = {"Idempotency-Key": "mended"}
    assert post(stripe_standin, "/v1/customers", {"nme": "x"}, **key).status == 400

    assert post(stripe_standin, "/v1/customers", {"name": "x"}, **key).status == 200


def test_lists_are_newest_first_and_continue_at_a_cursor(stripe_standin: RunningStandin) -> None:
    """Given three customers, when listed by two, then newest first, and the cursor gives the third."""
    api = stripe_standin.client().v1
    made = [api.customers.create({"email": "list@example.com"}).id for _ in range(3)]

    first = api.customers.list({"email": "list@example.com", "limit": 2})
    second = api.customers.list({"email": "list@example.com", "limit": 2, "starting_after": made[1]})

    assert [each.id for each in first.data] == [made[2], made[1]]
    assert first.has_more
    assert [each.id for each in second.data] == [made[0]]
    assert not second.has_more


def test_a_cursor_that_is_not_in_the_list_is_refused(stripe_standin: RunningStandin) -> None:
    """Given an unknown cursor, when a list is continued there, then 400 names starting_after."""
    answer = get(stripe_standin, "/v1/invoices?starting_after=in_no")

    assert (answer.status, answer.json["error"]["param"]) == (400, "starting_after")


def test_objects_can_lie_in_the_past_but_events_cannot(stripe_standin: RunningStandin) -> None:
    """Given X-Standin-Created, when a customer is made, then it is old and its event is new."""
    began = int(time.time())

    customer = post(stripe_standin, "/v1/customers", {}, **{"X-Standin-Created": "1700000000"}).json

    event = get(stripe_standin, "/v1/events?limit=1&type=customer.created").json["data"][0]
    assert customer["created"] == 1_700_000_000
    assert event["data"]["object"]["id"] == customer["id"]
    assert event["created"] >= began
