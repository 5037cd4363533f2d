"""Row e without its peers: what starts them, what they are given, and what is made of what they say."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from bench.harness import Run
from bench.payloads import SECRET
from bench.peers.client import Peer, apply_events, migrate
from bench.peers.install import UnavailableError, node_folder
from bench.peers.statements import count_statements, statements_per_event
from bench.peers.stripe_stub import running_stub
from bench.world import running_postgres
from billing.adapters.postgres.connection import connect
from billing.adapters.stripe.signature import StripeSignatureVerifier
from local.postgres import DATABASE, OWNER

if TYPE_CHECKING:
    from collections.abc import Callable

PEERS = Path(__file__).parents[2] / "bench" / "peers"
SPEAKS = """
import json, os, sys
given = json.loads(os.environ["PEER"])
if sys.argv[1] == "migrate":
    sys.exit("no such database" if given["database"] == "missing" else 0)
events = [json.loads(line) for line in open(given["events"])]
with open(given["seen"], "a") as seen:
    seen.writelines(json.dumps(event) + chr(10) for event in events)
if given["database"] == "broken":
    sys.exit("the table is away")
print("ready", flush=True)
assert sys.stdin.readline() == "go" + chr(10)
times = [float(n) for n in range(len(events) - given["warm"])]
print(json.dumps({"milliseconds": times, "began": 10.0, "ended": 12.0}), flush=True)
"""
type MakePeer = Callable[[str], Peer]


@pytest.fixture
def make_peer(tmp_path: Path) -> MakePeer:
    """Return what makes a peer that is a few lines of Python, on a database of a name."""
    program = tmp_path / "peer.py"
    program.write_text(SPEAKS)

    def make(database: str) -> Peer:
        settings = {"database": database, "seen": str(tmp_path / "seen")}
        return Peer("fake", "fake 1.0", (sys.executable, str(program)), settings, "invoices", 2)

    return make


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return the settings of a quick run that keeps things in a folder of the test."""
    kept, scratch = tmp_path / "kept", tmp_path / "scratch"
    kept.mkdir()
    scratch.mkdir()
    return Run(PEERS.parents[1], kept, scratch, quick=True, million=False, say=lambda _: None)


def test_a_peers_clients_are_clocked_together(make_peer: MakePeer, tmp_path: Path) -> None:
    """Given 3 clients of 5 events in 2 seconds, when they are run, then p50 and the speed of all come."""
    p50, speed = apply_events(make_peer("fine"), tmp_path, 3, 5, itertools.count(1))
    assert (p50, speed) == (2.0, 7.5)


def test_every_event_of_a_peer_is_signed_and_its_own(make_peer: MakePeer, tmp_path: Path) -> None:
    """Given 2 clients of 3 events that warm up with 2, when run, then 10 events verify, each with its id."""
    apply_events(make_peer("fine"), tmp_path, 2, 3, itertools.count(1))
    seen = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    verifier = StripeSignatureVerifier(lambda _: (SECRET,), lambda: datetime.now(UTC))
    for event in seen:
        verifier.verify(event["body"].encode(), event["signature"])
    assert len({json.loads(event["body"])["id"] for event in seen}) == len(seen) == 10


def test_a_peer_that_fails_is_named_with_what_it_said(make_peer: MakePeer, tmp_path: Path) -> None:
    """Given a peer that ends instead of speaking, when it is run, then the error has its last words."""
    with pytest.raises(RuntimeError, match=r"fake 1\.0 failed: the table is away"):
        apply_events(make_peer("broken"), tmp_path, 1, 1, itertools.count(1))


def test_a_peer_that_cannot_migrate_is_an_error(make_peer: MakePeer) -> None:
    """Given a peer whose migration fails, when migrated, then the error has its last words."""
    migrate(make_peer("fine"))
    with pytest.raises(RuntimeError, match="does not migrate: no such database"):
        migrate(make_peer("missing"))


def test_without_node_it_is_said_that_there_is_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a machine without Node, when its peers are to be installed, then the reason is named."""
    monkeypatch.setenv("PATH", str(run.scratch))
    with pytest.raises(UnavailableError, match="no Node"):
        node_folder(run)


def test_statements_are_counted_once_however_long() -> None:
    """Given a log with statements over lines, executions and other lines, when counted, then once each."""
    log = (
        "2026-11-22 20:00:00.000 UTC [7] LOG:  statement: SELECT 1\n"
        "2026-11-22 20:00:00.000 UTC [7] LOG:  execute <unnamed>: INSERT INTO t\n"
        "\tVALUES ($1) -- LOG:  statement: not one\n"
        '2026-11-22 20:00:00.000 UTC [7] DETAIL:  Parameters: $1 = "LOG:  statement: nor this"\n'
        "2026-11-22 20:00:00.000 UTC [7] LOG:  duration: 1 ms\n"
    )
    assert count_statements(log) == 2


def test_the_statements_of_one_event_are_what_more_events_add(run: Run) -> None:
    """Given work of one statement to begin and two an event, when counted, then it is two an event."""
    with running_postgres(run) as world:

        def work(events: int) -> None:
            with connect(world.settings, world.logins[OWNER]) as connection:
                connection.execute("SELECT 'begin'")
                for number in range(events):
                    connection.execute("SELECT %s::int", [number])
                    connection.execute("SELECT\n2")

        assert statements_per_event(world, DATABASE, work) == 2


def test_the_stub_answers_an_invoice_with_its_discounts_and_counts() -> None:
    """Given the stub, when the invoice of an event is asked for, then it comes expanded, and counts."""
    with running_stub() as stub:
        path = "/v1/invoices/in_1SBenchInvoice00100002?expand%5B0%5D=discounts"
        connection = HTTPConnection(urlsplit(stub.endpoint).netloc, timeout=10)
        connection.request("GET", path)
        invoice = json.load(connection.getresponse())
        connection.close()
        assert stub.calls == 1
    assert invoice["id"] == "in_1SBenchInvoice00100002"
    assert [discount["object"] for discount in invoice["discounts"]] == ["discount"]


def test_peers_are_pinned_exactly_and_by_no_host() -> None:
    """Given the peers' lock files, when read, then the versions are those named, hashed, of no registry."""
    wanted = json.loads((PEERS / "package.json").read_text())["dependencies"]
    locked = json.loads((PEERS / "package-lock.json").read_text())["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all("resolved" not in package for package in locked.values())
    assert all("integrity" in package for name, package in locked.items() if name)
    python = (PEERS / "dj_stripe.txt").read_text()
    assert all(f"{line} \\\n    --hash=sha256:" in python for line in ("dj-stripe==2.11.0",))


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here to read JavaScript")
@pytest.mark.parametrize("driver", sorted(PEERS.glob("*.mjs")), ids=lambda path: path.name)
def test_a_driver_in_javascript_is_well_formed(driver: Path) -> None:
    """Given a driver, when Node parses it, then it finds no error."""
    done = subprocess.run(  # noqa: S603 - a file of the project
        ["node", "--check", str(driver)],  # noqa: S607 - node is wherever the machine has it
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
