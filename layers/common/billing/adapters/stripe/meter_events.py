"""Stripe's meter events, and what its meters add up to."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import quote

from billing.adapters.stripe.client import RejectedError
from billing.adapters.stripe.reading import Node, UnreadableError
from billing.domain.errors import UnavailableError
from billing.domain.recovery import NotAllowedError
from billing.domain.usage_reports import Delivery, Refusal

if TYPE_CHECKING:
    from datetime import datetime

    from billing.adapters.stripe.client import StripeConnection
    from billing.domain.usage_reports import UsageReport

# The API v2, because it names what is wrong by a code; v1 only words it.
_EVENTS = "/v2/billing/meter_events"
_DUPLICATE = "duplicate_meter_event"
_BUSY = frozenset(("too_many_concurrent_requests", "rate_limit"))


class StripeMeterEvents:
    """The port `StripeMeters`; Stripe limits events and sums apart, so each has a connection of its own."""

    def __init__(self, events: StripeConnection, sums: StripeConnection) -> None:
        self._events = events
        self._sums = sums

    def send(self, report: UsageReport) -> Delivery | Refusal:
        """Return what Stripe says to the report.

        Raises
        ------
        UnavailableError
            Stripe does not answer, asks to slow down, or refuses the key.
        """
        meter = report.stripe_meter
        if meter is None:
            return Refusal("no_meter")
        event = {
            "event_name": report.event_name,
            "identifier": report.identifier,
            "timestamp": report.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "payload": {meter.customer_key: report.customer, meter.value_key: f"{report.value:f}"},
        }
        try:
            self._events.post(_EVENTS, event)
        except RejectedError as rejected:
            if rejected.code == _DUPLICATE:
                return Delivery.DUPLICATE
            if rejected.code in _BUSY:
                raise UnavailableError("stripe") from rejected
            return Refusal(rejected.code)
        except NotAllowedError as error:
            raise UnavailableError("stripe") from error
        return Delivery.SENT

    def hour(self, meter: str, customer: str, at: datetime) -> Decimal:
        """Return what the meter adds up to in the UTC hour of `at`.

        Raises
        ------
        UnavailableError
            Stripe does not answer, or does not know the meter or the customer.
        """
        start = at.replace(minute=0, second=0, microsecond=0)
        query = {
            "customer": customer,
            "start_time": int(start.timestamp()),
            "end_time": int((start + timedelta(hours=1)).timestamp()),
            "value_grouping_window": "hour",
        }
        try:
            answer = self._sums.get(f"/v1/billing/meters/{quote(meter, safe='')}/event_summaries", query)
            if answer is None:
                raise UnavailableError("stripe")
            summaries = Node("event_summaries", answer.members).nodes("data")
            # Through its text: a binary fraction would bring digits that Stripe never sent.
            return sum((Decimal(str(each.members["aggregated_value"])) for each in summaries), Decimal(0))
        except (UnreadableError, NotAllowedError, KeyError, ArithmeticError) as error:
            raise UnavailableError("stripe") from error
