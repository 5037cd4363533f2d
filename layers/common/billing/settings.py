"""What a function is told by its environment: frozen, typed, read once on first use, never at import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class SettingsError(Exception):
    """A setting is missing or malformed; the message names the variable, never its value."""


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """How one function reaches PostgreSQL; the credentials are in the secret, never here."""

    host: str
    port: int
    name: str
    ssl_mode: str
    secret_id: str

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
        )


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


def _port(env: Mapping[str, str], name: str) -> int:
    value = required(env, name)
    if not value.isdecimal():
        raise SettingsError(f"the environment variable {name} is not a port number")
    return int(value)
