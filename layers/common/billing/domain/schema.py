"""Which version of its schema a database stands at."""

from dataclasses import dataclass

from billing.domain.errors import BillingError


class SchemaError(BillingError):
    """The schema cannot be brought to the asked version; the message names the migration."""


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """What stands, what is pending, and what somebody changed by hand (`drift`, one line a difference)."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    drift: tuple[str, ...]
