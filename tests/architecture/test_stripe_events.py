"""The list of event types in the documents is the code's."""

from __future__ import annotations

from billing.adapters.stripe.events import STATE_TYPES
from operate.endpoint import event_types_table
from tests.support.lambdas import PROJECT


def test_the_event_types_are_documented() -> None:
    """Given the types that change state, when the page is read, then its table is what the code prints.

    `python -m operate event-types` prints it.
    """
    page = (PROJECT / "docs" / "stripe-events.md").read_text()
    assert page.endswith(f"\n\n{event_types_table()}")


def test_no_type_is_there_twice() -> None:
    """Given the types that change state, when counted, then each is there once, in order."""
    assert list(STATE_TYPES) == sorted(set(STATE_TYPES))
