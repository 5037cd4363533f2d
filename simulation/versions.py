"""Events as an older API version of Stripe tells them: the shapes that a pinned endpoint goes on getting.

Written after Stripe's changelog and apart from the readers, which have to make the same state of every shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.stripe_standin import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.stripe_standin.store import Json

    type Look = Callable[[str, str], Json | None]
    type Older = Callable[[Json, Look], Json]

OLD_VERSIONS = (
    "2018-02-28",
    "2019-05-16",
    "2020-03-02",
    "2022-08-01",
    "2024-06-20",
    "2025-04-30.basil",
    "2025-11-17.clover",
)
NEW_VERSIONS = (API_VERSION, "2026-10-28.endive")
_PERIOD = ("current_period_start", "current_period_end")


def rendered(event: Json, version: str, look: Look) -> Json:
    """Return the event as this version tells it; `look` finds an object of Stripe's by its kind and id."""
    about = event["data"]["object"]
    for since, kind, older in _CHANGES:
        if about["object"] == kind and version[:10] < since:
            about = older(about, look)
    return {**event, "api_version": version, "data": {**event["data"], "object": about}}


def _without(members: Json, *names: str) -> Json:
    return {name: value for name, value in members.items() if name not in names}


def _renamed(members: Json, **names: str) -> Json:
    """Return the members with an older name (the keyword) for each of today's."""
    return {**_without(members, *names.values()), **{old: members[new] for old, new in names.items()}}


def _listed(members: Json, name: str, older: Callable[[Json], Json]) -> Json:
    return {**members, name: {**members[name], "data": [older(one) for one in members[name]["data"]]}}


def _old_taxes(members: Json, old: str, new: str) -> Json:
    amounts = [
        {
            "amount": tax["amount"],
            "inclusive": tax["tax_behavior"] == "inclusive",
            "tax_rate": (tax["tax_rate_details"] or {}).get("tax_rate"),
            "taxability_reason": tax["taxability_reason"],
            "taxable_amount": tax["taxable_amount"],
        }
        for tax in members[new]
    ]
    return {**_without(members, new), old: amounts}


def _invoice_before_dahlia(invoice: Json, _: Look) -> Json:
    return _listed(invoice, "lines", lambda line: _without(line, "quantity_decimal"))


def _invoice_before_basil(invoice: Json, _: Look) -> Json:
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    old = {
        **_old_taxes(_without(invoice, "parent"), "total_tax_amounts", "total_taxes"),
        "subscription": details.get("subscription"),
        "quote": None,
        "paid": invoice["status"] == "paid",
        "tax": sum(tax["amount"] for tax in invoice["total_taxes"]) or None,
    }
    return _listed(old, "lines", _line_before_basil)


def _line_before_basil(line: Json) -> Json:
    kind = line["parent"]["type"]
    details, pricing = line["parent"][kind], line["pricing"]
    price = None
    if pricing is not None:
        named = pricing["price_details"]
        unit = pricing["unit_amount_decimal"]
        price = {"id": named["price"], "product": named["product"], "unit_amount_decimal": unit}
    old = {
        **_without(line, "parent", "pricing"),
        "type": "subscription" if kind == "subscription_item_details" else "invoiceitem",
        "subscription": details["subscription"],
        "proration": details["proration"],
        "price": price,
    }
    return _old_taxes(old, "tax_amounts", "taxes")


def _invoice_before_2020(invoice: Json, look: Look) -> Json:
    """Tell the one discount itself, and no amounts; what is more was not possible."""
    found = [look("discount", discount) for discount in invoice["discounts"]]
    discount = next(iter(found), None)
    old = {**_without(invoice, "discounts", "total_discount_amounts", "total_excluding_tax")}
    old = _listed(old, "lines", lambda line: _without(line, "discount_amounts", "discounts"))
    # One that is gone is shown as it was.
    return {**old, "discount": discount or ({"object": "discount"} if invoice["discounts"] else None)}


def _invoice_before_2019(invoice: Json, _: Look) -> Json:
    return _renamed(invoice, billing="collection_method", date="created")


def _invoice_before_december_2019(invoice: Json, _: Look) -> Json:
    """Name each line after what it comes from; its own id is told beside that."""
    prefix = {"subscription": "sli", "invoiceitem": "ii"}

    def older(line: Json) -> Json:
        suffix = line["id"].partition("_")[2]
        return {**line, "id": f"{prefix[line['type']]}_{suffix}", "unique_id": line["id"]}

    return _listed(invoice, "lines", older)


def _invoice_before_may_2018(invoice: Json, _: Look) -> Json:
    """Tell a line's subscription as the line's id only."""

    def older(line: Json) -> Json:
        if line["type"] != "subscription":
            return line
        return {**line, "id": line["subscription"], "subscription": None}

    return _listed(invoice, "lines", older)


def _invoice_before_november_2018(invoice: Json, _: Look) -> Json:
    status = invoice["status"]
    flags = {"closed": status not in {"draft", "open"}, "forgiven": status == "uncollectible"}
    return {**_without(invoice, "status", "auto_advance"), **flags}


def _subscription_before_basil(subscription: Json, _: Look) -> Json:
    """Tell one period, as all items had the same when there was no other way."""
    first = min(subscription["items"]["data"], key=lambda item: int(item["current_period_end"]))
    period = {name: first[name] for name in _PERIOD}
    return _listed({**subscription, **period}, "items", lambda item: _without(item, *_PERIOD))


def _subscription_before_2019(subscription: Json, _: Look) -> Json:
    old = _renamed(_without(subscription, "currency"), billing="collection_method", start="start_date")
    return _listed(old, "items", lambda item: _renamed(item, plan="price"))


def _credit_note_before_basil(note: Json, _: Look) -> Json:
    refunds = [refund["refund"] for refund in note["refunds"]]
    old = _old_taxes(_without(note, "refunds"), "tax_amounts", "total_taxes")
    old = _listed(old, "lines", lambda line: _old_taxes(line, "tax_amounts", "taxes"))
    return {**old, "refund": refunds[0] if refunds else None}


def _intent_before_2022(intent: Json, look: Look) -> Json:
    latest = intent["latest_charge"]
    found = None if latest is None else look("charge", latest)
    data = [] if found is None else [found]
    charges = {"object": "list", "data": data, "has_more": False, "total_count": len(data)}
    return {**_without(intent, "latest_charge"), "charges": charges}


def _intent_before_2019(intent: Json, _: Look) -> Json:
    old = {"requires_payment_method": "requires_source", "requires_action": "requires_source_action"}
    return {
        **_renamed(intent, source="payment_method"),
        "status": old.get(intent["status"], intent["status"]),
    }


def _charge_before_2020(charge: Json, _: Look) -> Json:
    return _without(charge, "amount_captured")


def _customer_before_2019(customer: Json, _: Look) -> Json:
    return customer if customer.get("deleted") else _renamed(customer, account_balance="balance")


def _discount_before_clover(discount: Json, look: Look) -> Json:
    coupon = discount["source"]["coupon"]
    told = look("coupon", coupon) or {"id": coupon, "object": "coupon"}
    return {**_without(discount, "source"), "coupon": told}


def _schedule_before_basil(schedule: Json, _: Look) -> Json:
    phases = [{**_without(phase, "discounts"), "coupon": None} for phase in schedule["phases"]]
    return {**schedule, "phases": phases}


def _schedule_before_2020(schedule: Json, _: Look) -> Json:
    def older(phase: Json) -> Json:
        return {
            **_without(phase, "items"),
            "plans": [_renamed(item, plan="price") for item in phase["items"]],
        }

    return {**schedule, "phases": [older(phase) for phase in schedule["phases"]]}


_CHANGES: tuple[tuple[str, str, Older], ...] = (
    ("2026-03-25", "invoice", _invoice_before_dahlia),
    ("2025-09-30", "discount", _discount_before_clover),
    ("2025-03-31", "invoice", _invoice_before_basil),
    ("2025-03-31", "subscription", _subscription_before_basil),
    ("2025-03-31", "credit_note", _credit_note_before_basil),
    ("2025-03-31", "subscription_schedule", _schedule_before_basil),
    ("2022-11-15", "payment_intent", _intent_before_2022),
    ("2020-08-27", "invoice", _invoice_before_2020),
    ("2020-08-27", "charge", _charge_before_2020),
    ("2020-08-27", "subscription_schedule", _schedule_before_2020),
    ("2019-12-03", "invoice", _invoice_before_december_2019),
    ("2019-10-17", "invoice", _invoice_before_2019),
    ("2019-10-17", "subscription", _subscription_before_2019),
    ("2019-10-17", "customer", _customer_before_2019),
    ("2019-02-11", "payment_intent", _intent_before_2019),
    ("2018-11-08", "invoice", _invoice_before_november_2018),
    ("2018-05-21", "invoice", _invoice_before_may_2018),
)
"""From which version on today's shape holds, newest first, and what it was before."""
