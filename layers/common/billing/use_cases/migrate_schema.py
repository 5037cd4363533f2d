"""Bring the schema and the roles that use it up to date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from billing.domain.schema import SchemaStatus
    from billing.use_cases.ports import SchemaMigrator


@dataclass(frozen=True, slots=True)
class MigrateSchema:
    """Migrations run as the owner; the application's roles get their logins, and no right to migrate.

    `logins` maps each role to where its password is read, at the time of the call.
    """

    migrator: SchemaMigrator
    logins: Mapping[str, Callable[[], str]]

    def up(self) -> Sequence[str]:
        """Apply what is pending, let the roles sign in, and return the names of what was applied.

        Raises
        ------
        SchemaError
            The migrations and the database do not fit together; nothing was applied.
        UnavailableError
            The database or the secrets do not answer.
        """
        applied = self.migrator.up()
        for role, password in self.logins.items():
            self.migrator.ensure_login(role, password())
        return applied

    def down(self, to: int) -> Sequence[str]:
        """Roll back every migration above number `to` and return their names, newest first.

        Raises
        ------
        SchemaError
            The migrations and the database do not fit together; nothing was rolled back.
        UnavailableError
            The database does not answer.
        """
        return self.migrator.down(to)

    def status(self) -> SchemaStatus:
        """Return what stands, what is pending, and where the schema was changed by hand.

        Raises
        ------
        SchemaError
            The migrations and the database do not fit together.
        UnavailableError
            The database does not answer.
        """
        return self.migrator.status()
