"""What send-events sends, decided without sending."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.problems import LocalCloudError
from local.send_events.__main__ import main, read_endpoints
from local.send_events.passes import Order, plan
from local.send_events.source import Recorded, read_events

if TYPE_CHECKING:
    from pathlib import Path

    from local.send_events.passes import Pass

_RANKS = {"draft": 0, "open": 1, "uncollectible": 2, "void": 3, "paid": 3}
_COLUMNS = ("file", "repo", "path", "origin")


def event(kind: str, object_id: str, **members: Any) -> dict[str, Any]:
    obj = {"object": kind, "id": object_id, **members}
    return {"id": "evt_shared", "type": f"{kind}.updated", "created": 1_000_000_000, "data": {"object": obj}}


def line(line_id: str) -> dict[str, Any]:
    return {"object": "line_item", "id": line_id, "invoice": "in_1"}


@st.composite
def recordings(draw: st.DrawFn) -> list[Recorded]:
    ids = st.sampled_from(("a", "b", "c"))
    kinds = st.sampled_from(("customer", "invoice", "charge", "payout"))
    steps = draw(st.lists(st.tuples(st.sampled_from(("one", "two")), kinds, ids), max_size=30))
    return [
        Recorded(sequence, event(kind, object_id, step=number))
        for number, (sequence, kind, object_id) in enumerate(steps)
    ]


def write_index(folder: Path, *rows: tuple[str, str, str, str]) -> None:
    lines = ["\t".join(_COLUMNS), *("\t".join(row) for row in rows)]
    (folder / "index.tsv").write_text("\n".join(lines), encoding="utf-8")
    for file, *_ in rows:
        (folder / file).write_text(json.dumps({"id": file}), encoding="utf-8")


def test_events_are_read_in_the_order_in_which_they_happened(tmp_path: Path) -> None:
    """Given list answers newest first, ten of them, when read, then answer 2 precedes 10, each reversed."""
    write_index(
        tmp_path,
        ("j4", "z/z", "t/plan--Event.list.10.json", "real-normalised"),
        ("j3", "z/z", "t/plan--Event.list.10.json", "real-normalised"),
        ("j2", "z/z", "t/plan--Event.list.2.json", "real-normalised"),
        ("j1", "z/z", "t/plan--Event.list.2.json", "real-normalised"),
        ("no", "z/z", "t/plan--Event.list.1.json", "stripe-sample"),
    )

    assert [recorded.event["id"] for recorded in read_events(tmp_path)] == ["j1", "j2", "j3", "j4"]


def test_an_unknown_repository_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    """Given an index of one repository, when another is asked for, then the error names the one."""
    write_index(tmp_path, ("j", "zulip/zulip", "t/plan--Event.list.1.json", "real-normalised"))

    with pytest.raises(LocalCloudError, match="zulip/zulip"):
        read_events(tmp_path, "other/one")


def test_a_folder_without_an_index_is_named(tmp_path: Path) -> None:
    """Given an empty folder, when events are read from it, then the error names the missing index."""
    with pytest.raises(LocalCloudError, match=r"index\.tsv"):
        read_events(tmp_path)


@given(recordings(), st.sampled_from(Order), st.integers(0, 2**31))
def test_each_event_is_sent_once_or_twice_under_an_id_of_its_own(
    recorded: list[Recorded], order: Order, seed: int
) -> None:
    """Given a recording, when a pass is planned, then every event has its own id and its count."""
    counts = Counter(each["id"] for each in plan(order, recorded, seed).deliveries)

    assert len(counts) == len(recorded)
    assert set(counts.values()) <= {2 if order is Order.TWICE else 1}


@given(recordings(), st.sampled_from(Order), st.integers(0, 2**31))
def test_the_same_seed_gives_the_same_pass(recorded: list[Recorded], order: Order, seed: int) -> None:
    """Given a seed, when a pass is planned twice, then both are equal, ids and order and all."""
    assert plan(order, recorded, seed) == plan(order, recorded, seed)


@given(recordings(), st.integers(0, 2**31))
def test_passes_share_no_object_and_no_event(recorded: list[Recorded], seed: int) -> None:
    """Given a recording, when all passes are planned, then no object or event is in two of them."""

    def names(each: Pass) -> set[str]:
        return {*each.event_ids, *(state["id"] for state in each.states)}

    first, second, third = (names(plan(order, recorded, seed)) for order in Order)

    assert first.isdisjoint(second | third)
    assert second.isdisjoint(third)


@given(recordings(), st.sampled_from(Order), st.integers(0, 2**31))
def test_the_last_state_is_the_one_that_happened_last(
    recorded: list[Recorded], order: Order, seed: int
) -> None:
    """Given any order of sending, when a pass is planned, then each object's state is of its last event."""
    expected: dict[tuple[str, str, str], int] = {}
    for number, each in enumerate(recorded):
        obj = each.event["data"]["object"]
        if obj["object"] != "payout":
            expected[each.sequence, obj["object"], obj["id"]] = number

    states = plan(order, recorded, seed).states

    assert sorted(state["step"] for state in states) == sorted(expected.values())


def test_references_follow_the_object_that_they_name() -> None:
    """Given an invoice of a customer, when both get ids of their own, then the invoice names the new one."""
    recorded = [Recorded("s", event("customer", "x")), Recorded("s", event("invoice", "x", customer="x"))]

    customer, invoice = plan(Order.IN_ORDER, recorded, 1).states

    assert invoice["customer"] == customer["id"]
    assert customer["id"].startswith("cus_")
    assert invoice["id"].startswith("in_")


def test_lines_with_one_id_are_told_apart() -> None:
    """Given an invoice whose two lines share an id, when it is planned, then the lines' ids differ."""
    lines = {"object": "list", "data": [line("il_same"), line("il_same")]}

    (invoice,) = plan(Order.IN_ORDER, [Recorded("s", event("invoice", "in_1", lines=lines))], 1).states

    assert len({each["id"] for each in invoice["lines"]["data"]}) == 2


def test_a_deleted_customers_last_state_is_its_deletion() -> None:
    """Given a customer that is deleted at the end, when planned, then Stripe's state of it is deleted."""
    gone = {**event("customer", "x"), "type": "customer.deleted"}

    (state,) = plan(Order.IN_ORDER, [Recorded("s", event("customer", "x")), Recorded("s", gone)], 1).states

    assert state["deleted"] is True


def test_the_zulip_recordings_are_694_events_that_never_run_backwards(
    zulip_events: list[dict[str, Any]],
) -> None:
    """Given the shared recordings, when read, then there are 694, and no invoice's status goes back."""
    ranks: dict[str, list[int]] = {}
    for each in zulip_events:
        obj = each["data"]["object"]
        if obj["object"] == "invoice":
            ranks.setdefault(obj["id"], []).append(_RANKS[obj["status"]])

    assert len(zulip_events) == 694
    assert all(history == sorted(history) for history in ranks.values())


def test_without_endpoints_make_dev_is_advised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Given no local cloud, when send-events starts, then it fails and says to run make dev first."""
    endpoints = tmp_path / "endpoints.json"

    status = main(["--from", str(tmp_path), "--endpoints", str(endpoints)])

    assert status == 1
    assert "make dev" in capsys.readouterr().err


def test_endpoints_that_lack_something_are_named(tmp_path: Path) -> None:
    """Given an endpoints.json without the webhook's secret, when it is read, then the error names that."""
    endpoints = tmp_path / "endpoints.json"
    endpoints.write_text(json.dumps({"webhook_url": "u", "stripe_url": "s", "database_url": "d"}))

    with pytest.raises(LocalCloudError, match="webhook_secret"):
        read_endpoints(endpoints)
