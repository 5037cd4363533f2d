"""What the front door must know, in a file that the deploy changes and the front door reads anew."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from local.files import read_json, write_private_json

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class SignIn:
    """A demo user that the local sign-in page offers."""

    subject: str
    title: str


@dataclass(frozen=True, slots=True)
class FrontDoorSettings:
    """Where the front door leads.

    `api_host` is the Host by which the local AWS knows the HTTP API, `webhook_path` the path of the function
    URL there; both are empty before the first deploy. `links` is shown on the status page: name and URL.
    """

    aws: str
    issuer: str
    api_host: str = ""
    webhook_path: str = ""
    users: tuple[SignIn, ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    def save(self, path: Path) -> None:
        """Write the file in one step; nothing is written when it says the same already."""
        content = asdict(self)
        content["users"] = [asdict(user) for user in self.users]
        content["links"] = [list(link) for link in self.links]
        if content != read_json(path):
            write_private_json(path, content)


class SettingsFile:
    """The file, read again whenever it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._settings = FrontDoorSettings(aws="", issuer="")

    def read(self) -> FrontDoorSettings:
        """Return the settings now.

        Raises
        ------
        OSError
            There is no such file.
        """
        found = self._path.stat()
        stamp = (found.st_mtime_ns, found.st_ino)
        if stamp != self._stamp:
            content = read_json(self._path)
            self._settings = FrontDoorSettings(
                aws=content["aws"],
                issuer=content["issuer"],
                api_host=content["api_host"],
                webhook_path=content["webhook_path"],
                users=tuple(SignIn(**user) for user in content["users"]),
                links=tuple((name, url) for name, url in content["links"]),
            )
            self._stamp = stamp
        return self._settings
