"""The recorded events of every API version, from the function URL to the rows."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from billing.adapters.stripe.events import read_event
from billing.domain.lifecycles import kind_of
from billing.domain.mirror import Deletion, MalformedEventError, Mention, NotMirrored, Unreadable
from simulation.check import unlike
from simulation.kinds import PLACES
from tests.functions.test_stripe_webhook import request
from tests.support.cold_start import cold_start
from tests.support.lambdas import PROJECT, lambda_context, lambda_handler
from tests.support.signing import stripe_signature
from tests.support.timed_context import timed_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from billing.adapters.postgres.connection import Connection
    from billing.domain.mirror import MalformedEvent, Snapshot, StripeEvent
    from tests.support.event_worker import Worker

type Json = dict[str, Any]

SECRET = "whsec_recorded"


def apart(number: int, recorded: Json) -> Json:
    """Return a recorded event about an object of its own, so that no other one overtakes it."""
    about = recorded["data"]["object"]
    named = {"id": f"{about['id']}_{number}"} if isinstance(about.get("id"), str) else {}
    return {**recorded, "id": f"evt_{number}", "data": {**recorded["data"], "object": {**about, **named}}}


def delivered(worker: Worker, events: list[Json]) -> None:
    """Deliver events to the function URL, and what it queues to the function that applies."""
    sqs, url = boto3.client("sqs"), worker.environment["EVENT_QUEUE_URL"]
    webhook, headers = lambda_handler("stripe_webhook"), {}
    for told in events:
        body = json.dumps(told).encode()
        headers["stripe-signature"] = stripe_signature(body, SECRET)
        assert webhook(request(body, headers), lambda_context())["statusCode"] == 200, told["id"]
    sample = json.loads((PROJECT / "events" / "apply_stripe_events.json").read_bytes())["Records"][0]
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        records = [sample | {"messageId": one["MessageId"], "body": one["Body"]} for one in messages]
        assert worker.handler({"Records": records}, timed_context()) == {"batchItemFailures": []}
        done = [{"Id": one["MessageId"], "ReceiptHandle": one["ReceiptHandle"]} for one in messages]
        sqs.delete_message_batch(QueueUrl=url, Entries=done)


def read(told: Json) -> StripeEvent | MalformedEvent:
    try:
        return read_event(told)
    except MalformedEventError as error:
        return error.event


def differences(owner: Connection, state: Snapshot | Deletion) -> Iterator[str]:
    """Yield where the rows are not what the normalised payload says."""
    place = PLACES[kind_of(state).value]
    row = owner.execute(f"SELECT * FROM {place.table} WHERE id = %s", [state.id]).fetchone()  # noqa: S608 - our own names
    if row is None:
        yield "is not in the mirror"
    elif isinstance(state, Deletion):
        yield from () if row["deleted_at"] is not None else ("is not deleted",)
    else:
        below = [
            (
                each,
                owner.execute(
                    f"SELECT * FROM {each.table} WHERE {each.parent} = %s ORDER BY position",  # noqa: S608 - our own names
                    [state.id],
                ).fetchall(),
            )
            for each in place.children
        ]
        yield from unlike(state, row, below, place)


@pytest.fixture
def secret(unique_name: str, aws_endpoint: str) -> Mapping[str, str]:
    assert aws_endpoint
    value = json.dumps({"webhook_secrets": [SECRET]})
    made = boto3.client("secretsmanager").create_secret(Name=f"{unique_name}-webhook", SecretString=value)
    return {"STRIPE_WEBHOOK_SECRET_ID": made["ARN"]}


def test_every_recorded_event_goes_through_the_function_url_and_ends(
    worker: Worker, secret: Mapping[str, str], recorded_events: list[Json]
) -> None:
    """Given 1,339 recorded events, when delivered, each ends; what is applied stands field by field (12)."""
    told = [apart(number, one) for number, one in enumerate(recorded_events)]
    for mode in ("false", "true"):
        ours = [one for one in told if str(one.get("livemode")).lower() == mode]
        if mode == "false":  # what says no mode, or none that is one, ends as well
            ours += [one for one in told if one.get("livemode") not in (True, False)]
        with cold_start({**worker.environment, **secret, "STRIPE_LIVEMODE": mode}):
            delivered(worker, ours)
    inbox = {
        row["id"]: row
        for row in worker.owner.execute("SELECT id, outcome, reason FROM stripe_webhook_events").fetchall()
    }
    assert inbox.keys() == {one["id"] for one in told}
    ends: Counter[str] = Counter()
    for number, one in enumerate(told):
        row, event = inbox[one["id"]], read(one)
        ends[row["outcome"]] += 1
        content = getattr(event, "content", None)
        if row["outcome"] == "applied":
            assert content is not None
            assert not isinstance(content, Mention | Unreadable | NotMirrored), number
            assert list(differences(worker.owner, content)) == [], (number, one["type"], one["api_version"])
        else:
            assert row["outcome"] == ("ignored" if isinstance(content, NotMirrored) else "quarantined")
            assert (row["reason"] is None) is isinstance(content, NotMirrored)
    assert ends["applied"] > 800
    assert ends["quarantined"] < 250
