"""The migrations of a directory: NNNN_name.sql, each with NNNN_name.rollback.sql."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.schema import SchemaError

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+?)(?P<rollback>\.rollback)?\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step up, and its step down."""

    version: int
    name: str
    sql: str
    rollback: str

    @property
    def label(self) -> str:
        """The file's name without its ending."""
        return f"{self.version:04d}_{self.name}"

    @property
    def checksum(self) -> str:
        """The SHA-256 of the step up, in hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(directory: Path) -> list[Migration]:
    """Return the migrations in order.

    Raises
    ------
    SchemaError
        There are none; a name is malformed, a number is missing or used twice, or a step lacks its rollback.
    """
    steps: dict[str, str] = {}
    rollbacks: dict[str, str] = {}
    for path in sorted(directory.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise SchemaError(f"{path.name} is not named NNNN_name.sql or NNNN_name.rollback.sql")
        found = rollbacks if match["rollback"] else steps
        found[f"{match['version']}_{match['name']}"] = path.read_text(encoding="utf-8")
    if not steps:
        raise SchemaError(f"there are no migrations in {directory}")
    if alone := sorted(steps.keys() ^ rollbacks.keys()):
        raise SchemaError(f"{alone[0]} lacks its {'rollback' if alone[0] in steps else 'migration'}")
    migrations = []
    for expected, label in enumerate(sorted(steps), start=1):
        version, name = int(label[:4]), label[5:]
        if version != expected:
            problem = "is used twice" if version < expected else f"comes where {expected:04d} is missing"
            raise SchemaError(f"{label}: the number {version:04d} {problem}")
        migrations.append(Migration(version, name, steps[label], rollbacks[label]))
    return migrations
