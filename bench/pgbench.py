"""pgbench that sends what one event writes as one statement: the floor of the row of events."""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import datetime
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING

from bench.payloads import paid_event
from bench.world import WORKER, binary
from billing.adapters.postgres.invoice_table import invoice_state
from billing.adapters.stripe.events import read_event
from billing.domain.invoices import Invoice

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.world import World

_NUMBER = "00000000"
# A number that no other transaction of the same database has.
_OWN = "' || lpad(to_hex((:round * 64 + :client_id)::int), 3, 'p') || lpad(to_hex(:i::int), 5, '0') || '"
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:]{8}\+00:00")
_LINE_TYPES = {"quantity": "numeric", "unit_amount": "numeric"}


def script() -> str:
    """Return the transaction: the inbox row, the invoice and its lines in one statement, as plain inserts."""
    event = read_event(json.loads(paid_event()))
    if not isinstance(event.content, Invoice):
        raise TypeError("the event is of an invoice")
    head = {**invoice_state(event.content), "as_of": event.created}
    lines = head.pop("lines")
    inbox = {
        "id": event.id,
        "type": event.type,
        "api_version": event.api_version,
        "livemode": event.livemode,
        "created": event.created,
        "object_id": event.object_id,
        "outcome": "applied",
    }
    rows = [{**line, "invoice": event.object_id, "customer": event.content.customer} for line in lines]
    values = ",\n  ".join(f"({', '.join(_line_value(name, row[name]) for name in rows[0])})" for row in rows)
    statement = (
        f"WITH inbox AS ({_insert('stripe_webhook_events', inbox)}),\n"
        f"head AS ({_insert('invoices', head)})\n"
        f"INSERT INTO invoice_line_items ({', '.join(rows[0])}) VALUES\n  {values};"
    )
    return f"\\set i :i + 1\n{statement.replace(_NUMBER, _OWN)}\n"


def run_pgbench(
    world: World, scratch: Path, *, clients: int, transactions: int, number: int, mode: str
) -> tuple[float, float]:
    """Return the median latency in ms and the transactions per second; `number` is unique in a database.

    Raises
    ------
    RuntimeError
        pgbench failed.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    file = scratch / "event.sql"
    file.write_text(script(), encoding="utf-8")
    for old in scratch.glob("log.*"):
        old.unlink()
    login = world.logins[WORKER]
    options = ["-n", "-M", mode, "-c", str(clients), "-j", str(min(clients, 2)), "-t", str(transactions)]
    reach = ["-h", world.settings.host, "-p", str(world.settings.port), "-U", login.username]
    variables = ["-D", f"round={number}", "-D", "i=0"]
    log = ["-l", f"--log-prefix={scratch / 'log'}"]
    done = subprocess.run(
        [str(binary("pgbench")), *options, *reach, *variables, *log, "-f", str(file), world.settings.name],
        env={"PATH": os.environ["PATH"], "PGPASSWORD": login.password},
        capture_output=True,
        text=True,
        check=False,
    )
    speed = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    if done.returncode != 0 or speed is None:
        raise RuntimeError(f"pgbench failed: {done.stderr}")
    # A line is: client, number of the transaction, microseconds, ...
    logged = [line.split() for log in scratch.glob("log.*") for line in log.read_text().splitlines()]
    return median(int(fields[2]) for fields in logged) / 1000, float(speed[1])


def _insert(table: str, row: Mapping[str, object]) -> str:
    values = ", ".join(_literal(_typed(value)) for value in row.values())
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})"  # noqa: S608 - our own made-up row


def _typed(value: object) -> object:
    return datetime.fromisoformat(value) if isinstance(value, str) and _INSTANT.fullmatch(value) else value


def _line_value(name: str, value: object) -> str:
    literal = _literal(_typed(value))
    return f"{literal}::{_LINE_TYPES[name]}" if name in _LINE_TYPES else literal


def _literal(value: object) -> str:
    """Return the value in SQL, without colons before letters, which pgbench takes for variables."""
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).upper()
        case int() | Decimal():
            return str(value)
        case datetime():
            return f"to_timestamp({value.timestamp():.0f})"
        case list() | dict():
            return f"{_literal(json.dumps(value))}::jsonb"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case _:
            raise TypeError(f"no literal for a {type(value).__name__}")
