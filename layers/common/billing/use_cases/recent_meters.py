"""The meters without a question to the database for every request."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from billing.domain.usage import UsageMeter
    from billing.use_cases.usage_ports import UsageMeters

KEPT = timedelta(seconds=60)
"""How long a change of the meters may go unseen; they change with a deploy only."""


class RecentMeters:
    """The port `UsageMeters`, remembering what another said."""

    def __init__(self, meters: UsageMeters, clock: Callable[[], datetime]) -> None:
        self._meters = meters
        self._clock = clock
        self._known: tuple[datetime, Sequence[UsageMeter]] | None = None

    def all(self) -> Sequence[UsageMeter]:
        """Return every meter that counted within the last KEPT, by name.

        Raises
        ------
        UnavailableError
            The meters are not known, or no longer, and the store does not answer.
        """
        now = self._clock()
        if self._known is None or now - self._known[0] >= KEPT:
            self._known = (now, self._meters.all())
        return self._known[1]
