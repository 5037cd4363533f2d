from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

import boto3
import pytest

from billing.adapters.secrets import KEPT_FOR, STALE_FOR, Secrets
from billing.domain.errors import UnavailableError
from billing.settings import SettingsError

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.fixture
def manager(aws_endpoint: str) -> SecretsManagerClient:
    client: SecretsManagerClient = boto3.client("secretsmanager")
    return client


@pytest.fixture
def secret(manager: SecretsManagerClient) -> str:
    value = json.dumps(
        {"username": "u", "webhook_secrets": ["a", "b"], "n": 7, "empty": "", "mixed": ["a", 1]}
    )
    return manager.create_secret(Name=f"s-{uuid.uuid4().hex}", SecretString=value)["Name"]


def test_texts_and_lists_of_texts_are_read(secret: str) -> None:
    """Given a JSON secret, when its members are asked for, then they come typed."""
    secrets = Secrets()
    assert secrets.text(secret, "username") == "u"
    assert secrets.texts(secret, "webhook_secrets") == ("a", "b")


def test_a_value_is_kept_for_five_minutes(secret: str, manager: SecretsManagerClient) -> None:
    """Given a rotated secret, when five minutes passed, then the new value is read, not before."""
    clock = Clock()
    secrets = Secrets(clock)
    assert secrets.text(secret, "username") == "u"
    manager.put_secret_value(SecretId=secret, SecretString='{"username": "v"}')
    clock.now = KEPT_FOR - 1
    assert secrets.text(secret, "username") == "u"
    clock.now = KEPT_FOR
    assert secrets.text(secret, "username") == "v"


def test_a_refresh_reads_at_once(secret: str, manager: SecretsManagerClient) -> None:
    """Given a rotated secret, when a refresh is asked for, then the new value comes and is kept."""
    secrets = Secrets()
    secrets.get(secret)
    manager.put_secret_value(SecretId=secret, SecretString='{"username": "v"}')
    assert secrets.text(secret, "username", refresh=True) == "v"
    assert secrets.text(secret, "username") == "v"


def test_while_the_store_is_away_a_kept_value_serves_for_an_hour(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given Secrets Manager away, when a kept value grew old, then it serves, but not a refresh."""
    clock = Clock()
    secrets = Secrets(clock)
    secrets.get(secret)

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    clock.now = KEPT_FOR
    assert secrets.text(secret, "username") == "u"
    with pytest.raises(UnavailableError, match="secrets"):
        secrets.get(secret, refresh=True)
    clock.now = STALE_FOR
    with pytest.raises(UnavailableError, match="secrets"):
        secrets.get(secret)


def test_a_store_that_never_answered_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given nobody listening, when a secret is asked for, then it is unavailable within bounds."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(UnavailableError):
        Secrets().get("s")


@pytest.mark.parametrize("key", ["password", "n", "empty", "webhook_secrets"])
def test_a_missing_text_is_named(secret: str, key: str) -> None:
    """Given a secret without a text under a key, when it is asked for, then the key is named, no value."""
    with pytest.raises(SettingsError, match=f"no text under the key '{key}'") as caught:
        Secrets().text(secret, key)
    assert "u'" not in str(caught.value).replace(repr(key), "")


@pytest.mark.parametrize("key", ["missing", "username", "mixed"])
def test_a_missing_list_is_named(secret: str, key: str) -> None:
    """Given a secret without a list of texts under a key, when it is asked for, then the key is named."""
    with pytest.raises(SettingsError, match=f"no list of texts under the key '{key}'"):
        Secrets().texts(secret, key)


@pytest.mark.parametrize(
    ("value", "said"), [("hunter2", "is not JSON"), ('["hunter2"]', "is not a JSON object")]
)
def test_a_secret_of_another_form_is_said_without_its_value(
    manager: SecretsManagerClient, value: str, said: str
) -> None:
    """Given a secret that is no JSON object, when it is read, then the error holds no part of it."""
    name = manager.create_secret(Name=f"s-{uuid.uuid4().hex}", SecretString=value)["Name"]
    with pytest.raises(SettingsError, match=said) as caught:
        Secrets().get(name)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_secret_that_does_not_exist_is_named(aws_endpoint: str) -> None:
    """Given no such secret, when it is read, then its name is told."""
    with pytest.raises(SettingsError, match="nowhere does not exist"):
        Secrets().get("nowhere")
