"""The local issuer over HTTP, with the tokens verified by a library that the issuer does not use for it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from local.front_door import FrontDoor
from local.front_door_settings import FrontDoorSettings, SettingsFile, SignIn
from local.oidc import AUDIENCE, CLIENT_ID, OidcIssuer, SigningKey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

REDIRECT = "http://localhost:5173/callback"
VERIFIER = secrets.token_urlsafe(48)
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
REQUEST = {
    "client_id": CLIENT_ID,
    "redirect_uri": REDIRECT,
    "response_type": "code",
    "scope": "openid",
    "state": "st&te",
    "nonce": "n-1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey.load(tmp_path_factory.mktemp("key") / "key.json")


def with_issuer(
    folder: Path, key: SigningKey, check: Callable[[ClientSession, str], Awaitable[None]]
) -> None:
    async def run() -> None:
        path = folder / "front_door.json"
        FrontDoorSettings(aws="http://127.0.0.1:1", issuer="unknown yet").save(path)
        async with TestServer(FrontDoor(SettingsFile(path), key).application()) as server:
            issuer = f"http://{server.host}:{server.port}/oidc"
            FrontDoorSettings(
                aws="http://127.0.0.1:1", issuer=issuer, users=(SignIn("customer", "A <customer>"),)
            ).save(path)
            async with ClientSession() as session:
                await check(session, issuer)

    asyncio.run(run())


async def code_for(session: ClientSession, issuer: str, **changes: str) -> str:
    form = {**REQUEST, "sign_in_as": "customer", **changes}
    async with session.post(f"{issuer}/authorize", data=form, allow_redirects=False) as answer:
        assert answer.status == 303, await answer.text()
        query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["state"] == ["st&te"]
    return query["code"][0]


async def exchange(session: ClientSession, issuer: str, **changes: str) -> tuple[int, Any]:
    form = {
        "grant_type": "authorization_code",
        "redirect_uri": REDIRECT,
        "client_id": CLIENT_ID,
        "code_verifier": VERIFIER,
        **changes,
    }
    async with session.post(f"{issuer}/token", data=form) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, await answer.json()


def test_discovery_leads_to_the_keys_that_verify_a_token(tmp_path: Path, key: SigningKey) -> None:
    """Given the discovery document, when a token is verified by the keys that it names, then it holds."""

    async def check(session: ClientSession, issuer: str) -> None:
        async with session.get(f"{issuer}/.well-known/openid-configuration") as answer:
            discovery = await answer.json()
        assert discovery["issuer"] == issuer
        async with session.get(discovery["jwks_uri"]) as answer:
            keys = jwt.PyJWKSet.from_dict(await answer.json())
        token = OidcIssuer(issuer, key).access_token("customer", 60)
        found = keys[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(token, found.key, algorithms=["RS256"], audience=AUDIENCE, issuer=issuer)
        assert claims["sub"] == "customer"
        assert claims["exp"] - claims["iat"] == 60

    with_issuer(tmp_path, key, check)


def test_the_keys_hold_nothing_private(key: SigningKey) -> None:
    """Given the key set, when it is published, then no private member of RFC 7518 is in it."""
    published = OidcIssuer("http://127.0.0.1/oidc", key).jwks()["keys"][0]
    assert not set(published) & {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    """Given no key file, when it is loaded twice, then the key is the same and only its owner reads it."""
    path = tmp_path / "key.json"
    assert SigningKey.load(path).key_id == SigningKey.load(path).key_id
    assert path.stat().st_mode & 0o777 == 0o600


def test_signing_in_by_code_and_pkce_gives_tokens(tmp_path: Path, key: SigningKey) -> None:
    """Given the sign-in page, when a user is chosen and the code exchanged, then the tokens are theirs."""

    async def check(session: ClientSession, issuer: str) -> None:
        async with session.get(f"{issuer}/authorize", params=REQUEST) as answer:
            text = await answer.text()
        assert answer.status == 200
        assert "A &lt;customer&gt;" in text
        assert 'value="st&amp;te"' in text
        status, tokens = await exchange(session, issuer, code=await code_for(session, issuer))
        assert status == 200
        public = jwt.PyJWK(key.jwk).key
        access = jwt.decode(tokens["access_token"], public, ["RS256"], audience=AUDIENCE, issuer=issuer)
        identity = jwt.decode(tokens["id_token"], public, ["RS256"], audience=CLIENT_ID, issuer=issuer)
        assert (access["sub"], identity["sub"], identity["nonce"]) == ("customer", "customer", "n-1")

    with_issuer(tmp_path, key, check)


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": secrets.token_urlsafe(48)},
        {"code_verifier": "short"},
        {"redirect_uri": "http://localhost:5173/other"},
        {"client_id": "another"},
        {"code": "made-up"},
    ],
    ids=["wrong verifier", "short verifier", "other redirect", "other client", "no such code"],
)
def test_a_code_holds_only_for_who_asked_for_it(
    tmp_path: Path, key: SigningKey, change: dict[str, str]
) -> None:
    """Given a code, when it is exchanged with anything that does not fit, then the grant is invalid."""

    async def check(session: ClientSession, issuer: str) -> None:
        code = await code_for(session, issuer)
        status, body = await exchange(session, issuer, **{"code": code, **change})
        assert (status, body["error"]) == (400, "invalid_grant")

    with_issuer(tmp_path, key, check)


def test_a_code_works_once(tmp_path: Path, key: SigningKey) -> None:
    """Given a code that was exchanged, when it is exchanged again, then the grant is invalid."""

    async def check(session: ClientSession, issuer: str) -> None:
        code = await code_for(session, issuer)
        assert (await exchange(session, issuer, code=code))[0] == 200
        assert (await exchange(session, issuer, code=code))[1]["error"] == "invalid_grant"

    with_issuer(tmp_path, key, check)


def test_a_code_ends_after_a_minute(key: SigningKey) -> None:
    """Given a code, when more than a minute passes before the exchange, then the grant is invalid."""
    now = [1_000_000.0]
    issuer = OidcIssuer("http://127.0.0.1/oidc", key, clock=lambda: now[0])
    code = issuer.grant(REQUEST, "customer")
    now[0] += 61
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    with pytest.raises(Exception, match="does not hold"):
        issuer.exchange({**form, "client_id": CLIENT_ID, "code_verifier": VERIFIER})


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"redirect_uri": "https://attacker.example/"}, "invalid_request"),
        ({"redirect_uri": "http://localhost.attacker.example/"}, "invalid_request"),
        ({"redirect_uri": "http://localhost@attacker.example/"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"client_id": "another"}, "unauthorized_client"),
    ],
)
def test_a_request_that_is_not_the_consoles_gets_no_code(
    tmp_path: Path, key: SigningKey, change: dict[str, str], error: str
) -> None:
    """Given a request from elsewhere or without PKCE, when it is asked or posted, then it is refused."""

    async def check(session: ClientSession, issuer: str) -> None:
        async with session.get(f"{issuer}/authorize", params={**REQUEST, **change}) as answer:
            assert (answer.status, (await answer.json())["error"]) == (400, error)
        form = {**REQUEST, **change, "sign_in_as": "customer"}
        async with session.post(f"{issuer}/authorize", data=form, allow_redirects=False) as answer:
            assert (answer.status, (await answer.json())["error"]) == (400, error)

    with_issuer(tmp_path, key, check)


def test_only_demo_users_sign_in(tmp_path: Path, key: SigningKey) -> None:
    """Given a subject that is no demo user, when it is posted, then access is denied."""

    async def check(session: ClientSession, issuer: str) -> None:
        form = {**REQUEST, "sign_in_as": "root"}
        async with session.post(f"{issuer}/authorize", data=form, allow_redirects=False) as answer:
            assert (answer.status, (await answer.json())["error"]) == (400, "access_denied")

    with_issuer(tmp_path, key, check)
