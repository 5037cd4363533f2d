"""Credit notes: what is taken back of a finalised invoice, with its share of discounts and taxes.

A line's `amount` is what it credits before discounts and exclusive taxes; the discounts and taxes of the
invoice's line follow in proportion, rounded half up. The total first lowers what the invoice still asks for;
for the rest the caller says how it is given back. Voiding lets the invoice ask for it again.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from local.stripe_standin import invoice_lifecycle, totals
from local.stripe_standin.call import (
    embedded_list,
    equal_filters,
    list_route,
    new_id,
    page,
    range_filters,
    route,
)
from local.stripe_standin.catalogue import unit_amount
from local.stripe_standin.errors import StripeError, missing_param
from local.stripe_standin.events import emit
from local.stripe_standin.params import (
    METADATA,
    TIME_RANGE,
    Choice,
    Integer,
    ListOf,
    Number,
    Shape,
    Text,
)
from local.stripe_standin.store import Filter

if TYPE_CHECKING:
    from local.stripe_standin.call import Call
    from local.stripe_standin.store import Json, Store

_REASONS = ("duplicate", "fraudulent", "order_change", "product_unsatisfactory")
_INVOICE_LINE, _CUSTOM = "invoice_line_item", "custom_line_item"


def view(store: Store, note: Json) -> Json:
    """Return the credit note as Stripe shows it: with its first lines embedded."""
    url = f"/v1/credit_notes/{note['id']}/lines"
    return {**note, "lines": embedded_list(store.children("credit_note_line_item", note["id"], 11), url)}


def _create(call: Call) -> Json:
    given = call.params
    invoice = call.require("invoice", given["invoice"], param="invoice")
    if invoice["status"] not in {"open", "paid", "uncollectible"}:
        raise StripeError(
            f"You can only create a credit note on a finalized invoice, not a {invoice['status']} one.",
            param="invoice",
        )
    if ("amount" in given) == ("lines" in given):
        raise missing_param("amount")
    asked = given.get("lines") or [{"type": _CUSTOM, "unit_amount": given["amount"], "description": None}]
    lines = [_line(call, invoice, line) for line in asked]
    note = _note(call, invoice, lines)
    _give_back(call, note)
    call.store.put("credit_note", note)
    for line in lines:
        call.store.put("credit_note_line_item", line, parent=note["id"])
    shown = view(call.store, note)
    emit(call, "credit_note.created", shown)
    _move(call, invoice, note["pre_payment_amount"], note["post_payment_amount"])
    return shown


def _note(call: Call, invoice: Json, lines: list[Json]) -> Json:
    given = call.params
    discounts = sorted({part["discount"] for line in lines for part in line["discount_amounts"]})
    sums = totals.totals(lines, discounts)
    earlier = call.store.all("credit_note", [Filter("$.invoice", invoice["id"])])
    left = invoice["total"] - sum(note["total"] for note in earlier if note["status"] == "issued")
    if not 0 < sums["total"] <= left:
        raise StripeError(f"The credit note's total of {sums['total']} is not within what is left: {left}.")
    before = min(sums["total"], invoice["amount_remaining"])
    after = sums["total"] - before
    return {
        "id": new_id("cn"),
        "object": "credit_note",
        "amount": sums["total"],
        "amount_shipping": 0,
        "created": call.now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": sum(part["amount"] for part in sums["total_discount_amounts"]),
        "discount_amounts": sums["total_discount_amounts"],
        "effective_at": given.get("effective_at", call.now),
        "invoice": invoice["id"],
        "livemode": False,
        "memo": given.get("memo"),
        "metadata": given.get("metadata") or {},
        "number": f"{invoice['number']}-CN-{len(earlier) + 1:02d}",
        "out_of_band_amount": given.get("out_of_band_amount"),
        "pdf": f"https://pay.stripe.com/credit_notes/{new_id('cnpdf')}/pdf",
        "post_payment_amount": after,
        "pre_payment_amount": before,
        "pretax_credit_amounts": [{**part, "type": "discount"} for part in sums["total_discount_amounts"]],
        "reason": given.get("reason"),
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": sums["subtotal"],
        "subtotal_excluding_tax": sums["subtotal_excluding_tax"],
        "total": sums["total"],
        "total_excluding_tax": sums["total_excluding_tax"],
        "total_taxes": sums["total_taxes"],
        "type": "pre_payment" if not after else "mixed" if before else "post_payment",
        "voided_at": None,
    }


def _line(call: Call, invoice: Json, given: dict[str, Any]) -> Json:
    line: Json = {
        "id": new_id("cnli"),
        "object": "credit_note_line_item",
        "description": given.get("description"),
        "livemode": False,
        "metadata": given.get("metadata") or {},
        "pretax_credit_amounts": [],
        "quantity": given.get("quantity", 1),
        "tax_rates": [],
        "type": given["type"],
        "unit_amount": None,
        "unit_amount_decimal": None,
    }
    if given["type"] == _CUSTOM:
        price = unit_amount(given, "lines[unit_amount]")
        line |= {
            "amount": totals.rounded(price * line["quantity"]),
            "discount_amounts": [],
            "unit_amount": int(price) if price == int(price) else None,
            "unit_amount_decimal": totals.decimal_text(price),
        }
        rates = [
            call.require("tax_rate", rate, param="lines[tax_rates]") for rate in given.get("tax_rates", [])
        ]
        totals.apply_taxes([line], rates)
        line["tax_rates"] = rates
    else:
        line |= _share(call, invoice, given)
    line["discount_amount"] = sum(part["amount"] for part in line["discount_amounts"])
    return line


def _share(call: Call, invoice: Json, given: dict[str, Any]) -> Json:
    """Return what of an invoice's line is credited: so many pieces of it, or so much."""
    billed = call.require("line_item", given.get(_INVOICE_LINE) or "", param=f"lines[{_INVOICE_LINE}]")
    if billed["invoice"] != invoice["id"]:
        raise StripeError("The line belongs to another invoice.", param=f"lines[{_INVOICE_LINE}]")
    if ("amount" in given) == ("quantity" in given):
        raise missing_param("lines[amount]")
    if not billed["amount"]:
        raise StripeError("There is nothing to credit of that line.", param=f"lines[{_INVOICE_LINE}]")
    part = Decimal(given["amount"]) / billed["amount"] if "amount" in given else None
    if part is None:
        part = Decimal(given["quantity"]) / (billed["quantity"] or 1)
    if not 0 < part <= 1:
        raise StripeError("That is more than the line has.", param="lines[amount]")

    def credited(amount: int) -> int:
        return totals.rounded(amount * part)

    pricing = billed["pricing"]
    return {
        "amount": credited(billed["amount"]),
        "description": given.get("description") or billed["description"],
        "discount_amounts": [
            {**one, "amount": credited(one["amount"])} for one in billed["discount_amounts"]
        ],
        "invoice_line_item": billed["id"],
        "quantity": given.get("quantity"),
        "tax_rates": [rate for rate in invoice["default_tax_rates"] if billed["taxes"]],
        "taxes": [
            {**tax, "amount": credited(tax["amount"]), "taxable_amount": credited(tax["taxable_amount"])}
            for tax in billed["taxes"]
        ],
        "unit_amount_decimal": pricing["unit_amount_decimal"] if pricing and "quantity" in given else None,
    }


def _give_back(call: Call, note: Json) -> None:
    """Write into the credit note how what was paid is given back, and credit the customer's balance."""
    given = call.params
    refund, credit = given.get("refund_amount", 0), given.get("credit_amount", 0)
    told = refund + credit + given.get("out_of_band_amount", 0)
    if told != note["post_payment_amount"]:
        raise StripeError(
            f"The sum of credit amount, refund amount and out of band amount ({told}) must equal the post"
            f" payment amount ({note['post_payment_amount']}).",
            param="refund_amount",
        )
    if refund:
        made = {"amount_refunded": refund, "payment_record_refund": None, "refund": new_id("re")}
        note["refunds"] = [{**made, "type": "refund"}]
    if credit:
        note["customer_balance_transaction"] = new_id("cbtxn")
        customer = call.require("customer", note["customer"])
        changed = {**customer, "balance": customer["balance"] - credit}
        call.store.put("customer", changed)
        emit(call, "customer.updated", changed, before=customer)


def _move(call: Call, invoice: Json, before: int, after: int) -> None:
    """Let the invoice ask for less by `before`, and say what was given back."""
    changes = {
        "amount_due": invoice["amount_due"] - before,
        "amount_remaining": invoice["amount_remaining"] - before,
        "pre_payment_credit_notes_amount": invoice["pre_payment_credit_notes_amount"] + before,
        "post_payment_credit_notes_amount": invoice["post_payment_credit_notes_amount"] + after,
    }
    changed = invoice_lifecycle.advance(call, invoice, changes, None)
    if changed["status"] == "open" and not changed["amount_remaining"]:
        invoice_lifecycle.settle(call, changed, off_stripe=False)


def _void(call: Call) -> Json:
    note = call.require("credit_note", call.path["id"])
    invoice = call.require("invoice", note["invoice"])
    if note["status"] == "void" or note["type"] != "pre_payment" or invoice["status"] != "open":
        raise StripeError("You can only void a credit note that is issued on an open invoice.")
    void = {**note, "status": "void", "voided_at": call.now}
    call.store.put("credit_note", void)
    shown = view(call.store, void)
    emit(call, "credit_note.voided", shown)
    _move(call, invoice, -note["pre_payment_amount"], 0)
    return shown


def _list(call: Call) -> Json:
    filters = [
        *equal_filters(call, "customer", "invoice"),
        *range_filters("$.created", call.params.get("created")),
    ]
    return page(
        call, "credit_note", "/v1/credit_notes", filters=filters, view=lambda note: view(call.store, note)
    )


def _list_lines(call: Call) -> Json:
    note = call.require("credit_note", call.path["credit_note"])["id"]
    return page(call, "credit_note_line_item", f"/v1/credit_notes/{note}/lines", parent=note)


_LINE = Shape(
    {
        "amount": Integer(1),
        "description": Text(),
        "invoice_line_item": Text(),
        "metadata": METADATA,
        "quantity": Integer(1),
        "tax_rates": ListOf(Text()),
        "type": Choice((_CUSTOM, _INVOICE_LINE)),
        "unit_amount": Integer(),
        "unit_amount_decimal": Number(),
    },
    ("type",),
)

ROUTES = (
    route(
        "POST",
        "/v1/credit_notes",
        _create,
        {
            "amount": Integer(1),
            "credit_amount": Integer(0),
            "effective_at": Integer(),
            "email_type": Choice(("credit_note", "none")),
            "invoice": Text(),
            "lines": ListOf(_LINE),
            "memo": Text(),
            "metadata": METADATA,
            "out_of_band_amount": Integer(0),
            "reason": Choice(_REASONS),
            "refund_amount": Integer(0),
        },
        ("invoice",),
    ),
    list_route("/v1/credit_notes", _list, {"created": TIME_RANGE, "customer": Text(), "invoice": Text()}),
    list_route("/v1/credit_notes/{credit_note}/lines", _list_lines),
    route(
        "GET",
        "/v1/credit_notes/{id}",
        lambda call: view(call.store, call.require("credit_note", call.path["id"])),
    ),
    route("POST", "/v1/credit_notes/{id}/void", _void),
)
