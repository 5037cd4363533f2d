"""Tokens of a real issuer: keys over HTTP, signatures by cryptography."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.adapters.oidc import OidcTokenVerifier
from billing.domain.errors import UnauthenticatedError
from tests.support.issuer import AUDIENCE, ec_key, ed_key, rsa_key, running_issuer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.issuer import Issuer, SigningKey

RSA = rsa_key()
EC = ec_key()
ED = ed_key()
STRANGER = rsa_key()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer(RSA, EC, ED) as running:
        yield running


@pytest.fixture
def verifier(issuer: Issuer) -> OidcTokenVerifier:
    return OidcTokenVerifier(issuer.url, AUDIENCE, issuer.jwks_url)


def encoded(part: object) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize("key", [RSA, EC, ED], ids=lambda key: key.algorithm)
def test_a_token_of_each_kind_of_key_holds(
    issuer: Issuer, verifier: OidcTokenVerifier, key: SigningKey
) -> None:
    """Given a good token of an RSA, P-256 or Ed25519 key, when it is verified, then its subject is known."""
    assert verifier.verify(issuer.token(key)) == (issuer.url, "anna")


def test_one_audience_of_several_and_any_type_hold(issuer: Issuer, verifier: OidcTokenVerifier) -> None:
    """Given several audiences, or an access token's typ, when it is verified, then the audience decides."""
    assert verifier.verify(issuer.token(aud=["other", AUDIENCE]))
    assert verifier.verify(issuer.token(headers={"typ": "at+jwt"}, token_use="access"))


def test_clocks_may_differ_by_half_a_minute(issuer: Issuer, verifier: OidcTokenVerifier) -> None:
    """Given a token that ended 5 s ago or begins in 5 s, when it is verified, then it holds."""
    now = int(time.time())
    assert verifier.verify(issuer.token(exp=now - 5))
    assert verifier.verify(issuer.token(nbf=now + 5, iat=now + 5))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": []},
        {"aud": None},
        {"aud": f"{AUDIENCE} "},
        {"iss": "https://other.example"},
        {"iss": None},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 1e400},
        {"exp": {}},
        {"nbf": 99_999_999_999},
        {"iat": 99_999_999_999},
        {"iat": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sub": "anna\x00"},
    ],
    ids=str,
)
def test_a_token_with_a_wrong_claim_does_not_hold(
    issuer: Issuer, verifier: OidcTokenVerifier, changes: dict[str, Any]
) -> None:
    """Given a signed token with one wrong or missing claim, when it is verified, then it is refused."""
    with pytest.raises(UnauthenticatedError):
        verifier.verify(issuer.token(**changes))


def test_a_token_without_a_signature_does_not_hold(issuer: Issuer, verifier: OidcTokenVerifier) -> None:
    """Given alg none in any letter case, when it is verified, then it is refused."""
    for algorithm in ("none", "None", "NONE", ""):
        head = encoded({"alg": algorithm, "typ": "JWT", "kid": RSA.kid})
        for signature in ("", "AA"):
            with pytest.raises(UnauthenticatedError):
                verifier.verify(f"{head}.{encoded(issuer.claims())}.{signature}")


def test_a_public_key_is_no_hmac_secret(issuer: Issuer, verifier: OidcTokenVerifier) -> None:
    """Given HS256 with the public key in any form as its secret, when it is verified, then it is refused."""
    public = RSA.private.public_key()
    secrets = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(RSA.jwk).encode(),
    ]
    signed = f"{encoded({'alg': 'HS256', 'kid': RSA.kid})}.{encoded(issuer.claims())}"
    for secret in secrets:
        signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        with pytest.raises(UnauthenticatedError):
            verifier.verify(f"{signed}.{encoded(signature)}")


def test_a_key_of_another_algorithm_is_not_used(issuer: Issuer, verifier: OidcTokenVerifier) -> None:
    """Given a token that names an RSA key but another algorithm, when it is verified, then it is refused."""
    for algorithm in ("ES256", "RS512", "PS256"):
        head = encoded({"alg": algorithm, "kid": RSA.kid})
        with pytest.raises(UnauthenticatedError):
            verifier.verify(f"{head}.{encoded(issuer.claims())}.{encoded(b'x' * 256)}")


def test_another_issuers_signature_does_not_hold(issuer: Issuer, verifier: OidcTokenVerifier) -> None:
    """Given a stranger's key under our key's id, when its token is verified, then it is refused."""
    with pytest.raises(UnauthenticatedError):
        verifier.verify(issuer.token(STRANGER))


def test_a_changed_payload_does_not_hold(issuer: Issuer, verifier: OidcTokenVerifier) -> None:
    """Given a signed token whose subject was changed after, when it is verified, then it is refused."""
    head, _, signature = issuer.token().split(".")
    with pytest.raises(UnauthenticatedError):
        verifier.verify(f"{head}.{encoded(issuer.claims(sub='boris'))}.{signature}")


def test_a_key_in_the_token_is_not_looked_at(issuer: Issuer, verifier: OidcTokenVerifier) -> None:
    """Given a token that brings its own key or its address, when it is verified, then it is refused."""
    for headers in (
        {"jwk": STRANGER.jwk},
        {"jku": "http://127.0.0.1:1/jwks"},
        {"x5u": "http://127.0.0.1:1/"},
    ):
        with pytest.raises(UnauthenticatedError):
            verifier.verify(issuer.token(STRANGER, headers=headers))


def test_a_critical_extension_is_not_understood(issuer: Issuer, verifier: OidcTokenVerifier) -> None:
    """Given a token with crit, when it is verified, then it is refused (RFC 7515, 4.1.11)."""
    with pytest.raises(UnauthenticatedError):
        verifier.verify(issuer.token(headers={"crit": ["exp"]}))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "...",
        "a.b",
        f"{encoded([])}.{encoded({})}.AA",
        f"{encoded({'alg': 'RS256', 'kid': ['rsa']})}.{encoded({})}.AA",
        f"{encoded({'alg': ['RS256'], 'kid': 'rsa'})}.{encoded({})}.AA",
        f"{encoded(b'[' * 5000)}.{encoded({})}.AA",
        f"{encoded(b'{"alg":' + b'9' * 5000 + b'}')}.{encoded({})}.AA",
        f"{encoded(b'\xff\xfe')}.{encoded({})}.AA",
        "\u0430.\u0431.\u0432",
        "\x00" * 100,
    ],
)
def test_garbage_does_not_hold(verifier: OidcTokenVerifier, token: str) -> None:
    """Given what is no token, when it is verified, then it is refused, not a crash."""
    with pytest.raises(UnauthenticatedError):
        verifier.verify(token)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.text(max_size=200))
def test_no_text_breaks_the_verifier(verifier: OidcTokenVerifier, text: str) -> None:
    """Given any text, when it is verified as a token, then it is refused, not a crash."""
    with pytest.raises(UnauthenticatedError):
        verifier.verify(text)
