"""Who is calling, by one Authorization header."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import MissingCredentialsError, UnauthenticatedError
from billing.domain.principals import Via
from billing.use_cases.authenticate import Authenticate, api_key_digest
from tests.support.lambdas import ADMIN, CUSTOMER

if TYPE_CHECKING:
    from billing.domain.principals import Principal

API_KEY = "bk_" + "A1b2_-" * 7 + "x"
JWT = "aGVhZGVy.Y2xhaW1z.c2lnbmF0dXJl"


@dataclass
class World:
    """One API key, one subject, and what was asked of the outside."""

    asked: list[object] = field(default_factory=list)

    def by_api_key(self, digest: bytes) -> Principal | None:
        """Know one key."""
        self.asked.append(digest)
        return CUSTOMER if digest == hashlib.sha256(API_KEY.encode()).digest() else None

    def by_subject(self, issuer: str, subject: str) -> Principal | None:
        """Know one subject."""
        self.asked.append((issuer, subject))
        return ADMIN if (issuer, subject) == ("https://issuer", "anna") else None

    def verify(self, token: str) -> tuple[str, str]:
        """Know two tokens, of which one is of nobody."""
        self.asked.append(token)
        if token == JWT:
            return "https://issuer", "anna"
        if token == "a.b.nobody":
            return "https://issuer", "nobody"
        raise UnauthenticatedError("The token does not hold.")


def authenticate(authorization: str | None, world: World | None = None) -> Principal:
    used = world or World()
    return Authenticate(identities=used, tokens=used)(authorization)


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "Bearer   "])
def test_an_api_key_and_a_token_are_both_bearers(scheme: str) -> None:
    """Given an API key or a JWT as Bearer, when presented, it is known whose and which it is."""
    assert authenticate(f"{scheme}{API_KEY}") == replace(CUSTOMER, via=Via.API_KEY)
    assert authenticate(f"{scheme}{JWT}") == replace(ADMIN, via=Via.TOKEN)


@pytest.mark.parametrize("authorization", [None, "", "   "])
def test_no_credentials_are_told_from_wrong_ones(authorization: str | None) -> None:
    """Given no header, when it is read, then credentials are missing, not invalid."""
    with pytest.raises(MissingCredentialsError):
        authenticate(authorization)


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        API_KEY,
        f"Basic {JWT}",
        f"Bearer\t{JWT}",
        f" Bearer {JWT}",
        f"Bearer {JWT} ",
        f"Bearer {JWT}\n",
        f"Bearer {JWT}, Bearer {JWT}",
        f"Bearer {JWT} {JWT}",
        f"Bearer {API_KEY}x",
        f"Bearer {API_KEY[:-1]}",
        f"Bearer {API_KEY[:-1]}=",
        f"Bearer {API_KEY[:-1]}.",
        f"Bearer BK_{API_KEY[3:]}",
        "Bearer bk_",
        "Bearer a.b",
        "Bearer a..c",
        "Bearer a.b.",
        "Bearer a.b.c.d",
        "Bearer a.b=.c",
        "Bearer \u0430.b.c",
        f"Bearer {'a' * 4000}.{'b' * 4000}.{'c' * 4000}",
    ],
)
def test_malformed_credentials_ask_nobody(authorization: str) -> None:
    """Given a header that no credentials can be in, when it is read, then 401 without any further work."""
    world = World()
    with pytest.raises(UnauthenticatedError) as caught:
        authenticate(authorization, world)
    assert not isinstance(caught.value, MissingCredentialsError)
    assert world.asked == []


@pytest.mark.parametrize("token", ["bk_" + "B" * 43, "a.b.forged", "a.b.nobody"])
def test_well_formed_credentials_of_nobody_do_not_hold(token: str) -> None:
    """Given an unknown key, a forged token or a token of a stranger, when it is presented, then 401."""
    with pytest.raises(UnauthenticatedError):
        authenticate(f"Bearer {token}")


def test_only_the_digest_of_an_api_key_leaves() -> None:
    """Given an API key, when its owner is looked up, then by the SHA-256 of all of it, prefix included."""
    world = World()
    authenticate(f"Bearer {API_KEY}", world)
    assert world.asked == [hashlib.sha256(API_KEY.encode()).digest()]
    assert api_key_digest(API_KEY) == world.asked[0]


@given(st.text(max_size=100))
def test_no_header_breaks_the_reader_or_its_silence(text: str) -> None:
    """Given any header, when it is refused, then the message does not repeat it."""
    with pytest.raises(UnauthenticatedError) as caught:
        authenticate(f"Bearer <{text}>")
    assert f"<{text}>" not in str(caught.value)
