"""GET and PUT /api/v1/billing/alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from billing.domain.periods import Period
from billing.entrypoints.routes import GET_ALERTS, INGEST_USAGE, PUT_ALERTS
from tests.support.usage_account import CATALOGUE, subscription

if TYPE_CHECKING:
    from tests.support.api import Api
    from tests.support.lambdas import Answer

EIGHTY = {"meter": "api_calls", "kind": "percent", "value": "80"}


def this_period() -> Period:
    """Return a period that goes on."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=10)
    return Period(start, start + timedelta(days=28))


def use(api: Api, key: str, value: object, event_id: str) -> None:
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": "/app",
        "type": "api_calls",
        "data": {"value": value},
    }
    assert api.send(INGEST_USAGE, event, token=key).json["accepted"] == 1


def put(api: Api, token: str, *thresholds: object) -> Answer:
    return api.send(PUT_ALERTS, {"thresholds": list(thresholds)}, token=token)


def test_the_defaults_hold_until_a_customer_sets_any(api: Api) -> None:
    """Given a customer that never set a threshold, when asked, then 80 and 100 % of every meter hold."""
    answer = api.get(GET_ALERTS, token=api.customer())
    assert answer.json["default"] is True
    assert {(each["meter"], each["kind"], each["value"]) for each in answer.json["thresholds"]} == {
        (meter, "percent", value)
        for meter in ("active_users", "api_calls", "storage_gb")
        for value in ("80", "100")
    }
    assert answer.json["alerts"] == []


def test_what_is_put_takes_the_place_of_all_that_was(api: Api) -> None:
    """Given thresholds of every kind, when they are put, then they hold; a second list replaces the first."""
    token = api.customer()
    first = put(
        api,
        token,
        {"meter": "api_calls", "kind": "amount", "value": 12.5},
        {"meter": "api_calls", "kind": "projected_cost", "value": "5000"},
        {"meter": "storage_gb", "kind": "percent", "value": "90.50"},
    )
    assert first.status == 200, first.body
    assert first.json["thresholds"] == [
        {"meter": "api_calls", "kind": "amount", "value": "12.5"},
        {"meter": "api_calls", "kind": "projected_cost", "value": "5000"},
        {"meter": "storage_gb", "kind": "percent", "value": "90.5"},
    ]
    assert put(api, token, EIGHTY).json["thresholds"] == [EIGHTY]
    assert api.get(GET_ALERTS, token=token).json == {"default": False, "thresholds": [EIGHTY], "alerts": []}


def test_no_thresholds_is_another_thing_than_the_defaults(api: Api) -> None:
    """Given an empty list, when it is put, then no threshold holds, and none are the defaults."""
    token = api.customer()
    put(api, token)
    assert api.get(GET_ALERTS, token=token).json == {"default": False, "thresholds": [], "alerts": []}


def test_what_fired_is_shown_while_its_period_goes_on(api: Api) -> None:
    """Given usage over 80 per cent in this period, when asked, then the alert has what stood then."""
    period = this_period()
    api.mirror(*CATALOGUE, subscription(period=period))
    anna = api.user("anna", "cus_1")
    token, key = api.issuer.token(sub="anna"), api.api_key(anna)
    use(api, key, 799, "e1")
    assert api.get(GET_ALERTS, token=token).json["alerts"] == []
    use(api, key, "1.5", "e2")
    [alert] = api.get(GET_ALERTS, token=token).json["alerts"]
    assert alert["period"]["start"] == period.start.isoformat().replace("+00:00", "Z")
    assert {name: alert[name] for name in ("meter", "kind", "value", "used", "included")} == {
        **EIGHTY,
        "used": "800.5",
        "included": "1000",
    }
    assert alert["projected_cost"]["currency"] == "usd"
    # Setting it anew does not fire it anew.
    put(api, token, EIGHTY)
    use(api, key, 10, "e3")
    assert api.get(GET_ALERTS, token=token).json["alerts"] == [alert]


def test_a_customers_own_thresholds_fire_and_the_defaults_do_not(api: Api) -> None:
    """Given thresholds on the amount and the projected cost, when they are crossed, then they fire alone."""
    api.mirror(*CATALOGUE, subscription(period=this_period()))
    anna = api.user("anna", "cus_1")
    token, key = api.issuer.token(sub="anna"), api.api_key(anna)
    put(
        api,
        token,
        {"meter": "api_calls", "kind": "amount", "value": "1000"},
        {"meter": "api_calls", "kind": "projected_cost", "value": "1"},
        {"meter": "storage_gb", "kind": "amount", "value": "1"},
    )
    use(api, key, 3000, "e1")
    alerts = api.get(GET_ALERTS, token=token).json["alerts"]
    assert {(alert["meter"], alert["kind"]) for alert in alerts} == {
        ("api_calls", "amount"),
        ("api_calls", "projected_cost"),
    }


def test_an_amount_needs_no_subscription(api: Api) -> None:
    """Given a customer without a subscription, when it reaches an amount, then it fires for the month."""
    anna = api.user("anna", "cus_1")
    token, key = api.issuer.token(sub="anna"), api.api_key(anna)
    put(api, token, {"meter": "api_calls", "kind": "amount", "value": 1})
    use(api, key, 1, "e1")
    [alert] = api.get(GET_ALERTS, token=token).json["alerts"]
    assert (alert["included"], alert["projected_cost"]) == (None, None)
    assert alert["period"]["start"].endswith("-01T00:00:00Z")


def test_each_customer_has_their_own(api: Api) -> None:
    """Given a customer's thresholds and alerts, when another asks, then there is nothing of them."""
    anna, key = api.customer(), api.api_key(api.user("anna-2", "cus_1"))
    boris = api.customer("boris", "cus_2")
    put(api, anna, {"meter": "api_calls", "kind": "amount", "value": 1})
    use(api, key, 5, "e1")
    assert api.get(GET_ALERTS, token=anna).json["alerts"] != []
    found = api.get(GET_ALERTS, token=boris).json
    assert (found["default"], found["alerts"]) == (True, [])


@pytest.mark.parametrize(
    ("thresholds", "field"),
    [
        ("text", "thresholds"),
        ([EIGHTY] * 51, "thresholds"),
        ([EIGHTY, EIGHTY], "thresholds[1]"),
        ([EIGHTY, {**EIGHTY, "value": 80.0}], "thresholds[1]"),
        ([5], "thresholds[0]"),
        ([{"meter": "api_calls", "kind": "percent"}], "thresholds[0]"),
        ([{**EIGHTY, "more": 1}], "thresholds[0]"),
        ([EIGHTY, {**EIGHTY, "meter": "tea"}], "thresholds[1].meter"),
        ([{**EIGHTY, "meter": 5}], "thresholds[0].meter"),
        ([{**EIGHTY, "kind": "euros"}], "thresholds[0].kind"),
        ([{**EIGHTY, "kind": []}], "thresholds[0].kind"),
        ([{**EIGHTY, "value": 0}], "thresholds[0].value"),
        ([{**EIGHTY, "value": "-1"}], "thresholds[0].value"),
        ([{**EIGHTY, "value": "many"}], "thresholds[0].value"),
        ([{**EIGHTY, "value": None}], "thresholds[0].value"),
        ([{**EIGHTY, "value": True}], "thresholds[0].value"),
        ([{**EIGHTY, "value": "1" * 16}], "thresholds[0].value"),
        ([{**EIGHTY, "kind": "projected_cost", "value": "99.5"}], "thresholds[0].value"),
    ],
)
def test_a_malformed_threshold_is_named_and_nothing_changes(api: Api, thresholds: object, field: str) -> None:
    """Given a list with one thing wrong, when it is put, then 422 names it, and what was holds."""
    token = api.customer()
    put(api, token, EIGHTY)
    answer = api.send(PUT_ALERTS, {"thresholds": thresholds}, token=token)
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, field), answer.body
    assert api.get(GET_ALERTS, token=token).json["thresholds"] == [EIGHTY]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"thresholds": [], "thresholds": []}', "application/json", 400),
        (b'{"thresholds": []}', "text/plain", 415),
        (b" " * 1_048_577, "application/json", 413),
        (b"[]", "application/json", 422),
        (b'{"thresholds": [], "more": 1}', "application/json", 422),
    ],
)
def test_a_body_that_is_no_list_of_thresholds_is_refused(
    api: Api, body: bytes, content_type: str, status: int
) -> None:
    """Given a body that is not the list, when it is put, then it is refused and the defaults go on."""
    token = api.customer()
    assert api.send(PUT_ALERTS, body, token=token, content_type=content_type).status == status
    assert api.get(GET_ALERTS, token=token).json["default"] is True


def test_a_meter_that_is_gone_stays_in_the_list(api: Api) -> None:
    """Given a threshold of a meter that is retired, when asked, then it is shown; put anew it is refused."""
    token = api.customer()
    put(api, token, EIGHTY)
    api.owner.execute("UPDATE usage_meters SET retired = true WHERE name = 'api_calls'")
    assert api.get(GET_ALERTS, token=token).json["thresholds"] == [EIGHTY]
    assert put(api, token, EIGHTY).status == 422


def test_an_alert_of_a_period_that_ended_is_not_shown(api: Api) -> None:
    """Given an alert whose period has ended, when asked, then it is not among those of now."""
    api.owner.execute(
        "INSERT INTO usage_alerts"
        " (customer, meter, kind, threshold, period_start, period_end, fired_at, used)"
        " VALUES ('cus_1', 'api_calls', 'percent', 80, now() - interval '60 days', now() - interval '1 day',"
        " now() - interval '40 days', 900)"
    )
    assert api.get(GET_ALERTS, token=api.customer()).json["alerts"] == []
