"""send-events against the real parts that it proves: verifier, use case, PostgreSQL, the stand-in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from billing.adapters.postgres.mirror import PostgresMirror
from billing.adapters.stripe.objects import StripeApi
from billing.use_cases.apply_stripe_event import ApplyStripeEvent
from local.send_events.__main__ import main
from tests.support.applying_webhook import applying_webhook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from billing.adapters.postgres.connection import Connection, Database
    from tests.fixtures.stripe_data import RunningStandin

SECRET = "whsec_send_events"
FEW = "invoice_plan"


@pytest.fixture
def endpoints(
    tmp_path: Path, worker_database: Database, stripe_standin: RunningStandin, database_url: str
) -> Iterator[Path]:
    stripe = StripeApi(lambda _: "sk_test_x", stripe_standin.base_url)
    apply = ApplyStripeEvent(PostgresMirror(worker_database), stripe, livemode=False)
    with applying_webhook(apply, SECRET) as url:
        path = tmp_path / "endpoints.json"
        written = {
            "webhook_url": url,
            "webhook_secret": SECRET,
            "stripe_url": stripe_standin.base_url,
            "database_url": database_url,
        }
        path.write_text(json.dumps(written))
        yield path


@pytest.fixture
def few_recordings(tmp_path: Path, stripe_data: Path) -> Path:
    """Return a folder whose index has only some of the shared recordings."""
    header, *rows = (stripe_data / "events" / "index.tsv").read_text(encoding="utf-8").splitlines()
    chosen = [row for row in rows if f"{FEW}--Event.list." in row]
    folder = tmp_path / "few"
    folder.mkdir()
    lines = [header, *(f"{stripe_data / 'events'}/{row}" for row in chosen)]
    (folder / "index.tsv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def run(endpoints: Path, recordings: Path, order: str) -> int:
    """Return the exit status of a run; the seed makes its ids the same each time."""
    arguments = ["--from", str(recordings), "--endpoints", str(endpoints), "--seed", "7"]
    return main([*arguments, "--passes", order])


def test_the_mirror_ends_at_the_last_state_of_each_object_when_all_events_are_shuffled(
    endpoints: Path, stripe_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given the 694 zulip events, when sent in any order, then the mirror equals the last states."""
    status = run(endpoints, stripe_data / "events", "shuffled")

    shown = capsys.readouterr()
    assert (status, shown.err) == (0, "")
    assert "694 x 200" in shown.out
    assert "56 invoices, 17 invoice_payments, " in shown.out
    assert "payment_intents: no differences" in shown.out


def test_every_pass_ends_at_the_last_states(
    endpoints: Path, few_recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given one recording, when sent in order, shuffled and twice, then each pass ends right."""
    status = run(endpoints, few_recordings, "in-order,shuffled,twice")

    shown = capsys.readouterr()
    assert (status, shown.err) == (0, "")
    assert shown.out.count("no differences") == 3


def test_a_mirror_that_is_wrong_is_found_out(
    endpoints: Path, few_recordings: Path, owner: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a mirror that a row of another total was written to, when compared, then the row is named."""
    assert run(endpoints, few_recordings, "in-order") == 0
    row = owner.execute(
        "UPDATE invoices SET total = total + 1 WHERE id = (SELECT min(id) FROM invoices) RETURNING id"
    ).fetchone()
    assert row is not None

    status = run(endpoints, few_recordings, "in-order")

    assert status == 1
    assert f"{row['id']}: total is" in capsys.readouterr().err


def test_refused_deliveries_fail_the_run(
    endpoints: Path, few_recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a wrong secret, when the events are sent, then all are refused and the run says so and fails."""
    endpoints.write_text(json.dumps(json.loads(endpoints.read_text()) | {"webhook_secret": "whsec_wrong"}))

    status = run(endpoints, few_recordings, "shuffled")

    assert status == 1
    assert "x 400" in capsys.readouterr().err
