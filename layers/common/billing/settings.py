"""What a function is told by its environment: frozen, typed, read once on first use, never at import."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Set  # noqa: PYI025 -- the abstract one

    from billing.domain.documents import Logo, Seller


_COLOR = re.compile("[0-9a-f]{6}", re.ASCII)
_LOGO = re.compile("[A-Za-z0-9_-]+[.](png|jpe?g)", re.ASCII)


class SettingsError(Exception):
    """A setting is missing or malformed; the message names the variable, never its value."""


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """How one function reaches PostgreSQL; the credentials are in the secret, never here.

    `ssl_root_cert` is the PEM file of the CAs that the server's certificate may come from; empty for the
    public ones.
    """

    host: str
    port: int
    name: str
    ssl_mode: str
    secret_id: str
    ssl_root_cert: str = ""

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> DatabaseSettings:
        """Return the settings.

        Raises
        ------
        SettingsError
            A variable is missing or malformed.
        """
        return cls(
            host=required(env, "DATABASE_HOST"),
            port=_port(env, "DATABASE_PORT"),
            name=required(env, "DATABASE_NAME"),
            ssl_mode=env.get("DATABASE_SSL_MODE", "verify-full"),
            secret_id=required(env, "DATABASE_SECRET_ID"),
            ssl_root_cert=env.get("DATABASE_SSL_ROOT_CERT", ""),
        )


@dataclass(frozen=True, slots=True)
class ClickHouseSettings:
    """How a function reaches ClickHouse; user and password are in the secret, never here."""

    host: str
    port: int
    database: str
    secure: bool
    secret_id: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> ClickHouseSettings:
        """Return the settings.

        Raises
        ------
        SettingsError
            A variable is missing or malformed.
        """
        secure = env.get("CLICKHOUSE_SECURE") or "true"
        if secure not in {"true", "false"}:
            raise SettingsError("the environment variable CLICKHOUSE_SECURE is neither true nor false")
        return cls(
            host=required(env, "CLICKHOUSE_HOST"),
            port=_port(env, "CLICKHOUSE_PORT"),
            database=required(env, "CLICKHOUSE_DATABASE"),
            secure=secure == "true",
            secret_id=required(env, "CLICKHOUSE_SECRET_ID"),
        )


def usage_store_of(env: Mapping[str, str]) -> str:
    """Return where the usage of new customers is kept: postgres, unless USAGE_STORE says clickhouse.

    Raises
    ------
    SettingsError
        It says something else, or clickhouse without a host.
    """
    named = env.get("USAGE_STORE") or "postgres"
    if named not in {"postgres", "clickhouse"}:
        raise SettingsError("the environment variable USAGE_STORE is neither postgres nor clickhouse")
    if named == "clickhouse" and not env.get("CLICKHOUSE_HOST"):
        raise SettingsError("USAGE_STORE is clickhouse, but CLICKHOUSE_HOST is not set")
    return named


def required(env: Mapping[str, str], name: str) -> str:
    """Return a variable that must be set and not empty.

    Raises
    ------
    SettingsError
        It is missing or empty.
    """
    value = env.get(name, "")
    if not value:
        raise SettingsError(f"the environment variable {name} is not set")
    return value


def calls_per_second(env: Mapping[str, str]) -> float:
    """Return how many calls a second Stripe takes: 100 live and 25 in test mode, unless told otherwise.

    Source: Stripe, "Rate limits".

    Raises
    ------
    SettingsError
        STRIPE_RATE_LIMIT is no number above 0.
    """
    given = env.get("STRIPE_RATE_LIMIT", "")
    if not given or given == "0":
        return 100.0 if env.get("STRIPE_LIVEMODE") == "true" else 25.0
    if not given.isdecimal():
        raise SettingsError("the environment variable STRIPE_RATE_LIMIT is not a whole number")
    return float(given)


def meter_events_per_second(env: Mapping[str, str]) -> float:
    """Return how many meter events a second Stripe takes: 1,000 live, and what it takes of any calls else.

    A limit that was set holds for these as well. Source: Stripe, "Record usage for billing using the API":
    they have a limit of their own live, and count towards the general one in test mode.

    Raises
    ------
    SettingsError
        STRIPE_RATE_LIMIT is no number above 0.
    """
    is_set = env.get("STRIPE_RATE_LIMIT", "") not in {"", "0"}
    return 1_000.0 if env.get("STRIPE_LIVEMODE") == "true" and not is_set else calls_per_second(env)


def usage_retention(env: Mapping[str, str]) -> int:
    """Return for how many months usage events are kept, 0 for ever; 13 unless told otherwise.

    Raises
    ------
    SettingsError
        USAGE_RETENTION_MONTHS is no whole number.
    """
    given = env.get("USAGE_RETENTION_MONTHS", "13")
    if not given.isdecimal():
        raise SettingsError("the environment variable USAGE_RETENTION_MONTHS is not a whole number")
    return int(given)


def _port(env: Mapping[str, str], name: str) -> int:
    value = required(env, name)
    if not value.isdecimal():
        raise SettingsError(f"the environment variable {name} is not a port number")
    return int(value)


def read_seller(env: Mapping[str, str], read_logo: Callable[[str], Logo] | None = None) -> Seller:
    """Return who issues the invoices, from the JSON object in SELLER.

    Keys: name (required), address (line1, line2, city, state, postal_code, country), email,
    tax_ids (a list of type and value), registration, accent_color (such as 0a5ad4), payment_note, footer,
    logo (the name of a file in the PDF layer, which `read_logo` opens where a document is drawn).

    Raises
    ------
    SettingsError
        It is not such an object; the message names the key.
    """
    # Not at the top: only the function that draws invoices needs documents.
    from billing.domain.documents import Seller  # noqa: PLC0415
    from billing.domain.parties import Address, TaxId  # noqa: PLC0415

    try:
        seller = json.loads(required(env, "SELLER"))
    except ValueError:
        raise SettingsError("the environment variable SELLER is not JSON") from None
    texts = {"name", "email", "registration", "accent_color", "payment_note", "footer", "logo"}
    fields = _texts(seller, "SELLER", texts, {"address", "tax_ids"})
    if "name" not in fields:
        raise SettingsError("SELLER has no name")
    parts = {"line1", "line2", "city", "state", "postal_code", "country"}
    accent = fields.get("accent_color")
    if accent is not None and not _COLOR.fullmatch(accent):
        raise SettingsError("SELLER.accent_color is not six hexadecimal digits")
    if not _LOGO.fullmatch(fields.get("logo", "logo.png")):
        raise SettingsError("SELLER.logo is not the name of a .png or .jpg file")
    address = _texts(seller.get("address", {}), "SELLER.address", parts)
    numbers = seller.get("tax_ids", [])
    if not isinstance(numbers, list):
        raise SettingsError("SELLER.tax_ids is not a list")
    tax_ids = [_texts(number, f"SELLER.tax_ids[{i}]", {"type", "value"}) for i, number in enumerate(numbers)]
    for i, tax_id in enumerate(tax_ids):
        if len(tax_id) != len(("type", "value")):
            raise SettingsError(f"SELLER.tax_ids[{i}] needs a type and a value")
    return Seller(
        name=fields["name"],
        address=Address(**address),
        email=fields.get("email"),
        tax_ids=tuple(TaxId(**tax_id) for tax_id in tax_ids),
        registration=fields.get("registration"),
        accent_color=accent,
        payment_note=fields.get("payment_note"),
        footer=fields.get("footer"),
        logo=read_logo(fields["logo"]) if read_logo is not None and "logo" in fields else None,
    )


def _texts(value: object, where: str, allowed: Set[str], elsewhere: Set[str] = frozenset()) -> dict[str, str]:
    """Return the texts of a JSON object that may hold nothing but `allowed` and what is read elsewhere."""
    if not isinstance(value, dict):
        raise SettingsError(f"{where} is not an object")
    texts = {key: text for key, text in value.items() if key not in elsewhere}
    for key, text in texts.items():
        if key not in allowed:
            raise SettingsError(f"{where}.{key} is not known")
        if not isinstance(text, str) or not text:
            raise SettingsError(f"{where}.{key} is not a text")
    return texts
