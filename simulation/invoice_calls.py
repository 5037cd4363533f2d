"""The calls about invoices and credit notes, but their payment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulation.actions import Ref
from simulation.scene import Kind

if TYPE_CHECKING:
    from simulation.scene import Params, Scene


def _new_invoice(scene: Scene) -> Params:
    given: Params = {"currency": "eur", "default_tax_rates": scene.some("tax_rate", 2)}
    if scene.chance(0.5):
        given |= {"collection_method": "send_invoice", "days_until_due": scene.random.randint(0, 30)}
    if scene.chance(0.3):
        given["discounts"] = scene.coupons()
    return given


def _lines(scene: Scene) -> Params:
    # Now and then more than the ten that an event embeds: the rest must be fetched.
    many = scene.random.randint(6, 14) if scene.chance(0.15) else scene.random.randint(1, 3)
    return {
        "lines": [
            {"amount": scene.random.randint(0, 100_000), "description": scene.text()} for _ in range(many)
        ]
    }


def _line(scene: Scene) -> Params:
    return {
        "customer": Ref(customer_of(scene)),
        "currency": "eur",
        "amount": scene.random.randint(0, 9999),
        "description": scene.text(),
    }


def customer_of(scene: Scene) -> str:
    """Return the name of the customer whose object this is."""
    (found,) = scene.names["its customer"]
    return found


def _texts(scene: Scene) -> Params:
    return {scene.random.choice(("description", "footer")): scene.maybe(scene.text())}


def _credit(scene: Scene) -> Params:
    # Now and then more lines than the ten that an event embeds.
    many = scene.random.randint(11, 13) if scene.chance(0.1) else scene.random.randint(1, 3)
    left = scene.state["amount_remaining"] or scene.state["total"]
    amount = scene.random.randint(1, max(1, left // (2 * many)))
    line = {"type": "custom_line_item", "unit_amount": amount, "description": scene.text()}
    given: Params = {"lines": [dict(line) for _ in range(many)], "memo": scene.maybe(scene.text())}
    if scene.state["status"] == "paid":
        how = scene.random.choice(("credit_amount", "refund_amount", "out_of_band_amount"))
        given[how] = amount * many
    return given


INVOICE_CALLS = (
    Kind(1.5, "POST", "/v1/invoices", "customer", _new_invoice, parameter="customer"),
    Kind(2, "POST", "/v1/invoices/{invoice}/add_lines", "invoice", _lines, ("draft",)),
    Kind(1.5, "POST", "/v1/invoiceitems", "invoice", _line, ("draft",), parameter="invoice"),
    Kind(1, "DELETE", "/v1/invoiceitems/{invoiceitem}", "invoiceitem"),
    Kind(1.5, "POST", "/v1/invoices/{invoice}", "invoice", _texts, ("draft",)),
    Kind(0.4, "DELETE", "/v1/invoices/{invoice}", "invoice", statuses=("draft",)),
    Kind(1.5, "POST", "/v1/invoices/{invoice}/finalize", "invoice", statuses=("draft",)),
    Kind(0.7, "POST", "/v1/invoices/{invoice}/void", "invoice", statuses=("open", "uncollectible")),
    Kind(0.7, "POST", "/v1/invoices/{invoice}/mark_uncollectible", "invoice", statuses=("open",)),
    Kind(1.5, "POST", "/v1/credit_notes", "invoice", _credit, ("open", "paid", "uncollectible"), "invoice"),
    Kind(1.0, "POST", "/v1/credit_notes/{id}/void", "credit_note", statuses=("issued",)),
)
