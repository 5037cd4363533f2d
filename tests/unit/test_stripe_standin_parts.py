"""The stand-in's arithmetic, billing periods, paging and form decoding."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st

from local.stripe_standin import periods, totals
from local.stripe_standin.forms import decode
from local.stripe_standin.helpers import load
from local.stripe_standin.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator


@given(st.integers(1, 7), st.integers(0, 25))
def test_pages_cut_a_list_without_gap_or_double(size: int, count: int) -> None:
    """Given any list, when paged forwards and backwards, then every object comes once and in order."""
    invoice = f"in_page{size}x{count}"
    lines = [{"object": "line_item", "id": f"il_{size}x{count}x{number}"} for number in range(count)]
    store = Store(None)
    load(store, {"object": "invoice", "id": invoice, "created": 1, "lines": {"data": lines}})
    forwards: list[str] = []
    after, more = None, True
    while more:
        page, more = store.page("line_item", limit=size, parent=invoice, after=after)
        forwards += [line["id"] for line in page]
        after = forwards[-1] if forwards else None
    backwards: list[str] = []
    before, more = (forwards[-1], True) if forwards else (None, False)
    while more:
        page, more = store.page("line_item", limit=size, parent=invoice, before=before)
        backwards = [line["id"] for line in page] + backwards
        before = backwards[0] if backwards else None

    store.close()
    assert forwards == [line["id"] for line in lines]
    assert backwards == forwards[:-1]


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**7), min_size=1, max_size=40))
def test_a_spread_discount_sums_to_the_whole(total: int, weights: list[int]) -> None:
    """Given any amount and lines, when it is spread over them, then the parts sum to it, none negative."""
    parts = totals.spread(total, weights)

    assert sum(parts) == (total if sum(weights) else 0)
    assert min(parts) >= 0


@given(
    st.lists(st.integers(-(10**6), 10**7), min_size=1, max_size=20),
    st.decimals(0, 40, places=2),
    st.booleans(),
    st.integers(0, 100),
)
def test_an_invoices_totals_follow_from_its_lines(
    amounts: list[int], percentage: Any, inclusive: bool, percent_off: int
) -> None:
    """Given any lines, tax and discount, when added up, then totals and lines agree to the cent."""
    lines: list[dict[str, Any]] = [{"amount": amount, "discountable": True} for amount in amounts]
    coupon = {"percent_off": percent_off, "amount_off": None}
    totals.apply_discounts(lines, [("di_1", coupon)])
    totals.apply_taxes(lines, [{"id": "txr_1", "percentage": float(percentage), "inclusive": inclusive}])

    sums = totals.totals(lines, ["di_1"])

    discount = sum(part["amount"] for line in lines for part in line["discount_amounts"])
    tax = sum(line["taxes"][0]["amount"] for line in lines)
    assert sums["subtotal"] == sum(amounts)
    assert sums["total"] == sum(amounts) - discount + (0 if inclusive else tax)
    assert sums["total"] - tax == sums["total_excluding_tax"]


@given(
    st.integers(0, 4_000_000_000),
    st.sampled_from(("day", "week", "month", "year")),
    st.integers(1, 3),
    st.integers(0, 100_000_000),
)
def test_each_instant_is_in_exactly_one_billing_period(
    anchor: int, interval: str, count: int, later: int
) -> None:
    """Given any anchor, when the period of an instant is asked, then it holds it, and periods join."""
    start, end = periods.current(anchor, interval, count, anchor + later)

    assert start <= anchor + later < end
    assert periods.current(anchor, interval, count, end)[0] == end


def test_an_anchor_on_the_31st_falls_on_the_last_day_of_short_months() -> None:
    """Given an anchor on 31 January, when the next boundaries are asked, then they end their months."""
    anchor = int(datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp())

    days = [datetime.fromtimestamp(periods.boundary(anchor, "month", 1, n), UTC).day for n in range(4)]

    assert days == [31, 28, 31, 30]


@given(
    st.recursive(
        st.text(max_size=8),
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3),
            st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), inner, min_size=1, max_size=3),
        ),
        max_leaves=12,
    )
)
def test_nested_form_parameters_come_back_as_they_were(value: Any) -> None:
    """Given any nested value, when encoded as stripe-python does and decoded, then it is the same."""
    encoded = urlencode(list(pairs("root", value)))

    assert decode(encoded) == {"root": keyed(value)}


def keyed(value: Any) -> Any:
    if isinstance(value, list):
        return {str(index): keyed(item) for index, item in enumerate(value)}
    return {key: keyed(item) for key, item in value.items()} if isinstance(value, dict) else value


def pairs(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from pairs(f"{name}[{index}]", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from pairs(f"{name}[{key}]", item)
    else:
        yield name, value


def test_what_invoices_go_on_naming_is_found_when_it_is_gone() -> None:
    """Given a coupon and its discount, when deleted, then they are found by id, the discount as deleted."""
    store = Store(None)
    store.put("coupon", {"id": "LAUNCH", "object": "coupon", "name": "Launch"})
    store.put("discount", {"id": "di_1", "object": "discount", "end": None})
    for kind, name in (("coupon", "LAUNCH"), ("discount", "di_1")):
        store.delete(kind, name)
        assert store.get(kind, name) is None
        assert store.all(kind) == []
    assert store.find("LAUNCH") == {"id": "LAUNCH", "object": "coupon", "name": "Launch"}
    assert store.find("di_1") == {"id": "di_1", "object": "discount", "deleted": True}
    store.put("coupon", {"id": "LAUNCH", "object": "coupon", "name": "Another"})
    assert store.find("LAUNCH") == {"id": "LAUNCH", "object": "coupon", "name": "Another"}
    store.close()
