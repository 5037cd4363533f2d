"""The signature of requests to AWS, against botocore's."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from billing.adapters.aws.sigv4 import AwsCredentials, SignedRequest, signed_headers

visible = st.characters(min_codepoint=33, max_codepoint=126)
keys = st.text(visible, min_size=1, max_size=60)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
names = st.from_regex(r"X-[A-Z][a-z]{1,12}", fullmatch=True).filter(lambda name: not name.startswith("X-Amz"))
hosts = st.from_regex(r"[a-z]{1,20}\.[a-z]{2,10}\.example(:[1-9][0-9]{2,4})?", fullmatch=True)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


@given(keys, keys, st.one_of(st.just(""), keys), names, values, hosts, st.binary(max_size=300), moments)
def test_the_signature_is_botocores(
    access: str, secret: str, token: str, name: str, value: str, host: str, body: bytes, at: datetime
) -> None:
    """Given any credentials, header, host, body and moment, when signed, then as botocore signs it."""
    request = SignedRequest(host, {"Content-Type": "application/x-amz-json-1.1", name: value}, body)
    ours = signed_headers(
        request, AwsCredentials(access, secret, token), region="eu-west-1", service="secretsmanager", at=at
    )
    theirs = AWSRequest("POST", f"https://{host}/", headers=dict(request.headers), data=body)
    theirs.headers["Host"] = host
    with patch("botocore.auth.get_current_datetime", return_value=at):
        SigV4Auth(Credentials(access, secret, token or None), "secretsmanager", "eu-west-1").add_auth(theirs)
    assert ours == dict(theirs.headers.items())


def test_keys_are_not_shown() -> None:
    """Given credentials, when they are printed, then neither the secret key nor the token is."""
    assert "hidden" not in repr(AwsCredentials("AKIA", "hidden-key", "hidden-token"))
