"""What the demo is: who buys what, and what becomes of each invoice. Pure data, from the date alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from local.seed.shapes import CreditPlan, CustomerPlan, InvoicePlan, LinePlan, Outcome, PricePlan, TaxPlan

if TYPE_CHECKING:
    from collections.abc import Mapping


_LONG_INVOICE_LINES = 300
_DISCOUNTED_MONTHS = 3
_INCLUDED_CALLS = 50_000
# Four seats of 49.00 and 7.25 % on them, which is 14.21 to the cent however it is rounded.
_FEWER_SEATS = CreditPlan(4, 21_021, "order_change", "Four seats were cancelled before the month began.")
_CITIES = ("東京", "大阪", "名古屋", "札幌", "福岡", "仙台", "京都", "広島", "神戸", "横浜")


def month_start(today: datetime, offset: int) -> datetime:
    """Return the first instant of the UTC month that lies `offset` months from today's."""
    year, month = divmod(today.year * 12 + today.month - 1 + offset, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC)


def demo(today: datetime) -> tuple[CustomerPlan, ...]:
    """Return the customers; within one month the answer is the same."""
    return (_northwind(today), _acme(today), _sakura(today))


def _metered(currency: str, unit_amount: str, nickname: str) -> PricePlan:
    key = f"billing-demo-metered-calls-{currency}"
    return PricePlan(key, currency, unit_amount, nickname, monthly=True, included=_INCLUDED_CALLS)


def _monthly(  # noqa: PLR0913 - one call a customer, every argument named
    today: datetime,
    months: int,
    *,
    name: str,
    seat: PricePlan,
    usage: PricePlan,
    seats: int,
    texts: tuple[str, str],
    outcome: Outcome,
    days_until_due: int,
    discounted: int = 0,
    credited: Mapping[int, CreditPlan] | None = None,
) -> tuple[InvoicePlan, ...]:
    """Return one invoice a month for the last `months` full months: seats in advance, usage in arrears.

    `credited` has what is credited of an invoice, by its month's offset.
    """
    invoices = []
    for offset in range(-months, 0):
        before, start, end = (month_start(today, offset + step) for step in (-1, 0, 1))
        calls = 40_000 + (start.year * 12 + start.month) * 7_919 % 60_000
        invoices.append(
            InvoicePlan(
                key=f"{name}-{start:%Y-%m}",
                issued=start + timedelta(hours=6),
                lines=(
                    LinePlan(seat, seats, texts[0], start, end),
                    LinePlan(usage, calls, texts[1], before, start),
                ),
                outcome=outcome,
                days_until_due=days_until_due,
                discounted=offset + months < discounted,
                credit=(credited or {}).get(offset),
            )
        )
    return tuple(invoices)


def _northwind(today: datetime) -> CustomerPlan:
    plan = PricePlan("billing-demo-team-usd", "usd", "4900", "Team, monthly", monthly=True)
    seat = PricePlan("billing-demo-seat-usd", "usd", "4900", "Team seat")
    usage = PricePlan("billing-demo-calls-usd", "usd", "0.12", "API call")
    metered = _metered("usd", "0.12", "API calls, metered")
    setup = PricePlan("billing-demo-onboarding-usd", "usd", "150000", "Onboarding")
    texts = ("Team seat", "API calls")

    def single(key: str, offset: int, day: int, outcome: Outcome, memo: str) -> InvoicePlan:
        issued = month_start(today, offset) + timedelta(days=day - 1, hours=15)
        line = LinePlan(setup, 1, "Onboarding workshop", issued, issued)
        return InvoicePlan(key, issued, (line,), outcome, 30, on_subscription=False, memo=memo)

    return CustomerPlan(
        role="customer",
        name="Northwind Traders Inc.",
        email="billing@northwind-traders.example",
        phone="+1 206 555 0100",
        locale="en",
        address={
            "line1": "410 Terry Ave N",
            "city": "Seattle",
            "state": "WA",
            "postal_code": "98109",
            "country": "US",
        },
        tax=TaxPlan("us-7.25", "Sales tax", "7.25", inclusive=False, country="US", tax_type="sales_tax"),
        plan=plan,
        metered=metered,
        seats=8,
        since=month_start(today, -11),
        first_invoice=Outcome.PAID_BY_CARD,
        days_until_due=14,
        by_card=True,
        prices=(seat, usage, setup),
        invoices=(
            *_monthly(
                today,
                11,
                name="northwind",
                seat=seat,
                usage=usage,
                seats=8,
                texts=texts,
                outcome=Outcome.PAID_BY_CARD,
                days_until_due=14,
                discounted=_DISCOUNTED_MONTHS,
                credited={-3: _FEWER_SEATS},
            ),
            single("northwind-void", -9, 10, Outcome.VOID, "Issued twice by mistake."),
            single("northwind-uncollectible", -7, 12, Outcome.UNCOLLECTIBLE, "Disputed; written off."),
            single("northwind-overdue", -2, 5, Outcome.OPEN, "Workshop of the second team."),
            single("northwind-draft", -1, 20, Outcome.DRAFT, "Not sent yet."),
        ),
    )


def _acme(today: datetime) -> CustomerPlan:
    plan = PricePlan("billing-demo-team-eur", "eur", "4500", "Team, monatlich", monthly=True)
    seat = PricePlan("billing-demo-seat-eur", "eur", "4500", "Team-Platz")
    usage = PricePlan("billing-demo-calls-eur", "eur", "0.11", "API-Aufruf")
    metered = _metered("eur", "0.11", "API-Aufrufe, gezählt")
    return CustomerPlan(
        role="other_customer",
        name="Acme Analytics GmbH",
        email="rechnung@acme-analytics.example",
        phone="+49 30 555 0100",
        locale="de",
        address={"line1": "Torstraße 140", "city": "Berlin", "postal_code": "10119", "country": "DE"},
        tax=TaxPlan("de-19", "USt.", "19", inclusive=False, country="DE", tax_type="vat"),
        plan=plan,
        metered=metered,
        seats=12,
        since=month_start(today, -14),
        first_invoice=Outcome.OPEN,
        days_until_due=30,
        vat_id="DE123456789",
        footer="Zahlbar ohne Abzug.",
        prices=(seat, usage),
        invoices=_monthly(
            today,
            14,
            name="acme",
            seat=seat,
            usage=usage,
            seats=12,
            texts=("Team-Platz", "API-Aufrufe"),
            outcome=Outcome.PAID_BY_TRANSFER,
            days_until_due=30,
        ),
    )


def _sakura(today: datetime) -> CustomerPlan:
    plan = PricePlan("billing-demo-team-jpy", "jpy", "6800", "チーム(月額)", monthly=True)
    seat = PricePlan("billing-demo-seat-jpy", "jpy", "6800", "チーム利用料")
    usage = PricePlan("billing-demo-calls-jpy", "jpy", "0.18", "APIコール")
    metered = _metered("jpy", "0.18", "APIコール(従量)")
    store = PricePlan("billing-demo-store-jpy", "jpy", "1280", "店舗利用料")
    start, end = month_start(today, -2), month_start(today, -1)
    long_invoice = InvoicePlan(
        key="sakura-300-lines",
        issued=end + timedelta(days=2, hours=3),
        lines=tuple(
            LinePlan(
                store,
                1 + number * 37 % 23,
                f"店舗利用料 {_CITIES[number % len(_CITIES)]}{number + 1:03d}号店",
                start,
                end,
            )
            for number in range(_LONG_INVOICE_LINES)
        ),
        outcome=Outcome.PAID_BY_TRANSFER,
        days_until_due=30,
        on_subscription=False,
    )
    return CustomerPlan(
        role="third_customer",
        name="株式会社さくら商事",
        email="keiri@sakura-shoji.example",
        phone="+81 3 5550 0100",
        locale="ja",
        address={
            "line1": "千代田1-1",
            "city": "千代田区",
            "state": "東京都",
            "postal_code": "100-0001",
            "country": "JP",
        },
        tax=TaxPlan("jp-10", "消費税", "10", inclusive=True, country="JP", tax_type="jct"),
        plan=plan,
        metered=metered,
        seats=5,
        since=month_start(today, -6),
        first_invoice=Outcome.PAID_BY_TRANSFER,
        days_until_due=30,
        prices=(seat, usage, store),
        invoices=(
            *_monthly(
                today,
                6,
                name="sakura",
                seat=seat,
                usage=usage,
                seats=5,
                texts=("チーム利用料", "APIコール"),
                outcome=Outcome.PAID_BY_TRANSFER,
                days_until_due=30,
            ),
            long_invoice,
        ),
    )
