"""GetSecretValue without the SDK: what is sent, which failures are tried again, and where it goes."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from billing.adapters.aws.secrets_manager import _endpoint, read_secret
from billing.domain.errors import UnavailableError
from billing.settings import SettingsError
from tests.support.certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.certificates import Certificate

PROJECT = Path(__file__).parents[2]
KEYS = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "k"}
FOUND = (200, b'{"SecretString": "value"}')


def refusal(status: int, kind: str) -> tuple[int, bytes]:
    return status, json.dumps({"__type": kind}).encode()


@contextmanager
def answering(
    *answers: tuple[int, bytes], tls: Certificate | None = None
) -> Iterator[tuple[dict[str, str], list[dict[str, str]]]]:
    """Yield an environment whose Secrets Manager gives these answers, and the headers it was sent."""
    left, seen = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append({name.lower(): value for name, value in self.headers.items()})
            status, body = left.pop(0)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Say nothing of a client that does not trust us."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.pem, tls.key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    scheme = "http" if tls is None else "https"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield {**KEYS, "AWS_ENDPOINT_URL": f"{scheme}://127.0.0.1:{server.server_address[1]}"}, seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    "first",
    [
        refusal(400, "ThrottlingException"),
        refusal(500, "InternalServiceError"),
        (503, b"<html>"),
        (200, b"{"),
        (502, b"[]"),
    ],
)
def test_what_may_pass_is_tried_again(first: tuple[int, bytes]) -> None:
    """Given a failure that may pass, when asked once, then the next answer counts."""
    with answering(first, FOUND) as (env, seen):
        assert read_secret("s", env) == "value"
    assert len(seen) == 2


def test_three_tries_are_all() -> None:
    """Given failures without end, when asked, then it is unavailable after three tries."""
    with answering(*[refusal(500, "InternalServiceError")] * 4) as (env, seen):
        with pytest.raises(UnavailableError, match="secrets"):
            read_secret("s", env)
        assert len(seen) == 3


@pytest.mark.parametrize("kind", ["AccessDeniedException", "DecryptionFailure", ""])
def test_a_refusal_is_not_tried_again(kind: str) -> None:
    """Given a refusal, when asked, then it is unavailable at once."""
    with answering(refusal(400, kind)) as (env, seen), pytest.raises(UnavailableError):
        read_secret("s", env)
    assert len(seen) == 1


@pytest.mark.parametrize("kind", ["ResourceNotFoundException", "aws#ResourceNotFoundException"])
def test_a_missing_secret_is_a_wrong_setting(kind: str) -> None:
    """Given no such secret, in either spelling of the error, when asked, then its name is told."""
    with answering(refusal(400, kind)) as (env, _), pytest.raises(SettingsError, match="s-1 does not exist"):
        read_secret("s-1", env)


def test_the_session_token_is_sent_and_signed() -> None:
    """Given a role's temporary key, when asked, then its token goes along under the signature."""
    with answering(FOUND) as (env, seen):
        read_secret("s", {**env, "AWS_SESSION_TOKEN": "token"})
    assert seen[0]["x-amz-security-token"] == "token"
    assert "x-amz-security-token" in seen[0]["authorization"]
    assert seen[0]["x-amz-target"] == "secretsmanager.GetSecretValue"


def test_only_a_trusted_server_is_asked(tmp_path: Path) -> None:
    """Given TLS, when the CA is named in AWS_CA_BUNDLE the secret comes, and when not, nothing is sent."""
    authority = Authority(tmp_path, "ca")
    with answering(FOUND, tls=authority.sign("server", "127.0.0.1")) as (env, seen):
        with pytest.raises(UnavailableError):
            read_secret("s", env)
        assert seen == []
        assert read_secret("s", {**env, "AWS_CA_BUNDLE": str(authority.root)}) == "value"


def test_a_secret_of_bytes_is_an_empty_text() -> None:
    """Given a secret without text, when asked, then the text is empty."""
    with answering((200, b'{"SecretBinary": "AAAA"}')) as (env, _):
        assert read_secret("s", env) == ""


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, "https://secretsmanager.eu-west-1.amazonaws.com"),
        ({"AWS_ENDPOINT_URL": "http://localhost:1"}, "http://localhost:1"),
        (
            {"AWS_ENDPOINT_URL": "http://localhost:1", "AWS_ENDPOINT_URL_SECRETS_MANAGER": "https://vpce:2"},
            "https://vpce:2",
        ),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, "https://secretsmanager-fips.eu-west-1.amazonaws.com"),
        (
            {"AWS_ENDPOINT_URL": "http://localhost:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "https://secretsmanager.eu-west-1.amazonaws.com",
        ),
    ],
)
def test_the_endpoint_is_the_sdks(
    variables: dict[str, str], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given the variables of AWS's SDKs, when the endpoint is chosen, then boto3 chooses the same."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {**KEYS, "AWS_DEFAULT_REGION": "eu-west-1", **variables}.items():
        monkeypatch.setenv(name, value)
    assert _endpoint("eu-west-1", os.environ).geturl() == url
    assert boto3.client("secretsmanager").meta.endpoint_url == url


@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-west-1", "cn-north-1"])
def test_the_partition_is_the_regions(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a region of AWS, when the endpoint is chosen, then it is of the region's partition."""
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    theirs = boto3.client(
        "secretsmanager", region_name=region, aws_access_key_id="a", aws_secret_access_key="b"
    )
    assert _endpoint(region, {}).geturl() == theirs.meta.endpoint_url


@pytest.mark.parametrize("url", ["localhost:1", "ftp://localhost", "http://localhost/path", "http://"])
def test_an_endpoint_that_is_none_is_refused(url: str) -> None:
    """Given an endpoint of another form, when a secret is asked for, then the setting is wrong."""
    with pytest.raises(SettingsError, match="endpoint URL"):
        read_secret("s", {**KEYS, "AWS_ENDPOINT_URL": url})


def test_a_secret_is_read_without_the_sdk(aws_endpoint: str) -> None:
    """Given a fresh process on the local AWS, when it reads a secret, then boto3 is not loaded."""
    name = f"s-{uuid.uuid4().hex}"
    boto3.client("secretsmanager").create_secret(Name=name, SecretString='{"username": "u"}')
    program = (
        "import sys; from billing.adapters.secrets import Secrets; "
        f"print(Secrets().text({name!r}, 'username'), 'boto3' in sys.modules, 'botocore' in sys.modules)"
    )
    done = subprocess.run(  # noqa: S603 - this interpreter and our own text
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(PROJECT / "layers/common")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["u", "False", "False"]


def test_without_keys_in_the_environment_the_sdk_finds_them(
    aws_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given keys in a profile only, when a secret is read, then they are found there."""
    name = f"s-{uuid.uuid4().hex}"
    boto3.client("secretsmanager").create_secret(Name=name, SecretString="v")
    profile = tmp_path / "credentials"
    profile.write_text("[default]\naws_access_key_id = test\naws_secret_access_key = test\n")
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(key)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profile))
    assert read_secret(name, os.environ) == "v"
