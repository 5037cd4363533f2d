"""AWS Secrets Manager's GetSecretValue, without the SDK: a cold start reads one secret and nothing else."""

from __future__ import annotations

import json
import random
import time
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from billing.adapters.aws.sigv4 import AwsCredentials, SignedRequest, signed_headers
from billing.domain.errors import UnavailableError
from billing.settings import SettingsError, required

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

_ATTEMPTS = 3
_CONNECT_SECONDS = 2.0
_READ_SECONDS = 3.0
_PAUSE_SECONDS = 0.25
_LARGEST = 1 << 20  # a secret has 64 kB, which JSON may write six times as long

_OK, _SERVER_ERROR = 200, 500
_RETRIED = {"ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException"}


class _AgainError(Exception):
    """It failed in a way that may pass."""


def read_secret(secret_id: str, env: Mapping[str, str]) -> str:
    """Return the secret's text, empty if it is of bytes.

    Region, credentials and endpoint come from the variables that AWS's SDKs read; what Lambda does not
    set as variables (SnapStart, a developer's profile) is left to boto3. At most 3 tries, each within
    2 s to connect and 3 s to answer.

    Raises
    ------
    UnavailableError
        Secrets Manager does not answer, or refuses.
    SettingsError
        There is no such secret, or no region.
    """
    region = env.get("AWS_REGION") or required(env, "AWS_DEFAULT_REGION")
    endpoint = _endpoint(region, env)
    credentials = _credentials(env)
    body = json.dumps({"SecretId": secret_id}).encode()
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _text(secret_id, *_post(endpoint, region, credentials, body, env))
        except (_AgainError, OSError, HTTPException) as error:
            if attempt == _ATTEMPTS:
                raise UnavailableError("secrets") from error
            time.sleep(random.uniform(0, _PAUSE_SECONDS * 2**attempt))  # noqa: S311 - to spread, not to hide
    raise AssertionError("the last try returns or raises")


def _text(secret_id: str, status: int, answer: bytes) -> str:
    """Return the secret's text from an answer."""
    try:
        members = json.loads(answer)
    except ValueError:
        # Not chained: a JSON error carries the document, which may be the secret.
        raise _AgainError(f"an answer {status} that is not JSON") from None
    if not isinstance(members, dict):
        raise _AgainError(f"an answer {status} that is not an object")
    if status == _OK:
        text = members.get("SecretString", "")
        return text if isinstance(text, str) else ""
    kind = _kind(members)
    if kind == "ResourceNotFoundException":
        raise SettingsError(f"the secret {secret_id} does not exist")
    if status >= _SERVER_ERROR or kind in _RETRIED:
        raise _AgainError(f"an answer {status} {kind}")
    raise UnavailableError("secrets") from RuntimeError(f"an answer {status} {kind}")


def _kind(members: Mapping[str, Any]) -> str:
    # Services write "Name", "namespace#Name" or "Name:address".
    return str(members.get("__type", "")).rpartition("#")[2].partition(":")[0]


def _post(
    endpoint: SplitResult, region: str, credentials: AwsCredentials, body: bytes, env: Mapping[str, str]
) -> tuple[int, bytes]:
    connection = _connection(endpoint, env)
    try:
        connection.connect()
        connection.sock.settimeout(_READ_SECONDS)
        request = SignedRequest(
            host=endpoint.netloc.rpartition("@")[2],
            headers={
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": "secretsmanager.GetSecretValue",
            },
            body=body,
        )
        headers = signed_headers(
            request, credentials, region=region, service="secretsmanager", at=datetime.now(UTC)
        )
        connection.request("POST", "/", body, headers)
        response = connection.getresponse()
        # Against a deadline: a socket's timeout alone lets an answer drip for ever.
        deadline = time.monotonic() + _READ_SECONDS
        answer = b""
        while piece := response.read1(65536):
            answer += piece
            if len(answer) > _LARGEST or time.monotonic() > deadline:
                raise _AgainError("an answer without end")
        return response.status, answer
    finally:
        connection.close()


def _connection(endpoint: SplitResult, env: Mapping[str, str]) -> HTTPConnection:
    host = endpoint.hostname or ""
    if endpoint.scheme == "http":
        return HTTPConnection(host, endpoint.port, timeout=_CONNECT_SECONDS)
    import ssl

    import certifi

    trust = ssl.create_default_context(cafile=env.get("AWS_CA_BUNDLE") or certifi.where())
    return HTTPSConnection(host, endpoint.port, timeout=_CONNECT_SECONDS, context=trust)


def _endpoint(region: str, env: Mapping[str, str]) -> SplitResult:
    """Return where Secrets Manager answers.

    Partitions other than AWS's public ones and China's name theirs in AWS_ENDPOINT_URL_SECRETS_MANAGER.
    """
    if env.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        configured = env.get("AWS_ENDPOINT_URL_SECRETS_MANAGER") or env.get("AWS_ENDPOINT_URL")
        if configured:
            parts = urlsplit(configured)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
                raise SettingsError("the endpoint URL of Secrets Manager is not http(s)://host[:port]")
            return parts
    fips = "-fips" if env.get("AWS_USE_FIPS_ENDPOINT", "").lower() == "true" else ""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return urlsplit(f"https://secretsmanager{fips}.{region}.{suffix}")


def _credentials(env: Mapping[str, str]) -> AwsCredentials:
    if env.get("AWS_ACCESS_KEY_ID") and env.get("AWS_SECRET_ACCESS_KEY"):
        return AwsCredentials(
            env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env.get("AWS_SESSION_TOKEN", "")
        )
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        found = boto3.Session().get_credentials()
        if found is None:
            raise UnavailableError("secrets") from RuntimeError("there are no AWS credentials")
        frozen = found.get_frozen_credentials()
    except BotoCoreError as error:
        raise UnavailableError("secrets") from error
    return AwsCredentials(frozen.access_key or "", frozen.secret_key or "", frozen.token or "")
