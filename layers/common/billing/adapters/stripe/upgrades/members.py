"""What the changes of several objects share."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

type Members = Mapping[str, object]


def with_absent(members: Members, **defaults: object) -> dict[str, object]:
    """Return the members with those that are absent; one that is there stays, null too."""
    return {**defaults, **members}


def renamed(members: Members, **names: str) -> dict[str, object]:
    """Return the members with each new name (the keyword) for an old one, where only the old is there."""
    found = {new: members[old] for new, old in names.items() if old in members}
    return {**found, **members}


def mapped_list(members: Members, name: str, change: Callable[[Members], Members]) -> dict[str, object]:
    """Return the members with each object of the embedded list changed, if it is a list."""
    embedded = members.get(name)
    if not isinstance(embedded, dict) or not isinstance(embedded.get("data"), list):
        return dict(members)
    data = [change(cast("Members", one)) if isinstance(one, dict) else one for one in embedded["data"]]
    return {**members, name: {**embedded, "data": data}}


def taxes(members: Members, old: str, new: str) -> dict[str, object]:
    """Return the members with the tax amounts from before 2025-03-31.basil in today's shape."""
    amounts = members.get(old)
    if new in members or not isinstance(amounts, list):
        return dict(members)
    return {**members, new: [_tax(one) if isinstance(one, dict) else one for one in amounts]}


def _tax(amount: Members) -> Members:
    rate = amount.get("tax_rate")
    return {
        "amount": amount.get("amount"),
        "tax_behavior": {True: "inclusive", False: "exclusive"}.get(cast("bool", amount.get("inclusive"))),
        # Before Stripe gave reasons it calls them so itself.
        "taxability_reason": amount.get("taxability_reason") or "not_available",
        "tax_rate_details": None if rate is None else {"tax_rate": rate},
        "taxable_amount": amount.get("taxable_amount"),
        "type": "tax_rate_details",
    }
