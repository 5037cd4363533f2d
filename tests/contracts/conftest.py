from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing.adapters.postgres.invoices import PostgresInvoiceReader
from billing.adapters.postgres.mirror import PostgresMirror
from tests.fakes.invoices import FakeInvoices
from tests.fakes.mirror import FakeMirror
from tests.support.mirror_world import World

if TYPE_CHECKING:
    from billing.adapters.postgres.connection import Connection


@pytest.fixture(params=["fake", "postgres"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "fake":
        fake = FakeMirror()
        return World(fake, FakeInvoices(mirror=fake), fake.inbox.get)
    owner: Connection = request.getfixturevalue("owner")

    def outcome(event_id: str) -> str | None:
        rows = owner.execute("SELECT outcome FROM stripe_webhook_events WHERE id = %s", [event_id]).fetchall()
        return str(rows[0]["outcome"]) if rows else None

    return World(
        PostgresMirror(request.getfixturevalue("worker_database")),
        PostgresInvoiceReader(request.getfixturevalue("api_database")),
        outcome,
    )
