"""When Python looks for cycles."""

from __future__ import annotations

import gc

import pytest

from billing.entrypoints.collecting import rarely_collected


def test_the_collector_is_as_before_afterwards() -> None:
    """Given a block in which cycles are rarely looked for, when it fails, then all is as before it."""
    usual = gc.get_threshold()
    within: list[int] = []

    def work() -> None:
        with rarely_collected():
            within.extend(gc.get_threshold())
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert within[0] > usual[0]
    assert gc.get_threshold() == usual
