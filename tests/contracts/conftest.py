from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing.adapters.postgres.credit_notes import PostgresCreditNoteReader
from billing.adapters.postgres.invoices import PostgresInvoiceReader
from billing.adapters.postgres.mirror import PostgresMirror
from tests.fakes.invoices import FakeCreditNotes, FakeInvoices
from tests.fakes.mirror import FakeMirror
from tests.support.mirror_world import World

if TYPE_CHECKING:
    from billing.adapters.postgres.connection import Connection


@pytest.fixture(params=["fake", "postgres"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "fake":
        fake = FakeMirror()
        invoices = FakeInvoices(mirror=fake)
        return World(fake, invoices, fake.inbox.get, FakeCreditNotes(invoices))
    owner: Connection = request.getfixturevalue("owner")

    def outcome(event_id: str) -> str | None:
        rows = owner.execute("SELECT outcome FROM stripe_webhook_events WHERE id = %s", [event_id]).fetchall()
        return str(rows[0]["outcome"]) if rows else None

    return World(
        PostgresMirror(request.getfixturevalue("worker_database")),
        PostgresInvoiceReader(request.getfixturevalue("api_database")),
        outcome,
        PostgresCreditNoteReader(request.getfixturevalue("api_database")),
    )
