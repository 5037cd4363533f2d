"""The list of event types in the documents is the code's."""

from __future__ import annotations

import importlib
import inspect
import re

from billing.adapters.stripe.event_types import STATE_TYPES
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


def test_every_type_of_a_mirrored_object_is_one_of_ours() -> None:
    """Given the types that Stripe's SDK knows, then ours are all that are about what is mirrored."""
    module = inspect.getsource(importlib.import_module("stripe.params._webhook_endpoint_create_params"))
    known = set(re.findall(r'^ +"([a-z_.]+)",$', module, re.MULTILINE))
    assert set(STATE_TYPES) <= known
    owners = {name.rpartition(".")[0] for name in STATE_TYPES}
    of_ours = {name for name in known if name.rpartition(".")[0] in owners}
    # There is no object yet that it could be about.
    assert of_ours - set(STATE_TYPES) == {"invoice.upcoming"}
