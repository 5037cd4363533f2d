"""What every source of feature flags promises, held by the fake, the environment and AppConfig."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from threading import Thread
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from billing.adapters.feature_flags import FlagsFromAppConfig, FlagsFromEnvironment, flags_from
from billing.settings import SettingsError
from tests.fakes.feature_flags import FakeFeatureFlags
from tests.support.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from billing.use_cases.access_ports import FeatureFlags

    type Make = Callable[[dict[str, bool]], FeatureFlags]

# A rule on time that matches always, and one on a tenant, which never matches without a context.
ALWAYS = {
    "action": "SCHEDULE_BETWEEN_DATETIME_RANGE",
    "key": "CURRENT_DATETIME",
    "value": {"START": "2000-01-01T00:00:00", "END": "2999-01-01T00:00:00", "TIMEZONE": "UTC"},
}
TENANT = {"action": "EQUALS", "key": "tenant", "value": "cus_1"}


def plain(flags: dict[str, bool]) -> dict[str, Any]:
    return {name: {"default": on} for name, on in flags.items()}


def ruled(flags: dict[str, bool]) -> dict[str, Any]:
    """Return a schema whose defaults say the opposite, and whose rules put it right."""
    return {
        name: {"default": not on, "rules": {"r": {"when_match": on, "conditions": [ALWAYS]}}}
        for name, on in flags.items()
    }


@dataclass(frozen=True)
class Profile:
    """A freeform AppConfig profile in the local AWS."""

    application: str
    environment: str
    profile: str
    strategy: str

    def deploy(self, content: bytes) -> None:
        """Make this the profile's configuration now."""
        client = boto3.client("appconfig")
        version = client.create_hosted_configuration_version(
            ApplicationId=self.application,
            ConfigurationProfileId=self.profile,
            Content=content,
            ContentType="application/json",
        )["VersionNumber"]
        client.start_deployment(
            ApplicationId=self.application,
            EnvironmentId=self.environment,
            DeploymentStrategyId=self.strategy,
            ConfigurationProfileId=self.profile,
            ConfigurationVersion=str(version),
        )

    def flags(self, fallback: FeatureFlags, monotonic: Callable[[], float]) -> FlagsFromAppConfig:
        """Return the flags of this profile."""
        return FlagsFromAppConfig(
            self.application, self.environment, self.profile, fallback, monotonic=monotonic
        )


@pytest.fixture
def profile(aws_endpoint: str, unique_name: str) -> Profile:
    client = boto3.client("appconfig")
    application = client.create_application(Name=unique_name)["Id"]
    environment = client.create_environment(ApplicationId=application, Name="test")["Id"]
    made = client.create_configuration_profile(
        ApplicationId=application, Name="flags", LocationUri="hosted", Type="AWS.Freeform"
    )
    # AWS's own strategies bake for minutes, in which nothing else may be deployed.
    strategy = client.create_deployment_strategy(
        Name=unique_name,
        DeploymentDurationInMinutes=0,
        FinalBakeTimeInMinutes=0,
        GrowthFactor=100.0,
        ReplicateTo="NONE",
    )
    return Profile(application, environment, made["Id"], strategy["Id"])


@pytest.fixture
def relay(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    with Relay(aws_endpoint) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_address[1]}")
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(params=["fake", "environment", "rules", "appconfig"])
def make(request: pytest.FixtureRequest) -> Make:
    match request.param:
        case "fake":
            return FakeFeatureFlags
        case "environment":
            return lambda flags: FlagsFromEnvironment(json.dumps(plain(flags)))
        case "rules":
            return lambda flags: FlagsFromEnvironment(json.dumps(ruled(flags)))
    profile: Profile = request.getfixturevalue("profile")

    def from_appconfig(flags: dict[str, bool]) -> FeatureFlags:
        profile.deploy(json.dumps(plain(flags)).encode())
        return profile.flags(FakeFeatureFlags({}), lambda: 0.0)

    return from_appconfig


def test_a_feature_is_on_or_off_as_its_flag_says(make: Make) -> None:
    """Given flags, when they are asked, then each feature is as its flag says."""
    flags = make({"invoices": True, "invoice_pdf": False})
    assert flags.enabled("invoices") is True
    assert flags.enabled("invoice_pdf") is False
    assert flags.enabled("invoices") is True


def test_an_unknown_feature_is_off(make: Make) -> None:
    """Given flags, when another feature is asked for, then it is off."""
    assert make({"invoices": True}).enabled("usage") is False


def test_a_rule_that_does_not_match_leaves_the_default() -> None:
    """Given a rule on a tenant, when there is no context to match, then the default counts."""
    schema = {"invoices": {"default": True, "rules": {"r": {"when_match": False, "conditions": [TENANT]}}}}
    assert FlagsFromEnvironment(json.dumps(schema)).enabled("invoices") is True


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        '{"invoices": true}',
        '{"invoices": {}}',
        '{"invoices": {"default": "yes"}}',
        '{"invoices": {"default": true, "rules": {"r": {"when_match": true}}}}',
        '{"invoices": {"default": true, "rules": [1]}}',
    ],
)
def test_a_malformed_schema_is_named_when_it_is_needed(text: str) -> None:
    """Given FEATURE_FLAGS that are no schema, when a flag is asked, then only the variable is named."""
    flags = FlagsFromEnvironment(text)
    with pytest.raises(SettingsError, match="FEATURE_FLAGS") as caught:
        flags.enabled("invoices")
    assert "yes" not in str(caught.value)


def test_the_source_follows_the_environment() -> None:
    """Given the variables, when a source is chosen, then AppConfig's needs all of its three."""
    names = ("APPCONFIG_APPLICATION", "APPCONFIG_ENVIRONMENT", "APPCONFIG_PROFILE")
    env = {"FEATURE_FLAGS": "{}"} | dict.fromkeys(names, "")
    assert isinstance(flags_from(env), FlagsFromEnvironment)
    assert isinstance(flags_from(env | dict.fromkeys(names, "x")), FlagsFromAppConfig)
    with pytest.raises(SettingsError, match="APPCONFIG_ENVIRONMENT"):
        flags_from(env | {"APPCONFIG_APPLICATION": "x"})
    with pytest.raises(SettingsError, match="FEATURE_FLAGS"):
        flags_from({})


def test_a_change_in_appconfig_counts_within_a_minute(profile: Profile) -> None:
    """Given a deployed change, when the flags are 60 s old, then they are read anew, and not before."""
    now = [0.0]
    profile.deploy(json.dumps(plain({"invoices": True})).encode())
    flags = profile.flags(FakeFeatureFlags({}), lambda: now[0])
    assert flags.enabled("invoices") is True
    profile.deploy(json.dumps(plain({"invoices": False})).encode())
    now[0] = 59.0
    assert flags.enabled("invoices") is True
    now[0] = 60.0
    assert flags.enabled("invoices") is False


def test_rules_work_from_appconfig_too(profile: Profile) -> None:
    """Given rules in AppConfig, when a flag is asked, then they decide."""
    profile.deploy(json.dumps(ruled({"invoices": True})).encode())
    assert profile.flags(FakeFeatureFlags({}), lambda: 0.0).enabled("invoices") is True


@pytest.mark.parametrize("content", [b'{"invoices": 7}', b"[]", b"no json"])
def test_what_is_no_schema_leaves_the_last_known_flags(profile: Profile, content: bytes) -> None:
    """Given a broken deployment, when the flags are read anew, then the last known ones count."""
    now = [0.0]
    profile.deploy(json.dumps(plain({"invoices": True})).encode())
    flags = profile.flags(FakeFeatureFlags({}), lambda: now[0])
    assert flags.enabled("invoices") is True
    profile.deploy(content)
    now[0] = 60.0
    assert flags.enabled("invoices") is True
    profile.deploy(json.dumps(plain({"invoices": False})).encode())
    now[0] = 120.0
    assert flags.enabled("invoices") is False


def test_before_any_reading_the_defaults_count(profile: Profile) -> None:
    """Given a profile that does not exist, when flags are asked, then the fallback counts."""
    absent = replace(profile, profile="missing1").flags(FakeFeatureFlags({"invoices": True}), lambda: 0.0)
    assert absent.enabled("invoices") is True
    assert absent.enabled("usage") is False


def test_while_appconfig_is_away_the_last_known_flags_count(
    profile: Profile, relay: Relay, caplog: pytest.LogCaptureFixture
) -> None:
    """Given flags that were read, when AppConfig goes away, then they count until it is back with news."""
    now = [0.0]
    profile.deploy(json.dumps(plain({"usage": True})).encode())
    flags = profile.flags(FakeFeatureFlags({}), lambda: now[0])
    assert flags.enabled("usage") is True
    profile.deploy(json.dumps(plain({"usage": False})).encode())
    relay.away = True
    now[0] = 60.0
    seen = relay.requests
    assert [flags.enabled("usage") for _ in range(5)] == [True] * 5
    assert relay.requests - seen <= 2, "one reading, tried twice, not one for every question"
    assert "AppConfig does not answer" in caplog.text
    relay.away = False
    now[0] = 120.0
    assert flags.enabled("usage") is False


def test_plain_flags_load_neither_powertools_nor_boto3() -> None:
    """Given plain flags, when they are asked in a fresh process, then no heavy library was imported."""
    program = (
        "import sys\n"
        "from billing.adapters.feature_flags import flags_from\n"
        """assert flags_from({"FEATURE_FLAGS": '{"invoices": {"default": true}}'}).enabled("invoices")\n"""
        "print([name for name in ('boto3', 'botocore', 'aws_lambda_powertools') if name in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603 - this interpreter and our own text
        [sys.executable, "-c", program],
        env={"PYTHONPATH": "layers/common"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
