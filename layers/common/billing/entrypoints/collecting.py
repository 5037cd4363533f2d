"""When Python looks for cycles of objects that nothing else holds."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MANY = 100_000
"""More than a backfill's pages hold at a time, and little of its memory if all of them were in cycles."""


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Look for cycles only after that many new objects, for the length of the block.

    A page of Stripe's is thousands of dicts that refer to each other in one direction only: they go when the
    page does, and looking through them for cycles several times a page was a tenth of its CPU.
    """
    usual = gc.get_threshold()
    gc.set_threshold(_MANY, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
