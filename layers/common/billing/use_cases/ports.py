"""What needs no flow of its own; each Protocol here and in *_ports.py is made real by one adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from billing.domain.schema import SchemaStatus


class Clock(Protocol):
    """The time now."""

    def __call__(self) -> datetime:
        """Return the instant now, in UTC."""
        ...


class SchemaMigrator(Protocol):
    """The versions of the database's schema."""

    def up(self) -> Sequence[str]:
        """Apply what is pending, all or nothing, and return the names of what this call applied.

        Raises
        ------
        SchemaError
            A file that was applied has changed, a number is missing or taken twice, or a statement failed.
        UnavailableError
            The database does not answer.
        """
        ...

    def down(self, to: int) -> Sequence[str]:
        """Roll back every migration above number `to`, newest first, and return their names.

        Raises
        ------
        SchemaError
            As for `up`, or no migration has this number.
        UnavailableError
            The database does not answer.
        """
        ...

    def status(self) -> SchemaStatus:
        """Return what stands, what is pending, and where the schema differs from what was applied.

        Raises
        ------
        SchemaError
            As for `up`.
        UnavailableError
            The database does not answer.
        """
        ...

    def ensure_login(self, role: str, password: str) -> bool:
        """Let the role sign in with this password; return whether that changed anything.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        ...


__all__ = [
    "Clock",
    "SchemaMigrator",
]
