"""End the discounts that no list of Stripe's shows any more, though no event told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.mirror import Deletion, ObjectKind, Observation, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from billing.use_cases.mirror_ports import Mirror


def end_discounts(mirror: Mirror, discounts: Sequence[str], as_of: datetime) -> int:
    """Delete those that the mirror knows of nothing since `as_of`, and return how many those are.

    Stripe returns none by its id, so nobody can be asked again, and a deletion is final: one that an event
    tells of at this moment stays.

    Raises
    ------
    UnavailableError
        The database does not answer; some may be deleted.
    """
    ended = 0
    for discount in discounts:
        standing = mirror.standing(ObjectKind.DISCOUNT, discount)
        if standing is None or standing.deleted or standing.as_of >= as_of:
            continue
        gone = Observation(Deletion(ObjectKind.DISCOUNT, discount), as_of)
        ended += mirror.settle(None, gone, standing) is Verdict.APPLIED
    return ended
