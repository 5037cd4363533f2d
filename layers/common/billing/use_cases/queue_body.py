"""An event that was read from Stripe as a message of the queue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from billing.domain.errors import PayloadRejectedError
from billing.use_cases.receive_stripe_event import LARGEST_BODY

if TYPE_CHECKING:
    from collections.abc import Mapping


def queue_body(event: Mapping[str, object]) -> str:
    """Return the event's JSON in ASCII, which every queue takes as it is.

    Raises
    ------
    PayloadRejectedError
        It is larger than a message can be.
    """
    body = json.dumps(event, separators=(",", ":"))
    if len(body) > LARGEST_BODY:
        raise PayloadRejectedError("The event is larger than 1 MiB.")
    return body
