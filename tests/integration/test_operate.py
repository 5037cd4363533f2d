"""The operator's commands, over the real functions, PostgreSQL, SQS, Secrets Manager and a Stripe."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest

from billing.adapters.stripe.events import API_VERSION, STATE_TYPES
from operate.backfill import BackfillBar, backfill
from operate.cloud import Cloud, OperateError
from operate.endpoint import ensure_endpoint
from operate.replay import Follower, inbox, replay_dead
from operate.replay import replay as replay_events
from tests.fakes.stripe_payloads import customer, event, invoice
from tests.fixtures.stripe_data import running_standin
from tests.support.cold_start import cold_start
from tests.support.lambdas import PROJECT, lambda_context, lambda_handler
from tests.support.timed_context import timed_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from types_boto3_lambda import LambdaClient
    from types_boto3_sqs import SQSClient

    from billing.adapters.postgres.connection import Connection, Credentials
    from billing.settings import DatabaseSettings
    from tests.fixtures.stripe_data import RunningStandin

WEBHOOK = "https://webhook.example.com/stripe"


class InProcess:
    """Lambda's client, whose functions run here; between its calls the queue is worked off."""

    def __init__(self, environment: dict[str, str], work: Callable[[], None]) -> None:
        self.environment = environment
        self.work = work
        self.failures = 0
        self.calls: list[str] = []

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """Return what the function answers, as boto3 does."""
        self.calls.append(FunctionName)
        if self.failures:
            self.failures -= 1
            body = json.dumps({"errorMessage": "The database does not answer."}).encode()
            return {"Payload": io.BytesIO(body), "FunctionError": "Unhandled"}
        self.work()
        with cold_start(self.environment):
            answer = lambda_handler(FunctionName)(json.loads(Payload), timed_context())
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


@dataclass
class Operated:
    """A system to be operated."""

    cloud: Cloud
    functions: InProcess
    stripe: RunningStandin
    sqs: SQSClient
    owner: Connection
    out: io.StringIO

    def follower(self, wait: float = 20.0) -> Follower:
        """Return what waits for events to end."""
        return Follower(self.cloud, self.out, wait=wait)

    def told(self) -> str:
        """Return what was printed since the last call."""
        text = self.out.getvalue()
        self.out.seek(0)
        self.out.truncate()
        return text

    def apply(self, *bodies: dict[str, Any]) -> None:
        """Apply events as from the queue."""
        apply_batch(self.functions.environment, [json.dumps(body) for body in bodies])

    def secrets(self) -> list[str]:
        """Return the accepted signing secrets."""
        name = self.cloud.parameters["StripeWebhookSecretArn"]
        text = self.cloud.secrets.get_secret_value(SecretId=name)["SecretString"]
        return list(json.loads(text)["webhook_secrets"])


def apply_batch(environment: dict[str, str], bodies: list[str]) -> None:
    sample = json.loads((PROJECT / "events" / "apply_stripe_events.json").read_bytes())["Records"][0]
    records = [sample | {"messageId": str(n), "body": body} for n, body in enumerate(bodies)]
    with cold_start(environment):
        lambda_handler("apply_stripe_events")({"Records": records}, lambda_context())


@pytest.fixture
def operated(
    aws_endpoint: str,
    unique_name: str,
    database: DatabaseSettings,
    database_secrets: dict[str, Credentials],
    owner: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Operated]:
    monkeypatch.delenv("STRIPE_API_KEY", raising=False)
    credentials = database_secrets["billing_worker"]
    manager, sqs = boto3.client("secretsmanager"), boto3.client("sqs")
    secrets = {
        "database": {"username": credentials.username, "password": credentials.password},
        "stripe": {"api_key": "sk_test_standin"},
        "webhook": {"webhook_secrets": ["whsec_before"]},
    }
    for name, value in secrets.items():
        manager.create_secret(Name=f"{unique_name}-{name}", SecretString=json.dumps(value))
    url = sqs.create_queue(QueueName=unique_name)["QueueUrl"]
    dead = sqs.create_queue(QueueName=f"{unique_name}-dead")["QueueUrl"]
    with running_standin() as stripe:
        environment = {
            "EVENT_QUEUE_URL": url,
            "DATABASE_HOST": database.host,
            "DATABASE_PORT": str(database.port),
            "DATABASE_NAME": database.name,
            "DATABASE_SSL_MODE": database.ssl_mode,
            "DATABASE_SECRET_ID": f"{unique_name}-database",
            "STRIPE_API_KEY_SECRET_ID": f"{unique_name}-stripe",
            "STRIPE_API_BASE": stripe.base_url,
            "STRIPE_LIVEMODE": "false",
            "STRIPE_RATE_LIMIT": "1000",
            "IDEMPOTENCY_TABLE": "",
        }

        def work() -> None:
            while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
                apply_batch(environment, [message["Body"] for message in messages])
                for message in messages:
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

        functions = InProcess(environment, work)
        cloud = Cloud(
            name="billing-test",
            webhook_url=WEBHOOK,
            outputs={
                "BackfillFunctionName": "backfill_stripe_objects",
                "ReplayFunctionName": "replay_stripe_event",
                "StripeEventsQueueUrl": url,
                "DeadStripeEventsQueueUrl": dead,
            },
            parameters={
                "StripeApiBase": stripe.base_url,
                "StripeApiKeySecretArn": f"{unique_name}-stripe",
                "StripeWebhookSecretArn": f"{unique_name}-webhook",
            },
            functions=cast("LambdaClient", functions),
            queues=sqs,
            secrets=manager,
        )
        yield Operated(cloud, functions, stripe, sqs, owner, io.StringIO())


def created(number: int) -> dict[str, Any]:
    return event("customer.created", customer(id=f"cus_{number}"), id=f"evt_{number}")


def test_a_backfill_is_called_until_it_is_done(operated: Operated) -> None:
    """Given more than one call can do, and calls that fail, when backfilled, all is mirrored and shown."""
    operated.stripe.load(*(customer(id=f"cus_{n}") for n in range(250)), invoice())
    operated.functions.failures = 2
    waits: list[float] = []
    assert backfill(operated.cloud, operated.out, seconds=1e-9, sleep=waits.append) == 0
    told = operated.told()
    assert re.search(r"✓ customer +3 pages +250 objects", told)
    assert re.search(r"✓ invoice +1 pages +1 objects", told)
    assert waits == [2.0, 4.0]
    assert len(operated.functions.calls) > 5
    rows = operated.owner.execute("SELECT count(*) AS n FROM customers").fetchall()
    assert rows[0]["n"] == 250


def test_a_backfill_that_goes_on_failing_stops(operated: Operated) -> None:
    """Given a database that stays away, when backfilled, then the command gives up with the reason."""
    operated.functions.failures = 100
    with pytest.raises(OperateError, match="The database does not answer"):
        backfill(operated.cloud, operated.out, sleep=lambda _: None)


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return that it is."""
        return True


def test_on_a_terminal_the_bar_is_one_line_that_moves() -> None:
    """Given a terminal, when a kind goes on, then its line is drawn over, with how far back the list is."""
    clock = iter([0.0, 0.0, 2.0, 3.0])
    out = Terminal()
    bar = BackfillBar(out, clock=lambda: next(clock))
    kind = {
        **dict.fromkeys(("pages", "objects", "fetched", "checked", "deleted", "unreadable"), 0),
        "kind": "invoice",
        "finished": False,
        "stopped": None,
        "oldest": "2024-03-01T00:00:00+00:00",
    }
    bar.show([{**kind, "pages": 1, "objects": 100}])
    bar.show([{**kind, "pages": 11, "objects": 1100}])
    bar.show([{**kind, "pages": 12, "objects": 1200, "finished": True, "deleted": 1}])
    lines = out.getvalue().split("\r\x1b[2K")
    assert "/s" not in lines[1]
    assert "500/s  back to 2024-03-01" in lines[2]
    assert lines[3].startswith("✓ invoice")
    assert lines[3].endswith("1 deleted\n")
    assert out.getvalue().count("\n") == 1


def test_a_quarantined_event_is_replayed_and_followed(operated: Operated) -> None:
    """Given a quarantined event that can be read now, when replayed, then it is said that it applied (11)."""
    operated.apply(created(1))
    operated.owner.execute(
        "INSERT INTO stripe_webhook_events"
        " (id, type, livemode, created, outcome, reason, payload, received_at, ended_at)"
        " VALUES ('evt_2', 'customer.created', false, now(), 'quarantined', 'our fault', %s, now(), now())",
        [json.dumps(created(2))],
    )
    assert replay_events(operated.cloud, ["evt_2"], operated.follower(), operated.out) == 0
    told = operated.told()
    assert "evt_2  queued, from the inbox" in told
    assert re.search(r"evt_2  applied +customer.created", told)
    assert replay_events(operated.cloud, ["evt_1", "evt_none"], operated.follower(), operated.out) == 1
    told = operated.told()
    assert "it has ended, nothing to do" in told
    assert "evt_none  Neither the inbox nor Stripe has this event." in told


def test_an_event_that_is_still_bad_is_quarantined_again(operated: Operated) -> None:
    """Given an event that still cannot be read, when replayed, then the command says so and fails."""
    operated.apply(event("invoice.paid", invoice(total=1.5), id="evt_1"))
    assert replay_events(operated.cloud, ["evt_1"], operated.follower(), operated.out) == 1
    assert "quarantined  invoice.paid" in operated.told()


def test_an_event_that_does_not_end_is_not_waited_for_without_bound(operated: Operated) -> None:
    """Given a queue that nobody works off, when replayed, then the command says that it waits there."""
    operated.stripe.load(created(1))
    operated.functions.work = lambda: None
    assert replay_events(operated.cloud, ["evt_1"], operated.follower(wait=0), operated.out) == 1
    assert "evt_1  not ended within 0 s: waits in the queue" in operated.told()


def test_dead_letters_go_back_and_are_followed(operated: Operated) -> None:
    """Given events and poison among the dead letters, when redriven, then all move and ends are told (11)."""
    dead = operated.cloud.outputs["DeadStripeEventsQueueUrl"]
    for number in range(12):
        operated.sqs.send_message(QueueUrl=dead, MessageBody=json.dumps(created(number)))
    operated.sqs.send_message(QueueUrl=dead, MessageBody="poison")
    assert replay_dead(operated.cloud, operated.follower(), operated.out) == 0
    told = operated.told()
    assert "13 of about 13 messages moved to the queue" in told
    assert re.search(r"12 applied", told)
    assert "Messages" not in operated.sqs.receive_message(QueueUrl=dead)
    assert replay_dead(operated.cloud, operated.follower(), operated.out) == 0


def test_many_dead_letters_are_moved_by_sqs_itself(
    operated: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given more dead letters than are moved one by one, when redriven, then SQS is told to move them."""
    asked: list[str] = []

    class Queues:
        def get_queue_attributes(self, **_: object) -> dict[str, Any]:
            return {"Attributes": {"ApproximateNumberOfMessages": "1001", "QueueArn": "arn:aws:sqs:dead"}}

        def start_message_move_task(self, SourceArn: str) -> None:  # noqa: N803 - boto3's names
            asked.append(SourceArn)

    cloud = replace(operated.cloud, queues=cast("SQSClient", Queues()))
    assert replay_dead(cloud, operated.follower(), operated.out) == 0
    assert asked == ["arn:aws:sqs:dead"]
    assert "1,001 messages are on their way" in operated.told()


def test_where_sqs_has_no_such_task_all_are_moved_one_by_one(
    operated: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a cloud without that task, when there are many dead letters, then each is moved from here."""
    monkeypatch.setattr("operate.replay.MOST_BY_HAND", 2)
    dead = operated.cloud.outputs["DeadStripeEventsQueueUrl"]
    for number in range(12):
        operated.sqs.send_message(QueueUrl=dead, MessageBody=json.dumps(created(number)))
    assert replay_dead(operated.cloud, operated.follower(), operated.out) == 0
    assert "12 of about 12 messages moved" in operated.told()


def test_the_inbox_is_shown_without_payloads(operated: Operated) -> None:
    """Given a quarantined event, when shown, then its reason is there, and its payload when asked for."""
    operated.apply(event("invoice.paid", invoice(total=1.5, footer="canary"), id="evt_1"))
    look: dict[str, Any] = {"outcome": "quarantined", "limit": 20, "payload": False}
    assert inbox(operated.cloud, operated.out, event=None, **look) == 0
    assert inbox(operated.cloud, operated.out, event="evt_1", **look) == 0
    told = operated.told()
    assert told.count("invoice.total: not an integer") == 2
    assert "canary" not in told
    inbox(operated.cloud, operated.out, event="evt_1", **(look | {"payload": True}))
    assert "canary" in operated.told()
    assert inbox(operated.cloud, operated.out, event="evt_none", **look) == 1


def endpoints(operated: Operated) -> list[Any]:
    return list(operated.stripe.client().v1.webhook_endpoints.list().data)


def test_the_endpoint_is_made_once_with_our_types_and_version(operated: Operated) -> None:
    """Given no endpoint, when made twice, then there is one; its secret is stored first, shown nowhere."""
    for _ in range(2):
        assert ensure_endpoint(operated.cloud, operated.out) == 0
    [made] = endpoints(operated)
    assert (made.url, made.api_version) == (WEBHOOK, API_VERSION)
    assert made.enabled_events == list(STATE_TYPES)
    new, old = operated.secrets()
    assert (new.startswith("whsec_"), old) == (True, "whsec_before")
    told = operated.told()
    assert new not in told
    assert f"{made.id} created" in told
    assert f"{made.id} is as it should be" in told


def test_an_endpoint_of_our_version_gets_our_types(operated: Operated) -> None:
    """Given an endpoint for all types that is disabled, when brought up to date, then the secret stays."""
    client = operated.stripe.client()
    params = {"url": WEBHOOK, "enabled_events": ["*"], "api_version": API_VERSION}
    before = client.v1.webhook_endpoints.create(params)
    client.v1.webhook_endpoints.update(before.id, {"disabled": True})
    ensure_endpoint(operated.cloud, operated.out)
    [after] = endpoints(operated)
    assert (after.id, after.status, after.enabled_events) == (before.id, "enabled", list(STATE_TYPES))
    assert operated.secrets() == ["whsec_before"]
    assert "updated" in operated.told()


def test_an_endpoint_of_another_version_gets_a_new_one_beside_it(operated: Operated) -> None:
    """Given an endpoint of an old version, when brought up to date, then both are there, and it is said."""
    client = operated.stripe.client()
    old = client.v1.webhook_endpoints.create(
        {"url": WEBHOOK, "enabled_events": ["invoice.paid"], "api_version": "2020-08-27"}
    )
    client.v1.webhook_endpoints.create({"url": "https://other.example.com/", "enabled_events": ["*"]})
    ensure_endpoint(operated.cloud, operated.out)
    assert f"{old.id} delivers to the same URL in 2020-08-27, which cannot be changed" in operated.told()
    assert len(endpoints(operated)) == 3
    assert len(operated.secrets()) == 2


def test_no_endpoint_stays_whose_secret_could_not_be_stored(operated: Operated) -> None:
    """Given a secret that cannot be written, when the endpoint is made, then it is taken away again."""
    operated.cloud.secrets.delete_secret(
        SecretId=operated.cloud.parameters["StripeWebhookSecretArn"], ForceDeleteWithoutRecovery=True
    )
    with pytest.raises(operated.cloud.secrets.exceptions.ResourceNotFoundException):
        ensure_endpoint(operated.cloud, operated.out)
    assert endpoints(operated) == []


def test_a_key_that_stripe_refuses_is_said(operated: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a key that Stripe does not take, when the endpoint is made, then the message says what to set."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_wrong")
    with pytest.raises(OperateError, match="STRIPE_API_KEY"):
        ensure_endpoint(operated.cloud, operated.out)
