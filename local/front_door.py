"""The one address of the local cloud, where CloudFront stands in the real one.

`/api/…` leads to the HTTP API, `/webhooks/stripe` to the function URL, `/oidc/…` to the local issuer, and
`/` to a status page. Bodies pass untouched in both directions: the webhook's signature is over the raw bytes.
"""

from __future__ import annotations

import argparse
import io
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, web
from multidict import CIMultiDict
from yarl import URL

from local.front_door_settings import SettingsFile
from local.oidc import SigningKey
from local.oidc_pages import OidcPages
from local.pages import status_page
from local.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from local.front_door_settings import FrontDoorSettings

# API Gateway takes 10 MB.
_LARGEST_BODY = 10 * 1024 * 1024
_CHUNK = 64 * 1024
# An HTTP API gives up after 30 s.
_TIMEOUT = ClientTimeout(total=60, sock_connect=5)
# RFC 9110, section 7.6.1; the length and the host are set anew for the next hop.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class FrontDoor:
    """The handlers; one client session lives as long as the application."""

    def __init__(self, settings: SettingsFile, key: SigningKey) -> None:
        self._settings = settings
        self._oidc = OidcPages(key, settings.read)
        self._session: ClientSession | None = None

    def application(self) -> web.Application:
        """Return the application to serve."""
        application = web.Application(client_max_size=_LARGEST_BODY)
        application.cleanup_ctx.append(self._client)
        application.add_routes(
            [
                web.get("/", self._status),
                web.get("/healthz", self._health),
                web.route("*", "/api/{path:.*}", self._api),
                web.route("*", "/webhooks/stripe", self._webhook),
                *self._oidc.routes(),
            ]
        )
        return application

    async def _client(self, _application: web.Application) -> AsyncIterator[None]:
        # Nothing of one caller's may reach another's request, and compressed bytes pass as they are.
        async with ClientSession(
            timeout=_TIMEOUT, cookie_jar=DummyCookieJar(), auto_decompress=False
        ) as session:
            self._session = session
            yield
            self._session = None

    async def _status(self, _request: web.Request) -> web.Response:
        return status_page(self._settings.read().links)

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _api(self, request: web.Request) -> web.StreamResponse:
        settings = self._settings.read()
        if not settings.api_host:
            return _bad_gateway("the HTTP API", "it is not deployed yet")
        return await self._forward(request, settings, request.raw_path, {"Host": settings.api_host})

    async def _webhook(self, request: web.Request) -> web.StreamResponse:
        settings = self._settings.read()
        if not settings.webhook_path:
            return _bad_gateway("the webhook's function URL", "it is not deployed yet")
        _, mark, query = request.raw_path.partition("?")
        return await self._forward(request, settings, f"{settings.webhook_path}{mark}{query}", {})

    async def _forward(
        self, request: web.Request, settings: FrontDoorSettings, path: str, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        if self._session is None:
            return _bad_gateway("the front door", "it is stopping")
        body = await request.read()
        passed = _end_to_end(request.headers)
        passed.update(headers)
        response: web.StreamResponse | None = None
        try:
            async with self._session.request(
                request.method,
                # Already encoded: a second encoding would change the path that the API sees.
                URL(f"{settings.aws}{path}", encoded=True),
                headers=passed,
                data=io.BytesIO(body) if body else None,
                allow_redirects=False,
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            ) as answer:
                response = web.StreamResponse(
                    status=answer.status, reason=answer.reason, headers=_end_to_end(answer.headers)
                )
                await response.prepare(request)
                async for chunk in answer.content.iter_chunked(_CHUNK):
                    await response.write(chunk)
                await response.write_eof()
                return response
        except (ClientError, TimeoutError) as error:
            if response is not None and response.prepared:
                # Half an answer is out: only a broken connection tells the caller that it is not whole.
                raise
            return _bad_gateway("the local AWS", type(error).__name__)


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    named = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    return CIMultiDict(
        (name, value)
        for name, value in headers.items()
        if name.lower() not in _HOP_BY_HOP and name.lower() not in named
    )


def _bad_gateway(part: str, reason: str) -> web.Response:
    return web.json_response(
        {
            "type": "about:blank",
            "title": "Bad Gateway",
            "status": 502,
            "code": "local_part_away",
            "detail": f"{part} does not answer ({reason}): `make dev` brings it back",
            "part": part,
        },
        status=502,
        content_type="application/problem+json",
    )


def main() -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m local.front_door")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    door = FrontDoor(SettingsFile(arguments.settings), SigningKey.load(arguments.key))
    web.run_app(door.application(), host=LOOPBACK, port=arguments.port, print=None, shutdown_timeout=2)


if __name__ == "__main__":
    main()
