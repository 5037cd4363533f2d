"""A run of the reporter in a process of its own, which is killed at one of its events.

Told by the environment: DATABASE (JSON of settings and the worker's credentials), STRIPE, AFTER, DELIVERED.
"""

from __future__ import annotations

import json
import os
import signal
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from billing.adapters.postgres.connection import Credentials, Database
from billing.adapters.postgres.usage_reports import PostgresUsageReports, PostgresUsageUpkeep
from billing.adapters.stripe.client import StripeConnection
from billing.adapters.stripe.meter_events import StripeMeterEvents
from billing.settings import DatabaseSettings
from billing.use_cases.report_usage import ReportUsage
from tests.support.reporting import CutMeters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def main(env: Mapping[str, str]) -> None:
    """Report until the AFTERth event, and die there, before Stripe has it or just after."""
    told = json.loads(env["DATABASE"])
    credentials = Credentials(told["username"], told["password"])
    settings = DatabaseSettings(told["host"], told["port"], told["name"], "disable", "unused")
    database = Database(settings, lambda _: credentials)

    @contextmanager
    def lane() -> Iterator[PostgresUsageReports]:
        with Database(settings, lambda _: credentials) as another:
            yield PostgresUsageReports(another)

    stripe = StripeConnection(lambda _: "sk_test_standin", env["STRIPE"], retries=0)
    kill = partial(os.kill, os.getpid(), signal.SIGKILL)
    meters = CutMeters(
        StripeMeterEvents(stripe, stripe), int(env["AFTER"]), delivered=env["DELIVERED"] == "1", cut=kill
    )
    run = ReportUsage(
        PostgresUsageReports(database),
        lane,
        PostgresUsageUpkeep(database),
        meters,
        lambda: datetime.now(UTC),
        retention=0,
    )
    run(lambda: True)


if __name__ == "__main__":
    main(os.environ)
