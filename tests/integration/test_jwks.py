"""The keys of a real issuer over HTTP: rotated, withdrawn, unusable, away."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from billing.adapters.jwks import Jwks
from billing.adapters.oidc import OidcTokenVerifier
from billing.domain.errors import UnauthenticatedError, UnavailableError
from billing.settings import SettingsError
from tests.support.issuer import AUDIENCE, ec_key, ed_key, rsa_key, running_issuer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.issuer import Issuer

RSA = rsa_key()
EC = ec_key()
ED = ed_key()


@dataclass
class Clock:
    """A monotonic clock that tests move."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer(RSA, EC, ED) as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def verifier(issuer: Issuer, clock: Clock) -> OidcTokenVerifier:
    return OidcTokenVerifier(issuer.url, AUDIENCE, issuer.jwks_url, monotonic=clock)


def test_keys_are_fetched_once(issuer: Issuer, verifier: OidcTokenVerifier) -> None:
    """Given many tokens, when they are verified, then the issuer is asked once, and not before the first."""
    assert issuer.requests == 0
    for _ in range(5):
        verifier.verify(issuer.token())
    assert issuer.requests == 1


def test_a_rotated_key_is_found_at_once(issuer: Issuer, verifier: OidcTokenVerifier) -> None:
    """Given a key published after the keys were read, when its first token comes, then it holds."""
    verifier.verify(issuer.token())
    new = rsa_key("new")
    issuer.publish([RSA, new])
    assert verifier.verify(issuer.token(new)) == (issuer.url, "anna")
    assert issuer.requests == 2


def test_a_withdrawn_key_stops_counting_within_the_hour(
    issuer: Issuer, verifier: OidcTokenVerifier, clock: Clock
) -> None:
    """Given a key that was withdrawn, when the keys are an hour old, then its tokens do not hold."""
    token = issuer.token()
    verifier.verify(token)
    issuer.publish([EC])
    clock.now += 3600
    with pytest.raises(UnauthenticatedError):
        verifier.verify(token)


def test_a_flood_of_unknown_keys_asks_the_issuer_once_a_minute(
    issuer: Issuer, verifier: OidcTokenVerifier, clock: Clock
) -> None:
    """Given tokens with invented key ids, when they flood in, then the issuer sees one request a minute."""
    verifier.verify(issuer.token())
    for minute in range(3):
        for number in range(20):
            with pytest.raises(UnauthenticatedError):
                verifier.verify(issuer.token(headers={"kid": f"invented-{number}"}))
        assert issuer.requests == 2 + minute
        clock.now += 60


def test_an_issuer_away_from_the_start_is_unavailable_until_it_is_back(
    issuer: Issuer, verifier: OidcTokenVerifier, clock: Clock
) -> None:
    """Given no keys yet and an issuer that fails, when a token comes, then 503, and soon after it holds."""
    issuer.status = 500
    for _ in range(3):
        with pytest.raises(UnavailableError, match="issuer"):
            verifier.verify(issuer.token())
    assert issuer.requests == 1, "a failure is not repeated by every request"
    issuer.status = 200
    clock.now += 5
    assert verifier.verify(issuer.token())


def test_an_issuer_away_later_leaves_its_keys_for_a_day(
    issuer: Issuer, verifier: OidcTokenVerifier, clock: Clock
) -> None:
    """Given keys that were read, when the issuer goes away, then they count for a day, and then no more."""
    token = issuer.token()
    verifier.verify(token)
    issuer.status = 500
    clock.now += 3600
    assert verifier.verify(token)
    with pytest.raises(UnavailableError):
        verifier.verify(issuer.token(headers={"kid": "perhaps-new"}))
    clock.now += 24 * 3600
    with pytest.raises(UnavailableError):
        verifier.verify(token)


def test_nobody_listening_is_unavailable(issuer: Issuer) -> None:
    """Given a port where nobody listens, when a token comes, then the issuer is unavailable."""
    with running_issuer(RSA) as gone:
        pass
    with pytest.raises(UnavailableError):
        OidcTokenVerifier(gone.url, AUDIENCE, gone.jwks_url).verify(issuer.token())


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"keys": {}}', b"\xff", b"[" * 100_000, b'{"keys": [' + b" " * 600_000 + b"]}"],
    ids=["empty", "list", "object", "not-a-list", "not-utf-8", "deep", "endless"],
)
def test_an_answer_without_keys_is_unavailable(
    issuer: Issuer, verifier: OidcTokenVerifier, body: bytes
) -> None:
    """Given an answer that is no key set, when a token comes, then the issuer counts as away."""
    issuer.body = body
    with pytest.raises(UnavailableError):
        verifier.verify(issuer.token())


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "oct", "k": "AAAA"},
        {"use": "enc"},
        {"alg": "RS512"},
        {"alg": "HS256"},
        {"n": "AAAA"},
        {"n": 5},
        {"kty": []},
        {"e": None},
    ],
    ids=str,
)
def test_a_key_that_is_not_for_this_is_passed_over(
    issuer: Issuer, verifier: OidcTokenVerifier, change: dict[str, Any]
) -> None:
    """Given a set with an unusable key among good ones, when tokens come, then only the good ones count."""
    issuer.body = json.dumps({"keys": [RSA.jwk | change, 7, EC.jwk]}).encode()
    assert verifier.verify(issuer.token(EC))
    with pytest.raises(UnauthenticatedError):
        verifier.verify(issuer.token(RSA))


def test_a_short_rsa_key_is_passed_over(issuer: Issuer, verifier: OidcTokenVerifier) -> None:
    """Given a published RSA key of 1024 bits, when its token comes, then it does not hold."""
    short = rsa_key("short", bits=1024)
    issuer.publish([short])
    with pytest.warns(match="below"):  # PyJWT's own warning, while this test signs
        token = issuer.token(short)
    with pytest.raises(UnauthenticatedError):
        verifier.verify(token)


def test_a_token_without_a_key_id_is_for_an_issuer_with_one_key(
    issuer: Issuer, verifier: OidcTokenVerifier
) -> None:
    """Given no kid, when one key is published, then it is that one; when there are several, none."""
    token = issuer.token(headers={"kid": None})
    with pytest.raises(UnauthenticatedError):
        verifier.verify(token)
    issuer.publish([RSA])
    assert OidcTokenVerifier(issuer.url, AUDIENCE, issuer.jwks_url).verify(token)


@pytest.mark.parametrize(
    "url", ["http://issuer.example/jwks", "file:///etc/passwd", "ftp://127.0.0.1/", "", "jwks"]
)
def test_keys_come_over_https_or_from_this_machine(url: str) -> None:
    """Given an address that others could answer at, when it is configured, then it is refused by name."""
    with pytest.raises(SettingsError, match="OIDC_JWKS_URL"):
        Jwks(url)
