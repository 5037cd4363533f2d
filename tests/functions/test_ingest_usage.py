"""POST /api/v1/billing/usage/events."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.entrypoints.json_body import LARGEST_BODY
from billing.entrypoints.routes import INGEST_USAGE

if TYPE_CHECKING:
    from tests.support.api import Api
    from tests.support.lambdas import Answer

ONE = "application/cloudevents+json"
MANY = "application/cloudevents-batch+json"


def an_event(event_id: str = "e1", value: object = 5, **more: object) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "/app",
        "type": "api_calls",
        "data": {"value": value},
        **more,
    }


def key_of(api: Api, subject: str = "anna", customer: str = "cus_1") -> str:
    return api.api_key(api.user(subject, customer))


@pytest.fixture
def key(api: Api) -> str:
    return key_of(api)


def send(api: Api, key: str, body: object, content_type: str = MANY, **more: Any) -> Answer:
    return api.send(INGEST_USAGE, body, token=key, content_type=content_type, **more)


def used(api: Api, customer: str = "cus_1") -> Decimal:
    """Return the sum of the raw events, after comparing it with the rollups'."""
    row = api.owner.execute(
        "SELECT (SELECT coalesce(sum(value * quantity), 0) FROM usage_events WHERE customer = %(c)s) AS raw,"
        " (SELECT coalesce(sum(sum), 0) FROM usage_rollups WHERE customer = %(c)s) AS rolled",
        {"c": customer},
    ).fetchone()
    assert row is not None
    assert row["raw"] == row["rolled"]
    found: Decimal = row["raw"]
    return found


def test_a_batch_tells_what_became_of_each_event(api: Api) -> None:
    """Given good events and one of every fault in a batch, when it is sent, then each fares by itself."""
    key = key_of(api)
    old = (datetime.now(UTC) - timedelta(days=36)).isoformat()
    ahead = (datetime.now(UTC) + timedelta(minutes=6)).isoformat()
    answer = send(
        api,
        key,
        [
            an_event("a", 1.5),
            an_event("a", 1.5),
            an_event("a", 2),
            {"id": "b"},
            an_event("c", type="tea"),
            an_event("d", time=old),
            an_event("e", time=ahead),
            an_event("f", "many"),
            an_event("g", data={"value": 1, "region": []}),
            an_event("h", voids="nobody"),
            an_event("i", voids="a", data=None),
            an_event("j", voids="a", data=None),
            "no event",
            an_event("k", "0.5"),
        ],
    )
    assert answer.status == 200, answer.body
    assert (answer.json["accepted"], answer.json["duplicates"]) == (3, 1)
    assert [
        (error["index"], error["id"], error["code"], error["field"]) for error in answer.json["errors"]
    ] == [
        (2, "a", "conflict", "id"),
        (3, "b", "invalid_event", "specversion"),
        (4, "c", "unknown_meter", "type"),
        (5, "d", "too_old", "time"),
        (6, "e", "in_future", "time"),
        (7, "f", "invalid_value", "data.value"),
        (8, "g", "invalid_group", "data.region"),
        (9, "h", "unknown_event", "voids"),
        (11, "j", "already_voided", "voids"),
        (12, None, "invalid_event", "event"),
    ]
    assert used(api) == Decimal("0.5")


@pytest.mark.parametrize("content_type", [ONE, "application/json"])
def test_an_event_alone_is_refused_with_a_status_of_its_own(api: Api, content_type: str) -> None:
    """Given one event, when its id is taken or its value is no number, then it is 409 or 422, not 200."""
    key = key_of(api)
    assert send(api, key, an_event(), content_type).json == {"accepted": 1, "duplicates": 0, "errors": []}
    assert send(api, key, an_event(), content_type).json == {"accepted": 0, "duplicates": 1, "errors": []}
    taken = send(api, key, an_event(value=6), content_type)
    assert (taken.status, taken.json["code"], taken.json["errors"][0]["field"]) == (409, "conflict", "id")
    wrong = send(api, key, an_event("e2", "many"), content_type)
    assert (wrong.status, wrong.json["code"]) == (422, "invalid_value")
    assert wrong.json["errors"][0]["field"] == "data.value"
    assert used(api) == 5


def test_an_event_in_headers_counts(api: Api) -> None:
    """Given the binary mode, when an event is sent so and then as JSON, then it is one event."""
    key = key_of(api)
    headers = {"ce-specversion": "1.0", "ce-id": "e1", "ce-source": "/app", "ce-type": "api_calls"}
    assert send(api, key, {"value": 5}, "application/json", headers=headers).json["accepted"] == 1
    assert send(api, key, an_event(), ONE).json["duplicates"] == 1


def test_an_event_sent_twice_ever_counts_once_and_its_id_stays_taken(api: Api) -> None:
    """Given an event whose rows are gone, when it is sent again, then it is known; changed it is 409."""
    key = key_of(api)
    assert send(api, key, an_event(), ONE).json["accepted"] == 1
    api.owner.execute("DELETE FROM usage_events")
    assert send(api, key, an_event(), ONE).json["duplicates"] == 1
    assert send(api, key, [an_event()] * 3).json["duplicates"] == 3
    assert send(api, key, an_event(value=50), ONE).status == 409
    [error] = send(api, key, [an_event(value=50)]).json["errors"]
    assert error["code"] == "conflict"
    [row] = api.owner.execute("SELECT sum FROM usage_rollups").fetchall()
    assert row["sum"] == 5


def test_the_same_event_of_two_customers_is_two_events(api: Api) -> None:
    """Given two customers, when both send the same source and id, then each has its own result."""
    anna, boris = key_of(api), key_of(api, "boris", "cus_2")
    assert send(api, anna, an_event(value=5), ONE).json["accepted"] == 1
    assert send(api, boris, an_event(value=7), ONE).json["accepted"] == 1
    assert send(api, boris, an_event(value=7, customer="cus1", subject="cus_1"), ONE).status == 409
    assert [used(api, "cus_1"), used(api, "cus_2")] == [5, 7]


@pytest.mark.parametrize("part", ["id", "source"])
def test_a_missing_part_of_the_key_is_422(api: Api, part: str) -> None:
    """Given an event without id or source, when sent, then 422 names what is missing; in a batch it errs."""
    key = key_of(api)
    event = an_event()
    del event[part]
    answer = send(api, key, event, ONE)
    assert (answer.status, answer.json["code"]) == (422, "invalid_event")
    assert answer.json["errors"] == [{"field": part, "reason": "is missing"}]
    [error] = send(api, key, [event, an_event("good")]).json["errors"]
    assert (error["index"], error["field"]) == (0, part)
    assert used(api) == 5


def test_a_resend_without_a_time_is_a_duplicate(api: Api) -> None:
    """Given an event that says no time, when it is sent again later, then it is the same; with a time not."""
    key = key_of(api)
    assert send(api, key, an_event(), ONE).json["accepted"] == 1
    assert send(api, key, an_event(), ONE).json["duplicates"] == 1
    timed = an_event(time=datetime.now(UTC).isoformat())
    assert send(api, key, timed, ONE).status == 409


def test_an_event_replaces_another(api: Api) -> None:
    """Given an event that voids one and has data, when sent twice, then its quantity stands instead."""
    key = key_of(api)
    send(api, key, an_event("wrong", 500), ONE)
    correction = an_event("right", 50, voids="wrong")
    assert send(api, key, correction, ONE).json["accepted"] == 1
    assert send(api, key, correction, ONE).json["duplicates"] == 1
    assert send(api, key, an_event("late", 50, voids="wrong"), ONE).json["code"] == "already_voided"
    assert used(api) == 50


def test_a_batch_of_corrections_is_one_request(api: Api) -> None:
    """Given 300 events of a day, when 200 are voided and 20 replaced at once, then what is left counts."""
    key = key_of(api)
    send(api, key, [an_event(f"e{number}") for number in range(300)])
    voids = [an_event(f"v{number}", voids=f"e{number}", data=None) for number in range(200)]
    replaced = [an_event(f"r{number}", 7, voids=f"e{number}") for number in range(200, 220)]
    answer = send(api, key, voids + replaced)
    assert answer.json == {"accepted": 220, "duplicates": 0, "errors": []}
    assert used(api) == 80 * 5 + 20 * 7


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"{", ONE, 400, "malformed_body"),
        (b'[{"value": NaN}]', MANY, 400, "malformed_body"),
        (b"", ONE, 400, "malformed_body"),
        (b" " * (LARGEST_BODY + 1), MANY, 413, "body_too_large"),
        (b"<a/>", "text/xml", 415, "unsupported_media_type"),
        (json.dumps([an_event(f"e{n}") for n in range(1001)]).encode(), MANY, 422, "invalid_parameter"),
        (json.dumps(an_event()).encode(), MANY, 422, "invalid_parameter"),
    ],
)
def test_what_is_not_events_is_refused_whole(
    api: Api, body: bytes, content_type: str, status: int, code: str
) -> None:
    """Given a body that is no JSON, too large or too many, when it is sent, then nothing of it is kept."""
    answer = send(api, key_of(api), body, content_type)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert used(api) == 0


def test_a_thousand_events_are_one_request(api: Api) -> None:
    """Given 1,000 events, the most, when they are sent and sent again, then all count, and once."""
    key = key_of(api)
    batch = [an_event(f"e{number}", number) for number in range(1000)]
    assert send(api, key, batch).json == {"accepted": 1000, "duplicates": 0, "errors": []}
    assert send(api, key, batch).json == {"accepted": 0, "duplicates": 1000, "errors": []}
    assert used(api) == sum(range(1000))


def test_texts_of_the_greatest_length_are_kept(api: Api) -> None:
    """Given the longest texts that are taken, of the widest characters, when sent, then they are kept."""
    api.owner.execute(
        "INSERT INTO usage_meters (name, display_name, event_type, aggregation, value_property, group_by)"
        " VALUES ('wide', 'Wide', 'wide', 'unique_count', 'user', ARRAY['a', 'b'])"
    )
    wide = "".join(chr(0x10000 + secrets.randbelow(0xFFF0)) for _ in range(255))
    quoted = "".join(secrets.choice('"\\') for _ in range(250))
    event = an_event(wide, type="wide", source="/" + secrets.token_hex(127), subject=wide)
    event["data"] = {"user": wide, "a": quoted, "b": quoted}
    answer = send(api, key_of(api), event, ONE)
    assert answer.json == {"accepted": 1, "duplicates": 0, "errors": []}, answer.body


def test_the_tenant_comes_from_the_key_only(api: Api) -> None:
    """Given an event that claims another customer, when it is sent, then it counts for the key's own."""
    send(
        api,
        key_of(api),
        an_event(subject="cus_2", customer="cus_2", data={"value": 5, "customer": "cus_2"}),
        ONE,
    )
    assert [used(api, "cus_1"), used(api, "cus_2")] == [5, 0]


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("DATABASE_PORT", "1", "unavailable"),
        ("FEATURE_FLAGS", '{"usage_ingest": {"default": false}}', "feature_disabled"),
    ],
)
def test_switched_off_or_away_it_is_503(
    api: Api, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, code: str
) -> None:
    """Given the database away or the feature off, when an event is sent, then 503, to be sent again."""
    key = key_of(api)
    monkeypatch.setenv(variable, value)
    answer = send(api, key, an_event(), ONE)
    assert (answer.status, answer.json["code"]) == (503, code)
    assert int(answer.headers["retry-after"]) > 0


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
_ids = st.text(min_size=1, max_size=3) | _values


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    batch=st.lists(
        st.fixed_dictionaries(
            {
                "specversion": st.just("1.0"),
                "type": st.sampled_from(["api_calls", "user_active", "storage_gb"]),
            },
            optional={
                "id": _ids,
                "source": st.sampled_from(["/a", "/b"]),
                "data": st.fixed_dictionaries(
                    {}, optional={"value": _values, "user": _values, "region": _values}
                ),
                "voids": _ids,
                "subject": _values,
            },
        ),
        max_size=8,
    )
)
def test_whatever_is_sent_every_event_is_accounted_for(
    api: Api, key: str, batch: list[dict[str, object]]
) -> None:
    """Given any batch of JSON, when it is sent, then it is 200, and each event is kept, known or an error."""
    answer = send(api, key, batch)
    assert answer.status == 200, answer.body
    assert answer.json["accepted"] + answer.json["duplicates"] + len(answer.json["errors"]) == len(batch)
    used(api)
