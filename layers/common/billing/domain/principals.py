"""Who is calling."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a principal may do: customers see their own billing, admins run the system."""

    CUSTOMER = "customer"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    `customer` is the Stripe customer id whose data the caller may see; admins have none.
    """

    user: str
    role: Role
    customer: str | None
    locale: str
    timezone: str
