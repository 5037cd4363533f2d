"""What callers may ask of the invoices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import NotFoundError
from billing.domain.invoice_pages import InvoiceQuery
from billing.domain.invoices import InvoiceStatus
from billing.entrypoints import parameters
from billing.entrypoints.http import Request
from billing.entrypoints.invoice_query import invoice_query
from billing.entrypoints.problems import InvalidParametersError


def asked(raw: str) -> InvoiceQuery:
    return invoice_query(Request(None, {}, raw, {}))


def refused(raw: str) -> list[tuple[str, str]]:
    with pytest.raises(InvalidParametersError) as caught:
        asked(raw)
    return [(error.field, error.reason) for error in caught.value.errors]


def fields(raw: str) -> list[str]:
    return [field for field, _ in refused(raw)]


def test_without_parameters_the_first_twenty_are_asked_for() -> None:
    """Given no query, when it is read, then it is the default one."""
    assert asked("") == InvoiceQuery(limit=20)


def test_every_filter_is_read() -> None:
    """Given all parameters, when they are read, then each is typed, in UTC and lower case."""
    raw = (
        "limit=7&starting_after=in_1&status=paid&created_from=2025-01-01T00:00:00%2B01:00"
        "&created_to=2025-02-01t00:00:00.5z&currency=EUR"
    )
    assert asked(raw) == InvoiceQuery(
        limit=7,
        starting_after="in_1",
        status=InvoiceStatus.PAID,
        created_from=datetime(2024, 12, 31, 23, tzinfo=UTC),
        created_to=datetime(2025, 2, 1, 0, 0, 0, 500_000, tzinfo=UTC),
        currency="eur",
    )


@pytest.mark.parametrize("limit", [1, 2, 99, 100])
def test_limits_from_1_to_100_are_taken(limit: int) -> None:
    """Given a limit in range, when it is read, then it is that number."""
    assert asked(f"limit={limit}").limit == limit


@pytest.mark.parametrize(
    "limit",
    [
        "0",
        "101",
        "-1",
        "+5",
        "%2B5",
        " 5",
        "5 ",
        "5.0",
        "5e1",
        "0x5",
        "05",
        "",
        "five",
        "\u0665",
        "\uff15",
        "1_0",
        "5%0A",
        "9" * 5000,
        "null",
        "true",
    ],
)
def test_other_limits_are_refused_by_name(limit: str) -> None:
    """Given a limit that is no plain integer from 1 to 100, when it is read, then `limit` is named."""
    assert fields(f"limit={limit}") == ["limit"]


def test_an_unknown_parameter_is_refused_by_name() -> None:
    """Given a parameter that does not exist, when it is read, then it is named; case counts."""
    assert fields("page=2") == ["page"]
    assert fields("Limit=2") == ["Limit"]


def test_a_repeated_parameter_is_refused_even_with_equal_values() -> None:
    """Given a parameter twice, when it is read, then it is named, whatever its values."""
    assert refused("limit=5&limit=5") == [("limit", "is given more than once")]


def test_every_wrong_parameter_is_told_at_once() -> None:
    """Given several wrong parameters, when they are read, then all are named."""
    assert fields("limit=0&status=late&currency=euro&x=1") == ["x", "limit", "status", "currency"]


@pytest.mark.parametrize("status", ["PAID", "paid ", "", "paid,open", "deleted", "all"])
def test_a_status_is_one_of_stripes(status: str) -> None:
    """Given another word, when it is read as a status, then `status` is named."""
    assert fields(f"status={status}") == ["status"]


@pytest.mark.parametrize("currency", ["", "eu", "euro", "e1r", "\uff41\uff42\uff43", "€€€", "eur%00"])
def test_a_currency_is_three_letters(currency: str) -> None:
    """Given anything but three ASCII letters, when it is read, then `currency` is named."""
    assert fields(f"currency={currency}") == ["currency"]


@pytest.mark.parametrize(
    "cursor", ["", "in_1'--", "in 1", "in_1%00", "../x", "in_%C3%A9", "x" * 256, "in_1%0d%0aSet-Cookie"]
)
def test_a_cursor_is_an_id(cursor: str) -> None:
    """Given what no id can be, when it is read as a cursor, then `starting_after` is named."""
    assert fields(f"starting_after={cursor}") == ["starting_after"]


@pytest.mark.parametrize(
    "time",
    [
        "2025-01-31",
        "2025-01-31T00:00:00",
        "2025-01-31 00:00:00Z",
        "2025-01-31T00:00Z",
        "2025-01-31T00:00:00+01",
        "2025-01-31T00:00:00+0100",
        "2025-01-31T00:00:00+24:00",
        "2025-02-30T00:00:00Z",
        "2025-01-31T24:00:00Z",
        "2025-01-31T23:59:60Z",
        "2025-01-31T00:00:00.Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "9999-12-31T23:59:59.9999999Z",
        "\uff11\uff19\uff19\uff19-01-31T00:00:00Z",
        "1735689600",
        "now",
        "",
    ],
)
def test_a_time_is_rfc_3339_with_its_offset(time: str) -> None:
    """Given another way to write a time, when it is read, then its field is named."""
    assert fields(f"created_from={quote(time)}") == ["created_from"]


def test_a_plus_that_was_not_escaped_is_refused() -> None:
    """Given `+01:00` written plain, which means a space, when it is read, then it is refused, not guessed."""
    assert fields("created_to=2025-01-31T00:00:00+01:00") == ["created_to"]


@given(
    moment=st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9000, 1, 1)),  # noqa: DTZ001 - aware below
    minutes=st.integers(-23 * 60, 23 * 60),
)
def test_any_instant_is_read_back(moment: datetime, minutes: int) -> None:
    """Given any instant in any offset, when it is written and read, then it is the same instant in UTC."""
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    found = asked(f"created_from={quote(aware.isoformat())}").created_from
    assert found == aware
    assert found is not None
    assert found.utcoffset() == timedelta(0)


def test_what_is_finer_than_a_microsecond_is_rounded_up() -> None:
    """Given nanoseconds, when a bound is read, then the whole seconds on either side stay where they were."""
    found = asked("created_from=2025-01-31T00:00:00.000000001Z&created_to=2025-01-31T00:00:00.1230000000Z")
    assert found.created_from == datetime(2025, 1, 31, 0, 0, 0, 1, tzinfo=UTC)
    assert found.created_to == datetime(2025, 1, 31, 0, 0, 0, 123_000, tzinfo=UTC)


def test_times_the_wrong_way_round_are_refused_and_an_empty_span_is_not() -> None:
    """Given from after to, when it is read, then `created_to` is named; equal bounds are an empty span."""
    assert fields("created_from=2025-02-01T00:00:00Z&created_to=2025-01-01T00:00:00Z") == ["created_to"]
    same = "2025-01-01T00:00:00Z"
    assert asked(f"created_from={same}&created_to={same}").created_from == datetime(2025, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("raw", ["limit=%FF", "%C0%AF=1", "&".join(f"a{n}=1" for n in range(60))])
def test_a_query_that_cannot_be_read_is_refused(raw: str) -> None:
    """Given bytes that are no UTF-8, or a flood of fields, when it is read, then `query` is named."""
    assert fields(raw) == ["query"]


@given(st.text(max_size=60))
def test_no_query_breaks_the_reader(raw: str) -> None:
    """Given any text as a query, when it is read, then it is taken or refused, and never crashes."""
    try:
        asked(raw)
    except InvalidParametersError as error:
        assert error.errors  # noqa: PT017 - either outcome is right


@given(st.text(min_size=1, max_size=300))
def test_an_unknown_name_is_shown_short_and_printable(name: str) -> None:
    """Given any unknown name, when it is refused, then what is shown is short and printable."""
    shown = fields(f"{quote(name)}=1")
    assert len(shown) == 1
    assert len(shown[0]) <= 40
    assert shown[0].isprintable()


@pytest.mark.parametrize("found", ["in_1", "in_1EjKuzHuGUuNWDDZmFUP3FxU", "x" * 255])
def test_an_invoice_id_of_the_path_is_taken(found: str) -> None:
    """Given a possible id, when the path is read, then it is the id."""
    assert parameters.invoice_id(Request(None, {"id": found}, "", {})) == found


@pytest.mark.parametrize(
    "found", ["", "in 1", "in_1;--", "x" * 256, "in_é", "in_1\n", "%69n_1", "in_1\x00", ".."]
)
def test_an_impossible_invoice_id_is_not_found(found: str) -> None:
    """Given what no id can be, when the path is read, then there is no such invoice."""
    with pytest.raises(NotFoundError):
        parameters.invoice_id(Request(None, {"id": found}, "", {}))


def test_a_route_without_parameters_refuses_all() -> None:
    """Given a query on a route that takes none, when it is read, then its first name is told."""
    parameters.no_parameters(Request(None, {}, "", {}))
    with pytest.raises(InvalidParametersError, match="expand"):
        parameters.no_parameters(Request(None, {}, "expand=lines", {}))
