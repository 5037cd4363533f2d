"""An event that was read from Stripe as a message of the queue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from billing.domain.errors import PayloadRejectedError
from billing.use_cases.receive_stripe_event import LARGEST_BODY

if TYPE_CHECKING:
    from collections.abc import Mapping


_MARK = 64
"""Bytes that are left for the queue's mark on the message, which counts as its body does."""


def queue_body(event: Mapping[str, object]) -> str:
    """Return the event's JSON in ASCII, which every queue takes as it is.

    Raises
    ------
    PayloadRejectedError
        It is larger than a message can be.
    """
    body = json.dumps(event, separators=(",", ":"))
    if len(body) > LARGEST_BODY - _MARK:
        raise PayloadRejectedError("The event is larger than a message can be (1 MiB).")
    return body
