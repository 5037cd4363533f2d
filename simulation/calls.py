"""The calls to Stripe's API that a history is made of: another kind of object is more entries in CALLS."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from simulation.actions import Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from local.stripe_standin.store import Json

_CARD = "pm_card_visa"
_DECLINED = "pm_card_visa_chargeDeclined"


@dataclass(frozen=True, slots=True)
class Scene:
    """What a call may be about: `subject` is its object's name, `state` what Stripe keeps of it.

    `names` lists what exists by kind; `items` is how many items a subscription has.
    """

    random: Random
    subject: str
    state: Json
    names: Mapping[str, list[str]]
    items: int

    def text(self) -> str:
        """Return a name that was hardly used before."""
        return f"text {self.random.randrange(100_000)}"

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self.random.random() < probability

    def maybe(self, value: Any) -> Any:
        """Return the value, or None to unset it."""
        return None if self.chance(0.2) else value

    def some(self, kind: str, most: int) -> list[Ref]:
        """Return up to so many objects of a kind."""
        found = self.names.get(kind, [])
        return [
            Ref(name) for name in self.random.sample(found, min(len(found), self.random.randint(0, most)))
        ]


type Params = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One call: how often it is made, on which kind of object, in which statuses, with which parameters."""

    weight: float
    method: str
    pattern: str
    on: str
    params: Callable[[Scene], Params] = lambda _: {}
    statuses: tuple[str, ...] = ()
    parameter: str | None = None

    def fits(self, state: Json) -> bool:
        """Return whether Stripe is likely to take the call on an object in this state."""
        return not self.statuses or state.get("status") in self.statuses


def _address(scene: Scene) -> Params:
    return {"city": scene.text(), "country": scene.random.choice(("DE", "FR")), "line1": scene.text()}


def new_customer(scene: Scene) -> Params:
    """Return the parameters of a new customer, who has a card."""
    return {
        "name": scene.text(),
        "email": f"{scene.random.randrange(10_000)}@example.com",
        "payment_method": _CARD,
        "invoice_settings": {"default_payment_method": _CARD},
        **({"address": _address(scene)} if scene.chance(0.5) else {}),
    }


def _customer_change(scene: Scene) -> Params:
    changes: list[Params] = [
        {"name": scene.maybe(scene.text())},
        {"email": scene.maybe(f"{scene.random.randrange(10_000)}@example.com")},
        {"address": scene.maybe(_address(scene))},
        {"preferred_locales": scene.random.sample(("de", "en", "fr"), scene.random.randint(0, 3))},
        {"tax_exempt": scene.random.choice(("none", "exempt", "reverse"))},
        {"metadata": {"note": scene.text()}},  # an event that changes nothing of what is mirrored
    ]
    return scene.random.choice(changes)


def _new_subscription(scene: Scene) -> Params:
    prices = scene.names["price"][:2]
    chosen = scene.random.sample(prices, scene.random.randint(1, len(prices)))
    items = [{"price": Ref(price), "quantity": scene.random.randint(1, 5)} for price in chosen]
    given: Params = {"items": items, "default_tax_rates": scene.some("tax_rate", 1)}
    if scene.chance(0.4):
        given |= {"collection_method": "send_invoice", "days_until_due": 14}
    return given


def _subscription_change(scene: Scene) -> Params:
    if scene.chance(0.5):
        return {"cancel_at_period_end": not scene.state["cancel_at_period_end"]}
    changed = scene.random.sample(range(scene.items), scene.random.randint(1, scene.items))
    items = [
        {"id": Ref(scene.subject, item), "quantity": scene.random.randint(0, 9)} for item in sorted(changed)
    ]
    return {"items": items, "proration_behavior": "none"}


def _new_invoice(scene: Scene) -> Params:
    given: Params = {"currency": "eur", "default_tax_rates": scene.some("tax_rate", 2)}
    if scene.chance(0.5):
        given |= {"collection_method": "send_invoice", "days_until_due": scene.random.randint(0, 30)}
    if scene.chance(0.3):
        given["discounts"] = [{"coupon": ref} for ref in scene.some("coupon", 1)]
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


def _payment(scene: Scene) -> Params:
    return scene.random.choice(({}, {}, {"paid_out_of_band": True}, {"payment_method": _DECLINED}))


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


CALLS = (
    Kind(3, "POST", "/v1/customers/{customer}", "customer", _customer_change),
    Kind(0.15, "DELETE", "/v1/customers/{customer}", "customer"),
    Kind(
        0.3,
        "POST",
        "/v1/customers/{customer}/tax_ids",
        "customer",
        lambda scene: {"type": "eu_vat", "value": f"DE{scene.random.randrange(10**9):09d}"},
    ),
    Kind(1, "POST", "/v1/subscriptions", "customer", _new_subscription, parameter="customer"),
    Kind(4, "POST", "/v1/subscriptions/{subscription}", "subscription", _subscription_change, ("active",)),
    Kind(0.5, "DELETE", "/v1/subscriptions/{subscription}", "subscription", statuses=("active",)),
    Kind(1.5, "POST", "/v1/invoices", "customer", _new_invoice, parameter="customer"),
    Kind(2, "POST", "/v1/invoices/{invoice}/add_lines", "invoice", _lines, ("draft",)),
    Kind(1.5, "POST", "/v1/invoiceitems", "invoice", _line, ("draft",), parameter="invoice"),
    Kind(1, "DELETE", "/v1/invoiceitems/{invoiceitem}", "invoiceitem"),
    Kind(1.5, "POST", "/v1/invoices/{invoice}", "invoice", _texts, ("draft",)),
    Kind(0.4, "DELETE", "/v1/invoices/{invoice}", "invoice", statuses=("draft",)),
    Kind(1.5, "POST", "/v1/invoices/{invoice}/finalize", "invoice", statuses=("draft",)),
    Kind(
        2,
        "POST",
        "/v1/invoices/{invoice}/pay",
        "invoice",
        _payment,
        statuses=("draft", "open", "uncollectible"),
    ),
    Kind(0.7, "POST", "/v1/invoices/{invoice}/void", "invoice", statuses=("open", "uncollectible")),
    Kind(0.7, "POST", "/v1/invoices/{invoice}/mark_uncollectible", "invoice", statuses=("open",)),
    Kind(1.5, "POST", "/v1/credit_notes", "invoice", _credit, ("open", "paid", "uncollectible"), "invoice"),
    Kind(1.0, "POST", "/v1/credit_notes/{id}/void", "credit_note", statuses=("issued",)),
)
"""What may be asked of an object that exists; those that the stand-in does not have are left out."""

SETTING: tuple[tuple[str, Params], ...] = (
    ("/v1/products", {"name": "Seats"}),
    (
        "/v1/prices",
        {
            "product": Ref("product@1"),
            "currency": "eur",
            "unit_amount": 900,
            "recurring": {"interval": "month"},
        },
    ),
    (
        "/v1/prices",
        {"product": Ref("product@1"), "currency": "eur", "unit_amount": 0, "recurring": {"interval": "year"}},
    ),
    ("/v1/coupons", {"percent_off": Decimal(25), "duration": "once"}),
    ("/v1/tax_rates", {"display_name": "MwSt.", "percentage": Decimal("19.0"), "inclusive": False}),
    ("/v1/tax_rates", {"display_name": "TVA", "percentage": Decimal("5.5"), "inclusive": True}),
)
"""What a world sells: the first calls of every history."""
