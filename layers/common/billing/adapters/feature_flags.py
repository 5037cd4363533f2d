"""Feature flags in Powertools' schema, from the environment or from AWS AppConfig.

Powertools' feature_flags package imports boto3, so it is loaded only where a flag has rules or
AppConfig is configured; a plain `{"default": true}` is answered without it. Rules are evaluated
without a context: those on time work, those on a tenant never match.
"""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any

from billing.settings import SettingsError, required

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.feature_flags import AppConfigStore, FeatureFlags
    from types_boto3_appconfigdata.client import AppConfigDataClient

    from billing.use_cases import access_ports

_FRESH_SECONDS = 60
_TIMEOUT_SECONDS = 1

_log = logging.getLogger(__name__)


def flags_from(env: Mapping[str, str]) -> access_ports.FeatureFlags:
    """Return the flags of an environment: AppConfig's where APPCONFIG_* are set, else FEATURE_FLAGS.

    Raises
    ------
    SettingsError
        FEATURE_FLAGS is missing, or only some of APPCONFIG_* are set.
    """
    defaults = FlagsFromEnvironment(required(env, "FEATURE_FLAGS"))
    if not any(env.get(name) for name in _APPCONFIG):
        return defaults
    application, environment, profile = (required(env, name) for name in _APPCONFIG)
    return FlagsFromAppConfig(application, environment, profile, fallback=defaults)


_APPCONFIG = ("APPCONFIG_APPLICATION", "APPCONFIG_ENVIRONMENT", "APPCONFIG_PROFILE")


class FlagsFromEnvironment:
    """Flags of a JSON text; it is read on first use, because a handler without flags never needs it."""

    def __init__(self, schema_json: str) -> None:
        self._json = schema_json
        self._schema: _Schema | None = None

    def enabled(self, feature: str) -> bool:
        """Return whether the feature is on; an unknown feature is off.

        Raises
        ------
        SettingsError
            FEATURE_FLAGS is not a JSON object of flags.
        """
        if self._schema is None:
            try:
                self._schema = _Schema(json.loads(self._json))
            except (ValueError, RecursionError) as error:
                raise SettingsError("the environment variable FEATURE_FLAGS is not a flag schema") from error
        return self._schema.enabled(feature)


class FlagsFromAppConfig:
    """Flags of an AppConfig profile, at most 60 s old.

    While AppConfig is away, or holds no schema, the last known flags count; before there are any,
    `fallback` does. A failed reading is tried again after 60 s, not with every request.
    """

    def __init__(
        self,
        application: str,
        environment: str,
        profile: str,
        fallback: access_ports.FeatureFlags,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._profile = (application, environment, profile)
        self._fallback = fallback
        self._monotonic = monotonic
        self._client: AppConfigDataClient | None = None
        self._store: AppConfigStore | None = None
        self._schema: _Schema | None = None
        self._next_reading = float("-inf")

    def enabled(self, feature: str) -> bool:
        """Return whether the feature is on; an unknown feature is off."""
        if self._monotonic() >= self._next_reading:
            self._next_reading = self._monotonic() + _FRESH_SECONDS
            self._schema = self._read() or self._schema
        return (self._schema or self._fallback).enabled(feature)

    def _read(self) -> _Schema | None:
        from aws_lambda_powertools.utilities.feature_flags import AppConfigStore, ConfigurationStoreError
        from aws_lambda_powertools.utilities.feature_flags.exceptions import StoreClientError

        application, environment, profile = self._profile
        try:
            if self._store is None:
                self._store = AppConfigStore(
                    environment, application, profile, max_age=0, boto3_client=self._appconfig()
                )
            return _Schema(self._store.get_configuration())
        except (ConfigurationStoreError, StoreClientError) as error:
            # The store keeps its session's token, which may be what expired: begin a new session.
            self._store = None
            _log.warning("AppConfig does not answer: %s", type(error.__cause__).__name__)
        except ValueError:
            _log.warning("AppConfig holds no flag schema")
        return None

    def _appconfig(self) -> AppConfigDataClient:
        if self._client is None:
            import boto3
            from botocore.config import Config

            config = Config(
                connect_timeout=_TIMEOUT_SECONDS,
                read_timeout=_TIMEOUT_SECONDS,
                retries={"total_max_attempts": 2},
            )
            self._client = boto3.client("appconfigdata", config=config)
        return self._client


class _Schema:
    """A validated flag schema; ValueError if it is none."""

    def __init__(self, schema: Any) -> None:
        if not isinstance(schema, dict):
            raise ValueError("a flag schema is an object")  # noqa: TRY004 - one kind of error for one fact
        for flag in schema.values():
            if not isinstance(flag, dict) or not isinstance(flag.get("default"), bool):
                raise ValueError("a flag is an object with a boolean default")  # noqa: TRY004 - as above
        self._schema: dict[str, Any] = schema
        self._rules = _rules(schema) if any(flag.get("rules") for flag in schema.values()) else None

    def enabled(self, feature: str) -> bool:
        flag = self._schema.get(feature)
        if flag is None:
            return False
        if self._rules is None or not flag.get("rules"):
            on: bool = flag["default"]
            return on
        return self._rules.evaluate(name=feature, default=flag["default"]) is True


def _rules(schema: dict[str, Any]) -> FeatureFlags:
    """Return Powertools' evaluator over a fixed schema, validated; ValueError if it is not valid."""
    from aws_lambda_powertools.utilities.feature_flags import FeatureFlags, StoreProvider
    from aws_lambda_powertools.utilities.feature_flags.exceptions import SchemaValidationError

    class Fixed(StoreProvider):
        @property
        def get_raw_configuration(self) -> dict[str, Any]:
            return schema

        def get_configuration(self) -> dict[str, Any]:
            return schema

    flags = FeatureFlags(store=Fixed())
    try:
        flags.get_configuration()
    except SchemaValidationError as error:
        raise ValueError("the rules are not Powertools'") from error
    return flags
