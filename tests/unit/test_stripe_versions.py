"""The API versions that are known, and those that are not."""

from __future__ import annotations

import pytest

from billing.adapters.stripe.event_types import API_VERSION
from billing.adapters.stripe.events import read_event
from billing.adapters.stripe.reading import UnreadableError
from billing.adapters.stripe.upgrades import read_version
from billing.domain.invoices import Invoice
from billing.domain.mirror import Mention, ObjectKind, Unreadable
from tests.fakes.stripe_payloads import event, invoice


@pytest.mark.parametrize("text", ["2024-09-30.acacia", "2016-03-07; orders_beta=v3", "2014-11-05"])
def test_a_version_is_told_by_its_date(text: str) -> None:
    """Given a version with a release's name or a beta header, when read, then its date counts."""
    assert read_version(text).date == text[:10]


@pytest.mark.parametrize("text", ["", "2024", "2031-01-01.unheard", "dahlia", "2016-03-07 ", "20260-1-1"])
def test_a_version_that_cannot_be_placed_is_not_read(text: str) -> None:
    """Given a malformed or future version, when read, then it is refused by name."""
    with pytest.raises(UnreadableError, match="api_version"):
        read_version(text)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("2031-01-01.unheard", "api_version: 2031-01-01.unheard is not known"),
        ("dahlia; drop table", "api_version: malformed"),
    ],
)
def test_a_version_whose_shape_is_not_known_is_asked_for(version: str | None, said: str) -> None:
    """Given a version outside the known releases, when a snapshot is read, then it is to be asked for."""
    read = read_event(event("invoice.paid", invoice(), api_version=version))
    assert read.content == Mention(ObjectKind.INVOICE, "in_1", said)


def test_only_our_own_version_is_quarantined_for_its_shape() -> None:
    """Given an invoice without a member, when read in our version, it is unreadable; in others, asked for."""
    told = {name: value for name, value in invoice().items() if name != "total"}
    lacks = "invoice.total: missing"
    ours = read_event(event("invoice.paid", told, api_version=API_VERSION))
    assert ours.content == Unreadable(lacks)
    other = read_event(event("invoice.paid", told, api_version="2026-10-28.endive"))
    assert other.content == Mention(ObjectKind.INVOICE, "in_1", f"{lacks} (in 2026-10-28.endive)")


@pytest.mark.parametrize("version", ["2025-03-31.basil", "2025-11-17.clover", "2026-10-28.endive"])
def test_the_releases_of_one_shape_are_read(version: str) -> None:
    """Given any release since basil, when a snapshot is read, then it is readable."""
    assert isinstance(read_event(event("invoice.paid", invoice(), api_version=version)).content, Invoice)
