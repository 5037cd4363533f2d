"""The local issuer over HTTP: its documents, a sign-in page without passwords, and the token endpoint."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import web

from local.oidc import OidcError, OidcIssuer
from local.pages import page

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.front_door_settings import FrontDoorSettings
    from local.oidc import SigningKey

_NO_STORE = {"Cache-Control": "no-store"}


class OidcPages:
    """Handlers under /oidc; the issuer's URL and the users come from the settings of the moment."""

    def __init__(self, key: SigningKey, settings: Callable[[], FrontDoorSettings]) -> None:
        self._key = key
        self._settings = settings
        self._issuers: dict[str, OidcIssuer] = {}

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for the front door."""
        return [
            web.get("/oidc/.well-known/openid-configuration", self._discovery),
            web.get("/oidc/jwks", self._jwks),
            web.get("/oidc/authorize", self._choose),
            web.post("/oidc/authorize", self._sign_in),
            web.post("/oidc/token", self._token),
        ]

    def _issuer(self) -> OidcIssuer:
        url = self._settings().issuer
        # Kept, because it remembers the codes that it gave out.
        return self._issuers.setdefault(url, OidcIssuer(url, self._key))

    async def _discovery(self, _request: web.Request) -> web.Response:
        return web.json_response(self._issuer().discovery())

    async def _jwks(self, _request: web.Request) -> web.Response:
        return web.json_response(self._issuer().jwks())

    async def _choose(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        try:
            self._issuer().check_request(query)
        except OidcError as error:
            return _refusal(error)
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in query.items()
        )
        buttons = "".join(
            f'<p><button name="sign_in_as" value="{escape(user.subject)}">{escape(user.title)}</button></p>'
            for user in self._settings().users
        )
        form = f'<form method="post" action="/oidc/authorize">{hidden}{buttons}</form>'
        return page("Sign in", f"<p>Local sign-in: choose who you are.</p>{form}")

    async def _sign_in(self, request: web.Request) -> web.Response:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        subject = form.pop("sign_in_as", "")
        try:
            self._check_user(subject)
            code = self._issuer().grant(form, subject)
        except OidcError as error:
            return _refusal(error)
        answer = {"code": code, "iss": self._issuer().issuer}
        if "state" in form:
            answer["state"] = form["state"]
        separator = "&" if "?" in form["redirect_uri"] else "?"
        location = f"{form['redirect_uri']}{separator}{urlencode(answer)}"
        return web.Response(status=303, headers={"Location": location, **_NO_STORE})

    def _check_user(self, subject: str) -> None:
        if subject not in {user.subject for user in self._settings().users}:
            raise OidcError("access_denied", "there is no such demo user")

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        try:
            return web.json_response(self._issuer().exchange(form), headers=_NO_STORE)
        except OidcError as error:
            return _refusal(error)


def _refusal(error: OidcError) -> web.Response:
    return web.json_response(
        {"error": error.code, "error_description": error.description}, status=400, headers=_NO_STORE
    )
