"""The front door before a server that tells exactly what reached it."""

from __future__ import annotations

import asyncio
import hashlib
import io
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientPayloadError, ClientSession, web
from aiohttp.test_utils import TestServer
from yarl import URL

from local.front_door import FrontDoor
from local.front_door_settings import FrontDoorSettings, SettingsFile
from local.oidc import SigningKey
from local.ports import any_free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

API_HOST = "abc123.execute-api.localhost:4566"
WEBHOOK_PATH = "/_aws/lambda-url/xyz/"
PDF = bytes(range(256)) * 20_000


@dataclass
class Behind:
    """What reached the server behind the front door."""

    requests: list[dict[str, Any]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Note the request and answer by its path."""
        self.requests.append(
            {
                "method": request.method,
                "path": request.raw_path,
                "headers": [(name.decode(), value.decode()) for name, value in request.raw_headers],
                "body": await request.read(),
            }
        )
        if request.path.endswith("/pdf"):
            return web.Response(body=PDF, content_type="application/pdf", headers={"ETag": '"abc"'})
        if request.path.endswith("/unchanged"):
            return web.Response(status=304, headers={"ETag": '"abc"'})
        if request.path.endswith("/moved"):
            return web.Response(status=303, headers={"Location": "https://elsewhere.example/"})
        if request.path.endswith("/broken"):
            response = web.StreamResponse(headers={"Content-Length": "1000"})
            await response.prepare(request)
            await response.write(b"half")
            assert request.transport is not None
            request.transport.abort()
            return response
        return web.Response(status=418, text="answer", headers={"X-Answer": "1", "Stripe-Should-Retry": "no"})

    def header(self, name: str) -> list[str]:
        """Return all values of a header of the last request."""
        return [value for key, value in self.requests[-1]["headers"] if key.lower() == name.lower()]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey.load(tmp_path_factory.mktemp("key") / "key.json")


@asynccontextmanager
async def open_door(settings: Path, key: SigningKey) -> AsyncIterator[tuple[ClientSession, str]]:
    application = FrontDoor(SettingsFile(settings), key).application()
    async with TestServer(application) as door, ClientSession() as session:
        yield session, f"http://{door.host}:{door.port}"


def through(
    folder: Path, key: SigningKey, check: Callable[[ClientSession, str, Behind], Awaitable[None]]
) -> None:
    async def run() -> None:
        behind = Behind()
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", behind.handle)
        path = folder / "front_door.json"
        async with TestServer(application) as server:
            FrontDoorSettings(
                aws=f"http://{server.host}:{server.port}",
                issuer="http://127.0.0.1/oidc",
                api_host=API_HOST,
                webhook_path=WEBHOOK_PATH,
            ).save(path)
            async with open_door(path, key) as (session, origin):
                await check(session, origin, behind)

    asyncio.run(run())


def test_the_webhook_gets_the_raw_bytes_and_all_headers(tmp_path: Path, key: SigningKey) -> None:
    """Given bytes that are no JSON and no UTF-8, when they are posted, then the function URL gets them."""
    body = b'{"a" : 1}\r\n\x00\xff\xfe ' + PDF[:1000]
    headers = {"Stripe-Signature": "t=1,v1=ab", "Content-Type": "application/json; charset=utf-8"}

    async def check(session: ClientSession, origin: str, behind: Behind) -> None:
        url = URL(f"{origin}/webhooks/stripe?x=%2F", encoded=True)
        async with session.post(url, data=body, headers=headers) as answer:
            assert (answer.status, await answer.text()) == (418, "answer")
            assert (answer.headers["X-Answer"], answer.headers["Stripe-Should-Retry"]) == ("1", "no")
        assert behind.requests[-1]["body"] == body
        assert behind.requests[-1]["path"] == f"{WEBHOOK_PATH}?x=%2F"
        assert behind.header("Stripe-Signature") == ["t=1,v1=ab"]
        assert behind.header("Content-Type") == ["application/json; charset=utf-8"]

    through(tmp_path, key, check)


def test_the_api_is_called_by_its_host_with_path_and_query_as_they_came(
    tmp_path: Path, key: SigningKey
) -> None:
    """Given an encoded path and query, when the API is called, then it sees them as they are."""

    async def check(session: ClientSession, origin: str, behind: Behind) -> None:
        url = URL(f"{origin}/api/v1/billing/invoices/in%2F..%2F1?limit=1&q=%C3%A4+b", encoded=True)
        async with session.get(url, headers={"Authorization": "Bearer t", "Accept-Language": "de"}):
            pass
        assert behind.requests[-1]["path"] == "/api/v1/billing/invoices/in%2F..%2F1?limit=1&q=%C3%A4+b"
        assert behind.header("Host") == [API_HOST]
        assert behind.header("Authorization") == ["Bearer t"]
        assert behind.header("Accept-Language") == ["de"]

    through(tmp_path, key, check)


def test_hop_by_hop_headers_stay_behind(tmp_path: Path, key: SigningKey) -> None:
    """Given headers for the first hop only, when a request passes, then the next hop does not see them."""
    headers = {"Connection": "keep-alive, X-Hop", "X-Hop": "1", "TE": "trailers", "X-End": "2"}

    async def check(session: ClientSession, origin: str, behind: Behind) -> None:
        async with session.get(f"{origin}/api/v1/x", headers=headers):
            pass
        assert (behind.header("X-Hop"), behind.header("TE"), behind.header("X-End")) == ([], [], ["2"])

    through(tmp_path, key, check)


def test_a_binary_answer_comes_through_whole(tmp_path: Path, key: SigningKey) -> None:
    """Given a PDF of five megabytes, when it is fetched, then every byte and header is the same."""

    async def check(session: ClientSession, origin: str, _behind: Behind) -> None:
        async with session.get(f"{origin}/api/v1/pdf") as answer:
            content = await answer.read()
        assert hashlib.sha256(content).digest() == hashlib.sha256(PDF).digest()
        assert answer.headers["Content-Type"] == "application/pdf"
        assert (answer.headers["ETag"], answer.headers["Content-Length"]) == ('"abc"', str(len(PDF)))

    through(tmp_path, key, check)


def test_not_modified_and_redirects_are_the_callers(tmp_path: Path, key: SigningKey) -> None:
    """Given a 304 or a redirect from behind, when it comes, then the caller gets it as it is."""

    async def check(session: ClientSession, origin: str, _behind: Behind) -> None:
        async with session.get(f"{origin}/api/v1/unchanged") as answer:
            assert (answer.status, await answer.read()) == (304, b"")
        async with session.get(f"{origin}/api/v1/moved", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "https://elsewhere.example/")

    through(tmp_path, key, check)


def test_an_answer_that_breaks_off_is_not_made_to_look_whole(tmp_path: Path, key: SigningKey) -> None:
    """Given a server that dies in the middle of an answer, when it is read, then the connection breaks."""

    async def check(session: ClientSession, origin: str, _behind: Behind) -> None:
        async with session.get(f"{origin}/api/v1/broken") as answer:
            with pytest.raises(ClientPayloadError):
                await answer.read()

    through(tmp_path, key, check)


@pytest.mark.parametrize("path", ["/api/v1/meta/info", "/webhooks/stripe"])
def test_a_part_that_is_away_is_named_in_a_problem(tmp_path: Path, key: SigningKey, path: str) -> None:
    """Given nobody behind the front door, when something is asked, then 502 problem+json names the part."""

    async def run() -> None:
        settings = tmp_path / "front_door.json"
        gone = FrontDoorSettings(
            aws=f"http://127.0.0.1:{any_free_port()}",
            issuer="http://127.0.0.1/oidc",
            api_host=API_HOST,
            webhook_path=WEBHOOK_PATH,
        )
        gone.save(settings)
        async with open_door(settings, key) as (session, origin):
            async with session.post(f"{origin}{path}", data=b"{}") as answer:
                problem = await answer.json()
            assert (answer.status, answer.content_type) == (502, "application/problem+json")
            assert (problem["status"], problem["part"]) == (502, "the local AWS")
            FrontDoorSettings(aws=gone.aws, issuer=gone.issuer).save(settings)
            async with session.post(f"{origin}{path}", data=b"{}") as answer:
                assert "not deployed yet" in (await answer.json())["detail"]

    asyncio.run(run())


def test_a_body_over_the_gateways_limit_is_refused(tmp_path: Path, key: SigningKey) -> None:
    """Given a body of more than 10 MB, when it is posted, then it is 413 and nothing reaches the function."""

    async def check(session: ClientSession, origin: str, behind: Behind) -> None:
        body = io.BytesIO(bytes(10 * 1024 * 1024 + 1))
        async with session.post(f"{origin}/webhooks/stripe", data=body) as answer:
            assert answer.status == 413
        assert behind.requests == []

    through(tmp_path, key, check)


def test_the_status_page_shows_addresses_and_runs_nothing(tmp_path: Path, key: SigningKey) -> None:
    """Given links with markup in them, when the page is shown, then they are text, and no script may run."""

    async def run() -> None:
        settings = tmp_path / "front_door.json"
        links = (("<b>API</b>", "http://127.0.0.1:8787/api/v1"),)
        FrontDoorSettings(aws="http://127.0.0.1:1", issuer="x", links=links).save(settings)
        async with open_door(settings, key) as (session, origin), session.get(f"{origin}/") as answer:
            text = await answer.text()
        assert "&lt;b&gt;API&lt;/b&gt;" in text
        assert "http://127.0.0.1:8787/api/v1" in text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]

    asyncio.run(run())
