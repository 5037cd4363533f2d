"""The file endpoints.json: where everything is and how to get in, for any HTTP client or browser."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from local.files import read_json, write_private_json

if TYPE_CHECKING:
    from pathlib import Path

_SECRET = ("webhook_secret", "tokens", "api_keys", "database_url")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The contract of docs and design: the API's paths, such as /api/v1/meta/info, follow `api_url`."""

    api_url: str
    webhook_url: str
    console_url: str
    stripe_url: str
    aws_endpoint_url: str
    database_url: str
    webhook_secret: str
    tokens: dict[str, str]
    api_keys: dict[str, str]

    def save(self, path: Path) -> None:
        """Write the file, readable by its owner only."""
        write_private_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> Endpoints | None:
        """Return what the file says, None if there is no file or it is of another version."""
        content = read_json(path)
        return cls(**content) if set(content) == set(cls.__slots__) else None

    def links(self) -> tuple[tuple[str, str], ...]:
        """Return names and URLs that may be shown to anyone: no secret is among them."""
        return tuple(
            (name.removesuffix("_url").replace("_", " "), str(value))
            for name, value in asdict(self).items()
            if name not in _SECRET
        )
