"""The part of bootstrap that joins the use cases of mirroring Stripe, in a file of its own for its size.

Like there, each is built on first use, kept for the life of the execution environment, and imports inside.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from billing import bootstrap
from billing.settings import calls_per_second, required

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.idempotency import BasePersistenceLayer

    from billing.adapters.postgres.connection import Database
    from billing.adapters.secrets import Secrets
    from billing.adapters.stripe.client import StripeConnection
    from billing.domain.mirror import StripeEvent
    from billing.use_cases.apply_stripe_event import ApplyStripeEvent
    from billing.use_cases.backfill_stripe_objects import BackfillStripeObjects
    from billing.use_cases.recognise_stripe_event import RecogniseStripeEvent
    from billing.use_cases.recovery_ports import SweepMemory
    from billing.use_cases.replay_stripe_event import ReplayStripeEvent
    from billing.use_cases.sweep_if_new import SweepIfNew


@cache
def apply_stripe_event() -> ApplyStripeEvent:
    """Return the use case behind the queue of events."""
    from billing.adapters.postgres.mirror import PostgresMirror
    from billing.adapters.stripe.client import StripeConnection, Waiting
    from billing.adapters.stripe.objects import StripeApi
    from billing.use_cases.apply_stripe_event import ApplyStripeEvent

    secret_id = required(os.environ, "STRIPE_API_KEY_SECRET_ID")

    def api_key(refresh: bool) -> str:
        return _secrets().text(secret_id, "api_key", refresh=refresh)

    # A batch has a minute, and ten events that may all need Stripe: the queue is what tries again.
    stripe = StripeConnection(
        api_key,
        required(os.environ, "STRIPE_API_BASE"),
        retries=1,
        waiting=Waiting(connect=2.0, answer=5.0, rest=2.0),
    )

    def keep_meter_errors(event_id: str) -> int | None:
        from billing.adapters.postgres.rejected_usage import PostgresRejectedUsageLog
        from billing.adapters.stripe.thin_events import StripeMeterErrorEvents
        from billing.use_cases.keep_meter_errors import KeepMeterErrors

        keep = KeepMeterErrors(StripeMeterErrorEvents(stripe), PostgresRejectedUsageLog(_database()))
        return keep(event_id)

    return ApplyStripeEvent(
        mirror=PostgresMirror(_database()),
        stripe=StripeApi.over(stripe),
        livemode=required(os.environ, "STRIPE_LIVEMODE") == "true",
        keep_meter_errors=keep_meter_errors,
    )


@cache
def read_stripe_event() -> Callable[[Mapping[str, object]], StripeEvent]:
    """Return what reads an event's payload into its typed form."""
    from billing.adapters.stripe.events import read_event

    return read_event


@cache
def recognise_stripe_event() -> RecogniseStripeEvent:
    """Return what tells a copy of an event from another one under its id."""
    from billing.adapters.postgres.inbox import PostgresInbox
    from billing.use_cases.recognise_stripe_event import RecogniseStripeEvent

    return RecogniseStripeEvent(PostgresInbox(_database()))


@cache
def idempotency_store() -> BasePersistenceLayer | None:
    """Return where Powertools keeps its idempotency records, None where no table is configured."""
    table = os.environ.get("IDEMPOTENCY_TABLE")
    if not table:
        return None
    from billing.adapters.dynamodb.idempotency import idempotency_store as records

    return records(table)


@cache
def redelivery() -> Callable[[Mapping[str, int]], None]:
    """Return what tells SQS when to deliver failed events again."""
    from billing.adapters.sqs.redelivery import SqsRedelivery

    return SqsRedelivery(required(os.environ, "EVENT_QUEUE_URL"))


@cache
def sweep_stripe_events() -> SweepIfNew:
    """Return the use case behind the sweep's schedule."""
    from billing.adapters.postgres.sweeps import PostgresSweepLog
    from billing.adapters.sqs.event_queue import SqsEventQueue
    from billing.adapters.stripe.event_list import StripeEventList
    from billing.adapters.stripe.event_types import STATE_TYPES, THIN_TYPES
    from billing.use_cases.sweep_if_new import SweepIfNew
    from billing.use_cases.sweep_stripe_events import SweepStripeEvents

    livemode = required(os.environ, "STRIPE_LIVEMODE") == "true"
    sweep = SweepStripeEvents(
        events=StripeEventList(_stripe_connection()),
        queue=SqsEventQueue(required(os.environ, "EVENT_QUEUE_URL")),
        log=PostgresSweepLog(_database()),
        clock=bootstrap.now,
        types=STATE_TYPES,
        thin_types=THIN_TYPES,
        livemode=livemode,
    )
    return SweepIfNew(sweep, _sweep_memory(livemode=livemode), bootstrap.now)


def _sweep_memory(*, livemode: bool) -> SweepMemory | None:
    table = os.environ.get("IDEMPOTENCY_TABLE")
    if not table:
        return None
    from billing.adapters.dynamodb.sweep_memory import DynamoDbSweepMemory

    return DynamoDbSweepMemory(table, livemode=livemode)


@cache
def backfill_stripe_objects() -> BackfillStripeObjects:
    """Return the use case behind the backfill."""
    from billing.adapters.postgres.backfills import PostgresBackfillLog
    from billing.adapters.postgres.mirror import PostgresMirror
    from billing.adapters.stripe.object_lists import LISTINGS, StripeObjectLists
    from billing.adapters.stripe.objects import StripeApi
    from billing.use_cases.backfill_stripe_objects import BackfillStripeObjects

    connection = _stripe_connection()
    return BackfillStripeObjects(
        lists=StripeObjectLists(connection),
        stripe=StripeApi.over(connection),
        mirror=PostgresMirror(_database()),
        log=PostgresBackfillLog(_database()),
        kinds=tuple(LISTINGS),
        livemode=required(os.environ, "STRIPE_LIVEMODE") == "true",
    )


@cache
def replay_stripe_event() -> ReplayStripeEvent:
    """Return the use case behind an operator's replay."""
    from billing.adapters.postgres.inbox import PostgresInbox
    from billing.adapters.sqs.event_queue import SqsEventQueue
    from billing.adapters.stripe.event_list import StripeEventList
    from billing.use_cases.replay_stripe_event import ReplayStripeEvent

    return ReplayStripeEvent(
        inbox=PostgresInbox(_database()),
        events=StripeEventList(_stripe_connection()),
        queue=SqsEventQueue(required(os.environ, "EVENT_QUEUE_URL")),
    )


@cache
def _stripe_connection() -> StripeConnection:
    """Return the connection of what may wait for Stripe, and goes slower where the events need its calls."""
    from billing.adapters.stripe.client import StripeConnection, Waiting
    from billing.adapters.stripe.pace import SHARE, YieldingPace

    secret_id = required(os.environ, "STRIPE_API_KEY_SECRET_ID")
    pace = YieldingPace(SHARE * calls_per_second(os.environ))

    def api_key(refresh: bool) -> str:
        return _secrets().text(secret_id, "api_key", refresh=refresh)

    return StripeConnection(
        api_key,
        required(os.environ, "STRIPE_API_BASE"),
        pace=pace,
        refused=pace.refused,
        waiting=Waiting(patience=20.0),
    )


def _database() -> Database:
    return bootstrap._database()  # noqa: SLF001 - a process has one connection, whichever file asks


def _secrets() -> Secrets:
    return bootstrap._secrets()  # noqa: SLF001 - as for the database
