"""Bring one object of the mirror to Stripe's state without an event that tells of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from billing.domain.errors import BillingError, ContentionError, UnavailableError
from billing.domain.mirror import Verdict

if TYPE_CHECKING:
    from billing.domain.mirror import ObjectKind, Observation
    from billing.use_cases.mirror_ports import Mirror, StripeObjects

ROUNDS = 3
"""How often a settlement starts anew because the object moved meanwhile."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Stripe's word on an object: None as `seen` if it does not know it, or why it could not be read."""

    id: str
    seen: Observation | None
    problem: str | None = None


class SettleObject:
    """Fetches an object, and writes it if it still stands as it did before asking."""

    def __init__(self, mirror: Mirror, stripe: StripeObjects) -> None:
        self._mirror = mirror
        self._stripe = stripe

    def fetch(self, kind: ObjectKind, object_id: str, listed: Observation | None = None) -> Fetched:
        """Return what Stripe says of the object, of which a list may have shown a part; for any thread.

        Raises
        ------
        UnavailableError
            Stripe does not answer, or asks to slow down for too long.
        """
        try:
            return Fetched(object_id, self._stripe.fetch(kind, object_id, listed))
        except UnavailableError:
            raise
        except BillingError as error:
            return Fetched(object_id, None, str(error))

    def __call__(self, kind: ObjectKind, object_id: str) -> None:
        """Return when the mirror holds Stripe's state, or Stripe does not know the object.

        Raises
        ------
        UnavailableError
            Stripe or the database does not answer.
        ContentionError
            The object moved in every round.
        """
        for _ in range(ROUNDS):
            standing = self._mirror.standing(kind, object_id)
            found = self._stripe.fetch(kind, object_id)
            if found is None:
                return
            if standing is not None:
                # Read after what stands, so it holds every change up to both.
                found = replace(found, as_of=max(found.as_of, standing.as_of))
            if self._mirror.settle(None, found, standing) is not Verdict.MOVED:
                return
        raise ContentionError(f"The {kind.value} kept changing while its state was settled.")
