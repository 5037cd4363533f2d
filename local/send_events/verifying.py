"""Waits until the inbox has a pass's events, then compares the mirror with the last state of each object."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from local.problems import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from local.send_events.source import Json

type Row = dict[str, Any]

_POLL_SECONDS = 0.5
_TABLES = {
    "customer": "customers",
    "invoice": "invoices",
    "subscription": "subscriptions",
    "invoice_payment": "invoice_payments",
    "credit_note": "credit_notes",
    "payment_intent": "payment_intents",
    "charge": "charges",
}
_COMPARED = {
    "customer": ("name", "email", "phone", "description", "currency", "balance", "delinquent", "tax_exempt"),
    "invoice": (
        "status",
        "number",
        "customer",
        "currency",
        "collection_method",
        "billing_reason",
        "subtotal",
        "total",
        "total_excluding_tax",
        "amount_due",
        "amount_paid",
        "amount_remaining",
        "starting_balance",
        "customer_name",
        "customer_email",
        "description",
        "footer",
    ),
    "subscription": ("status", "customer", "currency", "collection_method", "cancel_at_period_end"),
    "invoice_payment": ("status", "invoice", "currency", "amount_requested", "amount_paid", "is_default"),
    "credit_note": (
        "status",
        "number",
        "customer",
        "invoice",
        "type",
        "currency",
        "reason",
        "memo",
        "subtotal",
        "total",
        "pre_payment_amount",
        "post_payment_amount",
    ),
    "payment_intent": (
        "status",
        "customer",
        "currency",
        "amount",
        "amount_received",
        "amount_capturable",
        "description",
        "payment_method",
        "latest_charge",
        "cancellation_reason",
    ),
    "charge": (
        "status",
        "customer",
        "payment_intent",
        "currency",
        "amount",
        "amount_captured",
        "amount_refunded",
        "captured",
        "refunded",
        "payment_method",
        "balance_transaction",
        "description",
        "failure_code",
        "failure_message",
        "receipt_number",
    ),
}
_MOMENTS = {
    "customer": ("created",),
    "invoice": ("created", "due_date", "period_start", "period_end"),
    "subscription": ("created", "start_date", "billing_cycle_anchor", "cancel_at", "canceled_at", "ended_at"),
    "invoice_payment": ("created",),
    "credit_note": ("created", "effective_at", "voided_at"),
    "payment_intent": ("created", "canceled_at"),
    "charge": ("created",),
}


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How many events the inbox has, by outcome."""

    counts: Counter[str]

    def __str__(self) -> str:
        return ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.counts.items())) or "none"


def wait_for_inbox(
    dsn: str, ids: Sequence[str], *, patience: float, longest: float, tell: Callable[[int], None]
) -> Outcomes:
    """Return the outcomes once the inbox has every event.

    Gives up after `patience` seconds without a new one, or after `longest` seconds in all.

    Raises
    ------
    LocalCloudError
        Events are missing still, or the database does not answer.
    """
    began = changed = time.monotonic()
    last = -1
    with _connected(dsn) as connection:
        while True:
            rows = connection.execute(
                "SELECT outcome, count(*) AS count FROM stripe_webhook_events"
                " WHERE id = ANY(%s) GROUP BY outcome",
                [list(ids)],
            ).fetchall()
            counts = Counter({row["outcome"]: row["count"] for row in rows})
            tell(counts.total())
            now = time.monotonic()
            if counts.total() == len(ids):
                return Outcomes(counts)
            if counts.total() != last:
                last, changed = counts.total(), now
            if now - changed > patience or now - began > longest:
                raise LocalCloudError(
                    f"{len(ids) - counts.total()} of {len(ids)} events are not in the inbox after "
                    f"{now - began:.0f} s: look at the log of the function that applies them, and at the "
                    "dead-letter queue"
                )
            time.sleep(_POLL_SECONDS)


def differences(dsn: str, states: Sequence[Json]) -> list[str]:
    """Return every way in which the mirror differs from the states, each as one sentence.

    Raises
    ------
    LocalCloudError
        The database does not answer.
    """
    found: list[str] = []
    with _connected(dsn) as connection:
        for kind, table in _TABLES.items():
            wanted = [state for state in states if state["object"] == kind]
            ids = [state["id"] for state in wanted]
            rows = connection.execute(
                f"SELECT * FROM {table} WHERE id = ANY(%s)",  # noqa: S608 - a name of our own
                [ids],
            ).fetchall()
            by_id = {row["id"]: row for row in rows}
            for state in wanted:
                found += _compare(kind, state, by_id.get(state["id"]))
        lines = _lines(connection, [state["id"] for state in states if state["object"] == "invoice"])
    for state in states:
        if state["object"] == "invoice" and not state.get("deleted"):
            found += _compare_lines(state, lines.get(state["id"], []))
    return found


def _connected(dsn: str) -> psycopg.Connection[Row]:
    try:
        return psycopg.connect(dsn, autocommit=True, row_factory=dict_row, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise LocalCloudError(f"the local PostgreSQL does not answer: {error}") from error


def _compare(kind: str, state: Json, row: Row | None) -> Iterator[str]:
    name = f"{kind} {state['id']}"
    if row is None:
        yield f"{name} is not in the mirror"
        return
    if state.get("deleted"):
        if row["deleted_at"] is None:
            yield f"{name} is deleted, but the mirror has it"
        return
    if row["deleted_at"] is not None:
        yield f"{name} is there, but the mirror has it as deleted"
        return
    for field in _COMPARED[kind]:
        if row[field] != state[field]:
            yield f"{name}: {field} is {row[field]!r} in the mirror, {state[field]!r} at Stripe"
    for field in _MOMENTS[kind]:
        if row[field] != _moment(state[field]):
            yield f"{name}: {field} is {row[field]} in the mirror, {_moment(state[field])} at Stripe"


def _lines(connection: psycopg.Connection[Row], invoices: Sequence[str]) -> dict[str, list[Row]]:
    lines: dict[str, list[Row]] = {}
    rows = connection.execute(
        "SELECT * FROM invoice_line_items WHERE invoice = ANY(%s) ORDER BY invoice, position",
        [list(invoices)],
    )
    for row in rows:
        lines.setdefault(row["invoice"], []).append(row)
    return lines


def _compare_lines(state: Json, rows: Sequence[Row]) -> Iterator[str]:
    mirrored = [
        {
            "id": row["id"],
            "description": row["description"],
            "amount": row["amount"],
            "currency": row["currency"],
            "quantity": row["quantity"],
            "unit_amount": row["unit_amount"],
            "period": (row["period_start"], row["period_end"]),
            "price": row["price"],
        }
        for row in rows
    ]
    expected = [_expected_line(line) for line in state["lines"]["data"]]
    if len(mirrored) != len(expected):
        yield f"invoice {state['id']}: {len(mirrored)} lines in the mirror, {len(expected)} at Stripe"
        return
    for position, (ours, theirs) in enumerate(zip(mirrored, expected, strict=True)):
        for field, value in theirs.items():
            if ours[field] != value:
                yield (
                    f"invoice {state['id']}, line {position}: {field} is {ours[field]!r} in the mirror, "
                    f"{value!r} at Stripe"
                )


def _expected_line(line: Json) -> Json:
    pricing = line["pricing"] or {}
    details = pricing.get("price_details") or {}
    unit_amount = pricing.get("unit_amount_decimal")
    return {
        "id": line["id"],
        "description": line["description"],
        "amount": line["amount"],
        "currency": line["currency"],
        "quantity": None if line["quantity"] is None else Decimal(line["quantity"]),
        "unit_amount": None if unit_amount is None else Decimal(unit_amount),
        "period": (_moment(line["period"]["start"]), _moment(line["period"]["end"])),
        "price": details.get("price"),
    }


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
