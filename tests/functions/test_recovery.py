"""The sweep, the backfill and the replay as Lambda runs them: real handlers, PostgreSQL, SQS and a Stripe."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.fakes.stripe_payloads import customer, event, invoice, item, line, subscription
from tests.fixtures.stripe_data import running_standin
from tests.support.cold_start import cold_start
from tests.support.lambdas import PROJECT, lambda_context, lambda_handler
from tests.support.timed_context import TimedContext, timed_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from types_boto3_sqs import SQSClient

    from billing.adapters.postgres.connection import Connection, Credentials
    from billing.settings import DatabaseSettings
    from tests.fixtures.stripe_data import RunningStandin

type Handler = Callable[[Any, LambdaContext], dict[str, Any]]


@dataclass
class Recovery:
    """The functions, and what is behind them."""

    environment: dict[str, str]
    owner: Connection
    stripe: RunningStandin
    sqs: SQSClient
    queue: str
    handlers: dict[str, Handler] = field(default_factory=dict)

    def call(self, function: str, payload: dict[str, Any] | None = None) -> dict[str, Any]:
        """Invoke a function; everything is as after a cold start."""
        handler = lambda_handler(function)
        with cold_start(self.environment):
            return handler(payload or {}, timed_context())

    def sweep(self) -> dict[str, Any]:
        """Sweep once."""
        return self.call("sweep_stripe_events")

    def backfill(self) -> dict[str, Any]:
        """Backfill once, and return the kinds by name."""
        done = self.call("backfill_stripe_objects")
        assert done["finished"], done
        return {kind["kind"]: kind for kind in done["kinds"]}

    def bodies(self) -> list[dict[str, Any]]:
        """Take everything from the queue."""
        found = []
        while messages := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def apply(self, *events: dict[str, Any]) -> None:
        """Apply events as from the queue."""
        sample = json.loads((PROJECT / "events" / "apply_stripe_events.json").read_bytes())["Records"][0]
        records = [sample | {"messageId": str(n), "body": json.dumps(one)} for n, one in enumerate(events)]
        handler = lambda_handler("apply_stripe_events")
        with cold_start(self.environment):
            handler({"Records": records}, lambda_context())

    def column(self, query: Any) -> list[Any]:
        """Return the first column of what the owner sees."""
        return [next(iter(row.values())) for row in self.owner.execute(query).fetchall()]


@pytest.fixture
def recovery(
    aws_endpoint: str,
    unique_name: str,
    database: DatabaseSettings,
    database_secrets: dict[str, Credentials],
    owner: Connection,
) -> Iterator[Recovery]:
    credentials = database_secrets["billing_worker"]
    secrets = {
        "database": {"username": credentials.username, "password": credentials.password},
        "stripe": {"api_key": "sk_test_standin"},
    }
    manager = boto3.client("secretsmanager")
    for name, value in secrets.items():
        manager.create_secret(Name=f"{unique_name}-{name}", SecretString=json.dumps(value))
    sqs: SQSClient = boto3.client("sqs")
    url = sqs.create_queue(QueueName=unique_name)["QueueUrl"]
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
        yield Recovery(environment, owner, stripe, sqs, url)


def counted(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """Return the sum of each metric."""
    sums: dict[str, float] = {}
    for text in capsys.readouterr().out.splitlines():
        entry = json.loads(text)
        for definition in entry.get("_aws", {}).get("CloudWatchMetrics", [{}])[0].get("Metrics", []):
            name = definition["Name"]
            sums[name] = sums.get(name, 0) + sum(entry[name])
    return sums


def old_event(number: int, what: str = "customer.created", created: int | None = None) -> dict[str, Any]:
    about = customer(id=f"cus_{number}")
    made = {} if created is None else {"created": created}
    return event(what, about, id=f"evt_{number:04}", **made)


def test_the_sample_schedule_sweeps(recovery: Recovery, capsys: pytest.CaptureFixture[str]) -> None:
    """Given events that never came, when the schedule calls, then they are queued and counted (10)."""
    now = recovery.column("SELECT extract(epoch FROM now())::bigint")[0]
    # More than a page, many of them of one second.
    missed = [old_event(n, created=now - 3600 - n // 40) for n in range(230)]
    recovery.stripe.load(*missed, old_event(900, "account.updated", now - 3600), old_event(901, created=now))
    recovery.apply(*missed[:30])
    capsys.readouterr()
    sample = json.loads((PROJECT / "events" / "sweep_stripe_events.json").read_bytes())
    swept = recovery.call("sweep_stripe_events", sample)
    assert (swept["listed"], swept["missing"], swept["queued"]) == (230, 200, 200)
    sums = counted(capsys)
    assert (sums["StripeEventsMissed"], sums["SweepsFinished"]) == (200, 1)
    assert 120 <= sums["SecondsSinceSweep"] < 300
    queued = recovery.bodies()
    assert sorted(one["id"] for one in queued) == [one["id"] for one in missed[30:]]
    assert recovery.sweep()["missing"] == 0
    recovery.apply(*queued)
    assert recovery.column("SELECT count(*) FROM customers") == [230]


def test_a_sweep_that_fails_says_why_and_goes_on(recovery: Recovery) -> None:
    """Given the queue gone in the middle of an outage, when it is back, then the next run catches up."""
    now = recovery.column("SELECT extract(epoch FROM now())::bigint")[0]
    recovery.stripe.load(*(old_event(n, created=now - 86_400) for n in range(3)))
    environment = dict(recovery.environment)
    recovery.environment["EVENT_QUEUE_URL"] += "-gone"
    with pytest.raises(Exception, match="queue"):
        recovery.sweep()
    assert recovery.column("SELECT error FROM stripe_sweeps") == [
        "UnavailableError: The queue does not answer."
    ]
    recovery.environment = environment
    assert recovery.sweep()["queued"] == 3
    assert recovery.column("SELECT error FROM stripe_sweeps") == [None]


def test_a_sweep_short_of_time_goes_on_with_the_next(
    recovery: Recovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given 30 seconds left, when the schedule calls again and again, then each call does one page."""
    now = recovery.column("SELECT extract(epoch FROM now())::bigint")[0]
    recovery.stripe.load(*(old_event(n, created=now - 86_400) for n in range(150)))
    monkeypatch.setattr(TimedContext, "left", 30_000)
    assert [recovery.sweep()["finished"] for _ in range(2)] == [False, False]
    monkeypatch.undo()
    assert recovery.sweep()["finished"]
    assert len({one["id"] for one in recovery.bodies()}) == 150


def test_a_longer_outage_than_stripes_list_is_told(
    recovery: Recovery, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given the last sweep 31 days ago, when one finishes, then row and metric say that there is a gap."""
    recovery.owner.execute(
        "INSERT INTO stripe_sweeps (since, until, gap, types, finished_at)"
        " VALUES (now() - interval '32 days', now() - interval '31 days', false, '{}', now())"
    )
    assert recovery.sweep()["gap"]
    assert counted(capsys)["SweepGaps"] == 1
    assert recovery.column("SELECT gap FROM stripe_sweeps ORDER BY number") == [False, True]


def test_stripes_objects_are_mirrored_whole(recovery: Recovery) -> None:
    """Given objects of every kind, cancelled and long ones too, when backfilled, then the mirror has all."""
    lines = [line(id=f"il_{n:03}", amount=n) for n in range(130)]
    items = {"data": [item(id=f"si_{n}", subscription="sub_9") for n in range(3)], "has_more": False}
    recovery.stripe.load(
        *(customer(id=f"cus_{n}", created=1_700_000_000 + n // 50) for n in range(230)),
        subscription(id="sub_1"),
        subscription(id="sub_9", status="canceled", items=items),
        invoice(id="in_long", lines={"data": lines, "has_more": False}),
        invoice(id="in_1"),
    )
    kinds = recovery.backfill()
    assert {name: kind["objects"] for name, kind in kinds.items() if kind["objects"]} == {
        "customer": 230,
        "subscription": 2,
        "invoice": 2,
    }
    assert (kinds["customer"]["pages"], kinds["invoice"]["fetched"]) == (3, 1)
    assert recovery.column("SELECT status FROM subscriptions ORDER BY id") == ["active", "canceled"]
    counts = "SELECT count(*) FROM invoice_line_items WHERE invoice = 'in_long'"
    assert (recovery.column(counts), recovery.column("SELECT count(*) FROM customers")) == ([130], [230])
    assert recovery.column("SELECT count(*) FROM stripe_webhook_events") == [0]


def test_what_stripe_deleted_meanwhile_ends_deleted(recovery: Recovery) -> None:
    """Given a customer and a draft deleted while nobody told, when backfilled, then both are deleted here."""
    client = recovery.stripe.client()
    kept = client.v1.customers.create(params={"name": "Kept"}).id
    gone = client.v1.customers.create(params={"name": "Gone"}).id
    draft = client.v1.invoices.create(params={"customer": kept}).id
    recovery.backfill()
    # The stand-in is of this very second; what was mirrored before it is not what is seen now.
    recovery.owner.execute("UPDATE customers SET as_of = as_of - interval '1 hour'")
    recovery.owner.execute("UPDATE invoices SET as_of = as_of - interval '1 hour'")
    client.v1.customers.delete(gone)
    client.v1.invoices.delete(draft)
    kinds = recovery.backfill()
    assert (kinds["customer"]["deleted"], kinds["invoice"]["deleted"]) == (1, 1)
    assert recovery.column("SELECT id FROM customers WHERE deleted_at IS NULL") == [kept]
    assert recovery.column("SELECT count(*) FROM invoices WHERE deleted_at IS NULL") == [0]
    assert recovery.column("SELECT DISTINCT livemode FROM customers") == [False]


def test_a_backfill_keeps_to_stripes_limit(recovery: Recovery) -> None:
    """Given a limit that Stripe enforces, when backfilled at four fifths of it, then no call is refused."""
    recovery.environment["STRIPE_RATE_LIMIT"] = "25"
    recovery.stripe.load(*(customer(id=f"cus_{n}") for n in range(1200)))
    recovery.stripe.helper("PUT", "/_standin/rate", {"per_second": 25})
    assert recovery.backfill()["customer"]["objects"] == 1200
    rate = recovery.stripe.helper("GET", "/_standin/rate")
    assert (rate["refused"], rate["taken"] >= 17) == (0, True)


def test_a_call_that_stripe_refuses_is_made_again(recovery: Recovery) -> None:
    """Given others that use up Stripe's limit, when backfilled, then refused calls wait and are repeated."""
    recovery.stripe.load(*(customer(id=f"cus_{n}") for n in range(1500)))
    recovery.stripe.helper("PUT", "/_standin/rate", {"per_second": 6})
    assert recovery.backfill()["customer"]["objects"] == 1500
    assert recovery.stripe.helper("GET", "/_standin/rate")["refused"] > 0
    assert recovery.column("SELECT count(*) FROM customers") == [1500]


def test_the_sample_backfill_answers(recovery: Recovery) -> None:
    """Given nothing at Stripe, when the sample event is invoked, then every kind is done."""
    sample = json.loads((PROJECT / "events" / "backfill_stripe_objects.json").read_bytes())
    assert recovery.call("backfill_stripe_objects", sample)["finished"]


def test_a_quarantined_event_is_replayed_from_the_inbox(
    recovery: Recovery, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a quarantined event, when replayed, then its payload goes to the queue as it came (11)."""
    bad = event("invoice.paid", invoice(total=1.5), id="evt_bad")
    recovery.apply(bad)
    capsys.readouterr()
    answer = recovery.call("replay_stripe_event", {"event": "evt_bad"})
    assert (answer["queued"], answer["source"]) == (True, "inbox")
    assert (answer["before"]["outcome"], answer["before"]["reason"]) == (
        "quarantined",
        "invoice.total: not an integer",
    )
    assert recovery.bodies() == [bad]
    assert counted(capsys)["StripeEventsReplayed"] == 1


def test_an_unknown_event_is_replayed_from_stripe(recovery: Recovery) -> None:
    """Given an event that only Stripe has, when replayed, then it is queued; one nobody has is said (11)."""
    known = old_event(1)
    recovery.stripe.load(known)
    assert recovery.call("replay_stripe_event", {"event": "evt_0001"})["source"] == "stripe"
    assert [one["id"] for one in recovery.bodies()] == ["evt_0001"]
    assert recovery.call("replay_stripe_event", {"event": "evt_none"}) == {
        "error": "Neither the inbox nor Stripe has this event."
    }


def test_an_event_that_ended_is_not_replayed(recovery: Recovery) -> None:
    """Given an applied event, when replayed, then nothing is queued, and it is said how it ended."""
    recovery.apply(old_event(1))
    answer = recovery.call("replay_stripe_event", {"event": "evt_0001"})
    assert (answer["queued"], answer["source"], answer["before"]["outcome"]) == (False, None, "applied")
    assert recovery.bodies() == []


def test_payloads_are_shown_only_when_asked_for(recovery: Recovery) -> None:
    """Given quarantined events, when listed or shown, then without payload; with it when asked for."""
    recovery.apply(event("invoice.paid", invoice(total=1.5, description="secret"), id="evt_a"), old_event(1))
    listed = recovery.call("replay_stripe_event", {"list": "quarantined"})
    assert [row["id"] for row in listed["events"]] == ["evt_a"]
    shown = recovery.call("replay_stripe_event", {"show": "evt_a"})
    assert "secret" not in json.dumps([listed, shown])
    asked = recovery.call("replay_stripe_event", {"show": "evt_a", "payload": True})
    assert "secret" in asked["event"]["payload"]
    assert recovery.call("replay_stripe_event", {"show": "evt_none"}) == {"event": None}


@pytest.mark.parametrize(
    "payload",
    [{}, {"event": ""}, {"event": 7}, {"show": "a\nb"}, {"list": "lost"}, {"list": "failed", "limit": "x"}],
)
def test_a_replay_of_nothing_is_refused(recovery: Recovery, payload: dict[str, Any]) -> None:
    """Given an order that names no event, when invoked, then the answer says what is wrong."""
    assert "error" in recovery.call("replay_stripe_event", payload)


def test_the_sample_replay_answers(recovery: Recovery) -> None:
    """Given the sample event and an empty inbox, when invoked, then it is not known."""
    sample = json.loads((PROJECT / "events" / "replay_stripe_event.json").read_bytes())
    assert recovery.call("replay_stripe_event", sample) == {"event": None}
