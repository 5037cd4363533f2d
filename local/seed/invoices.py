"""Makes one invoice of the demo, from whatever is there of it to what becomes of it."""

from __future__ import annotations

from datetime import timedelta
from itertools import batched
from typing import TYPE_CHECKING

from local.seed.api import RefusedError
from local.seed.shapes import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from local.seed.api import Api, Json
    from local.seed.shapes import CreditPlan, InvoicePlan, LinePlan, TaxPlan

MARKER = "billing_demo"
_BATCH = 50
_MOST_LINES_AT_STRIPE = 250
_FINALIZED_AFTER = timedelta(hours=1)
_CONCLUDED_AFTER = timedelta(days=5)
_CREDITED_AFTER = timedelta(days=9)


class InvoiceSeed:
    """Makes the invoices of one customer; `prices` gives the price of each lookup key."""

    def __init__(
        self,
        *,
        api: Api,
        customer: str,
        subscription: str,
        tax_rate: str,
        coupon: str,
        prices: Mapping[str, str],
    ) -> None:
        self._api = api
        self._customer = customer
        self._subscription = subscription
        self._tax_rate = tax_rate
        self._coupon = coupon
        self._prices = prices

    def known(self) -> dict[str, Json]:
        """Return the customer's invoices of the demo, by their key."""
        return {
            invoice["metadata"][MARKER]: invoice
            for invoice in self._api.all("/v1/invoices", customer=self._customer)
            if invoice["metadata"] and MARKER in invoice["metadata"]
        }

    def ensure(
        self, plan: InvoicePlan, invoice: Json | None, tax: TaxPlan, tell: Callable[[str], None]
    ) -> None:
        """Make the invoice, or complete what is there of it."""
        if invoice is None:
            if plan.on_subscription:
                self._add_pending_items(plan)
            invoice = self._create(plan, tax)
        if invoice["status"] == "draft" and not plan.on_subscription:
            invoice = self._add_lines(plan, invoice, tell)
        conclude(self._api, invoice, plan.outcome, key=plan.key, issued=plan.issued)
        if plan.credit is not None:
            self._credit(invoice["id"], plan.credit, plan)

    def _create(self, plan: InvoicePlan, tax: TaxPlan) -> Json:
        details: Json = {
            "customer": self._customer,
            "collection_method": "send_invoice",
            "days_until_due": plan.days_until_due,
            "auto_advance": "false",
            "default_tax_rates": [self._tax_rate],
            "currency": plan.lines[0].price.currency,
            "metadata": {MARKER: plan.key, "tax": tax.key},
        }
        if plan.on_subscription:
            details["subscription"] = self._subscription
            details["pending_invoice_items_behavior"] = "include"
        else:
            details["pending_invoice_items_behavior"] = "exclude"
        if plan.discounted:
            details["discounts"] = [{"coupon": self._coupon}]
        if plan.memo is not None:
            details["description"] = plan.memo
        return self._api.post("/v1/invoices", key=f"{plan.key}/invoice", at=plan.issued, **details)

    def _credit(self, invoice: str, credit: CreditPlan, plan: InvoicePlan) -> None:
        if any(self._api.all("/v1/credit_notes", invoice=invoice)):
            return
        lines = self._api.all(f"/v1/invoices/{invoice}/lines")
        first = next(line["id"] for line in lines if line["description"] == plan.lines[0].description)
        self._api.post(
            "/v1/credit_notes",
            key=f"{plan.key}/credit-note",
            at=plan.issued + _CREDITED_AFTER,
            invoice=invoice,
            lines=[{"type": "invoice_line_item", "invoice_line_item": first, "quantity": credit.quantity}],
            refund_amount=credit.refund,
            reason=credit.reason,
            memo=credit.memo,
            metadata={MARKER: plan.key},
        )

    def _add_pending_items(self, plan: InvoicePlan) -> None:
        waiting = {
            item["metadata"].get(MARKER)
            for item in self._api.all("/v1/invoiceitems", customer=self._customer, pending="true")
        }
        for number, line in enumerate(plan.lines):
            marker = f"{plan.key}/{number}"
            if marker not in waiting:
                self._api.post(
                    "/v1/invoiceitems",
                    key=f"{marker}/item",
                    at=plan.issued,
                    customer=self._customer,
                    subscription=self._subscription,
                    metadata={MARKER: marker},
                    **self._line(line),
                )

    def _add_lines(self, plan: InvoicePlan, invoice: Json, tell: Callable[[str], None]) -> Json:
        """Add the lines that are missing still; Stripe itself takes 250 lines on an invoice made by hand."""
        path = f"/v1/invoices/{invoice['id']}"
        count = sum(1 for _ in self._api.all(f"{path}/lines"))
        for batch in batched(plan.lines[count:], _BATCH, strict=False):
            try:
                invoice = self._api.post(
                    f"{path}/add_lines",
                    key=f"{plan.key}/lines/{count}",
                    at=plan.issued,
                    lines=[self._line(line) for line in batch],
                )
            except RefusedError as refusal:
                if count < _MOST_LINES_AT_STRIPE:
                    raise
                tell(f"Stripe takes {count} lines on {plan.key}, not {len(plan.lines)}: {refusal}")
                break
            count += len(batch)
            tell(f"{plan.key}: {count} of {len(plan.lines)} lines")
        return invoice

    def _line(self, line: LinePlan) -> Json:
        return {
            "pricing": {"price": self._prices[line.price.key]},
            "quantity": line.quantity,
            "description": line.description,
            "period": {"start": int(line.start.timestamp()), "end": int(line.end.timestamp())},
        }


def conclude(api: Api, invoice: Json, outcome: Outcome, *, key: str, issued: datetime | None) -> None:
    """Bring the invoice from the status that it has to its outcome; `issued` None: all of it happens now."""
    path = f"/v1/invoices/{invoice['id']}"
    if invoice["status"] == "draft" and outcome is not Outcome.DRAFT:
        finalized = None if issued is None else issued + _FINALIZED_AFTER
        invoice = api.post(f"{path}/finalize", key=f"{key}/finalize", at=finalized, auto_advance="false")
    if invoice["status"] != "open":
        return
    concluded = None if issued is None else issued + _CONCLUDED_AFTER
    match outcome:
        case Outcome.PAID_BY_CARD:
            api.post(f"{path}/pay", key=f"{key}/pay", at=concluded)
        case Outcome.PAID_BY_TRANSFER:
            api.post(f"{path}/pay", key=f"{key}/pay", at=concluded, paid_out_of_band="true")
        case Outcome.VOID:
            api.post(f"{path}/void", key=f"{key}/void", at=concluded)
        case Outcome.UNCOLLECTIBLE:
            api.post(f"{path}/mark_uncollectible", key=f"{key}/write-off", at=concluded)
        case Outcome.OPEN | Outcome.DRAFT:
            pass
