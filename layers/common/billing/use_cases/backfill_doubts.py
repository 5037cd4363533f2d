"""When a backfill must not take for gone what a list does not show, as deletions are final."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.mirror import ObjectKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from billing.domain.recovery import KindBackfill
    from billing.use_cases.recovery_ports import BackfillLog

MOST_GONE = 0.1
"""The share of the mirror that may be gone from Stripe's list: more is taken for a wrong key."""
FEW_GONE = 100
"""So many may be gone whatever their share is."""

_OWNERS = (ObjectKind.CUSTOMER, ObjectKind.SUBSCRIPTION)


def doubt_owners(kind: ObjectKind, kinds: Sequence[KindBackfill]) -> str | None:
    """Return why a kind cannot be read by those that it is shown with, None if nothing speaks against it."""
    if kind is not ObjectKind.DISCOUNT:
        return None
    stopped = [one.kind.value for one in kinds if one.kind in _OWNERS and one.stopped is not None]
    return f"what shows them was left out: {', '.join(stopped)}" if stopped else None


def doubt_list(log: BackfillLog, row: KindBackfill, began: datetime) -> str | None:
    """Return why what a list did not show may be there all the same, None if nothing speaks for that.

    Raises
    ------
    UnavailableError
        The database does not answer.
    """
    if row.kind is ObjectKind.DISCOUNT:
        # How many are gone says nothing, because coupons run out. Whether it is the same account, what shows
        # them has told.
        unread = f"the discounts of {row.unreadable} cannot be read: which are gone is not known"
        return unread if row.unreadable else None
    unseen, held = log.count_unseen(row.kind, began)
    if unseen > max(FEW_GONE, held * MOST_GONE):
        return f"{unseen} of {held} are not in Stripe's list: is it the key of the same account?"
    return None
