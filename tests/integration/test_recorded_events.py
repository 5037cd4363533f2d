"""The recorded events of every API version, up to the rows."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from billing.adapters.postgres.mirror import PostgresMirror
from billing.adapters.stripe.events import read_event
from billing.domain.mirror import (
    Deletion,
    MalformedEventError,
    Mention,
    NotMirrored,
    Outcome,
    Unreadable,
)
from billing.use_cases.apply_stripe_event import ApplyStripeEvent
from tests.fakes.objects import T0
from tests.fakes.stripe_objects import FakeStripeObjects

if TYPE_CHECKING:
    from pathlib import Path

    from billing.adapters.postgres.connection import Connection, Database


def test_every_recorded_event_ends(worker_database: Database, owner: Connection, stripe_data: Path) -> None:
    """Given the 1,300 recorded events, when applied, then each ends, and a state that was read is a row (12).

    Stripe knows nothing here: what an old payload does not tell is quarantined.
    """
    ended: Counter[str] = Counter()
    apply = {
        mode: ApplyStripeEvent(PostgresMirror(worker_database), FakeStripeObjects(T0), livemode=mode)
        for mode in (False, True)
    }
    for number, file in enumerate(sorted((stripe_data / "events").glob("*/*.json"))):
        try:
            told = read_event(json.loads(file.read_bytes()))
        except MalformedEventError as error:
            applied = apply[False](replace(error.event, id=f"evt_{number}"))
            assert applied.outcome is Outcome.QUARANTINED, file
        else:
            applied = apply[told.livemode](replace(told, id=f"evt_{number}"))
            is_state = not isinstance(told.content, Deletion | Mention | Unreadable | NotMirrored)
            incomplete = (applied.reason or "").endswith("does not know it any more")
            assert not is_state or incomplete or applied.outcome in {"applied", "stale"}, (file, applied)
        assert applied.outcome is not None, file
        ended[applied.outcome] += 1
    counted = "SELECT outcome, count(*) AS n FROM stripe_webhook_events GROUP BY outcome"
    rows = owner.execute(counted).fetchall()
    assert {row["outcome"]: row["n"] for row in rows} == ended
    assert ended.keys() == {"applied", "stale", "ignored", "quarantined"}
