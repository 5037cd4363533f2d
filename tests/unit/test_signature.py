from __future__ import annotations

import hmac
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
import stripe
from hypothesis import example, given
from hypothesis import strategies as st

from billing.adapters.stripe.signature import REFRESH_INTERVAL, StripeSignatureVerifier
from billing.domain.errors import SignatureRejectedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECRET = "whsec_test_one"
BODY = b'{"id": "evt_1"}'


class Secrets:
    """The store of secrets: what is kept, what is true now, and how often it was read anew."""

    def __init__(self, kept: Sequence[str], fresh: Sequence[str] | None = None) -> None:
        self.kept = kept
        self.fresh = kept if fresh is None else fresh
        self.refreshed = 0

    def __call__(self, refresh: bool) -> Sequence[str]:
        """Return the secrets, read anew when asked."""
        if refresh:
            self.refreshed += 1
            self.kept = self.fresh
        return self.kept


def signature(body: bytes, secret: str = SECRET, at: datetime = NOW) -> str:
    seconds = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def verifier(*secrets: str, now: datetime = NOW) -> StripeSignatureVerifier:
    return StripeSignatureVerifier(secrets=Secrets(secrets or (SECRET,)), clock=lambda: now)


def test_a_body_that_an_active_secret_signed_is_accepted() -> None:
    """Given a signature by the secret, when the raw bytes are verified, then nothing is raised."""
    verifier().verify(BODY, signature(BODY))


def test_bytes_that_are_not_utf8_are_verified_as_they_are() -> None:
    """Given a signed body of arbitrary bytes, when it is verified, then no decoding stands in the way."""
    verifier().verify(b"\xff\x00\xfe", signature(b"\xff\x00\xfe"))


@pytest.mark.parametrize("offset", [-300, 300])
def test_a_timestamp_at_the_tolerance_is_accepted(offset: int) -> None:
    """Given a signature exactly 300 s old or ahead, when it is verified, then it holds."""
    verifier().verify(BODY, signature(BODY, at=NOW + timedelta(seconds=offset)))


@pytest.mark.parametrize("offset", [-301, 301, -86_400, 10**9])
def test_a_timestamp_beyond_the_tolerance_is_rejected(offset: int) -> None:
    """Given a valid signature over 300 s old or ahead, when it is verified, then it is rejected."""
    with pytest.raises(SignatureRejectedError, match="300 seconds"):
        verifier().verify(BODY, signature(BODY, at=NOW + timedelta(seconds=offset)))


def test_any_signature_may_match_any_secret() -> None:
    """Given three secrets and two signatures, when only the last pair matches, then it is accepted."""
    other = signature(BODY, "whsec_gone").rpartition("v1=")[2]
    header = signature(BODY, "whsec_three").replace("v1=", f"v1={other},v0={other},v1=")
    verifier("whsec_one", "whsec_two", "whsec_three").verify(BODY, header)


def test_another_body_is_rejected() -> None:
    """Given a signature of one body, when another is verified with it, then it is rejected."""
    with pytest.raises(SignatureRejectedError, match="No signature matches"):
        verifier().verify(BODY + b" ", signature(BODY))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "t=1",
        "v1=" + "0" * 64,
        "nonsense",
        signature(BODY) + ",",
        signature(BODY) + ",t=1",
        signature(BODY) + "," + signature(BODY),
        signature(BODY).replace("t=", "t=+"),
        signature(BODY).replace("t=", "t= "),
        signature(BODY).replace("t=", "t=0x"),
        signature(BODY).replace("t=", "T="),
        signature(BODY).replace("v1=", "v0="),
        signature(BODY).replace("v1=", "v1= "),
        signature(BODY).replace(",", ";"),
        "t=١٧٨,v1=" + "0" * 64,
        signature(BODY) + ",x=" + "a" * 5000,
    ],
)
def test_a_malformed_header_is_rejected(header: str | None) -> None:
    """Given a header that breaks the scheme, when it is verified, then it is rejected."""
    with pytest.raises(SignatureRejectedError):
        verifier().verify(BODY, header)


def test_a_signature_of_another_form_beside_a_right_one_does_no_harm() -> None:
    """Given a v1 that is no hexadecimal digest beside a right one, when verified, then it is accepted."""
    verifier().verify(BODY, signature(BODY) + ",v1=" + "é" * 64)


def test_an_empty_secret_signs_nothing() -> None:
    """Given an empty secret in the store, when somebody signs with it, then it is rejected."""
    with pytest.raises(SignatureRejectedError):
        verifier("", " ").verify(BODY, signature(BODY, ""))


def test_a_rolled_secret_holds_at_the_first_delivery() -> None:
    """Given a secret rolled since it was read, when the new one signs, then it is read anew and accepted."""
    secrets = Secrets(["whsec_old"], fresh=["whsec_new"])
    checked = StripeSignatureVerifier(secrets=secrets, clock=lambda: NOW)
    checked.verify(BODY, signature(BODY, "whsec_new"))
    checked.verify(BODY, signature(BODY, "whsec_new"))
    assert secrets.refreshed == 1


def test_forgeries_cannot_hammer_the_store() -> None:
    """Given a flood of forged signatures, when they are rejected, then the store is read once an interval."""
    now = [NOW]
    secrets = Secrets([SECRET])
    checked = StripeSignatureVerifier(secrets=secrets, clock=lambda: now[0])
    for second in range(60):
        now[0] = NOW + timedelta(seconds=second)
        with pytest.raises(SignatureRejectedError):
            checked.verify(BODY, signature(BODY, "whsec_forged", at=now[0]))
    assert secrets.refreshed == 60 / REFRESH_INTERVAL.total_seconds()


def test_malformed_and_old_headers_never_reach_the_store() -> None:
    """Given headers that fail by themselves, when they are rejected, then no secret was read anew."""
    secrets = Secrets([SECRET])
    checked = StripeSignatureVerifier(secrets=secrets, clock=lambda: NOW)
    for header in ("t=1", signature(BODY, "whsec_forged", at=NOW - timedelta(hours=1))):
        with pytest.raises(SignatureRejectedError):
            checked.verify(BODY, header)
    assert secrets.refreshed == 0


def test_an_unreadable_store_is_said_so() -> None:
    """Given a store of secrets that is away, when a body is verified, then the store is named."""

    def away(refresh: bool) -> Sequence[str]:
        raise UnavailableError("secrets")

    with pytest.raises(UnavailableError):
        StripeSignatureVerifier(secrets=away, clock=lambda: NOW).verify(BODY, signature(BODY))


def stripe_accepts(body: str, header: str | None, secret: str) -> bool:
    try:
        return bool(stripe.WebhookSignature.verify_header(body, header, secret, tolerance=300))
    except stripe.SignatureVerificationError:
        return False


def we_accept(body: str, header: str | None, *secrets: str) -> bool:
    try:
        verifier(*secrets, now=datetime.now(UTC)).verify(body.encode(), header)
    except SignatureRejectedError:
        return False
    return True


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(body=texts, secret=words, age=st.integers(-290, 290))
def test_we_accept_what_stripe_signs(body: str, secret: str, age: int) -> None:
    """Given any body, secret and age within the tolerance, when Stripe's SDK signs it, then both accept."""
    header = stripe.WebhookSignature.generate_signature_header(body, secret, int(time.time()) - age)
    assert stripe_accepts(body, header, secret)
    assert we_accept(body, header, "whsec_other", secret)


@given(
    body=texts,
    secret=words,
    other=words,
    cut=st.integers(0, 90),
    insert=st.sampled_from(["", ",", "=", "t=1,", "v1=00,", "v0=00,", "0", "f", " "]),
    age=st.integers(-700, 290) | st.integers(310, 700),
)
@example(body="", secret="s", other="s", cut=0, insert="", age=0)
def test_we_accept_nothing_that_stripe_rejects(
    body: str, secret: str, other: str, cut: int, insert: str, age: int
) -> None:
    """Given any damage to header, secret or age, when we accept it, then Stripe's SDK does too."""
    header = stripe.WebhookSignature.generate_signature_header(body, secret, int(time.time()) - age)
    header = header[:cut] + insert + header[cut:]
    if we_accept(body, header, other):
        assert stripe_accepts(body, header, other)
    elif abs(age) < 290 and insert == "":
        assert not stripe_accepts(body, header, other)
