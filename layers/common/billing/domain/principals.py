"""Who is calling."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a principal may do: customers see their own billing, admins run the system."""

    CUSTOMER = "customer"
    ADMIN = "admin"


class Via(StrEnum):
    """How a caller authenticated: programs have an API key, people a token of the issuer."""

    API_KEY = "api_key"
    TOKEN = "token"  # noqa: S105 - a kind of credentials


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
    via: Via = Via.TOKEN
