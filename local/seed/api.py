"""Stripe's API as the seed uses it: form parameters in, plain JSON out, expected failures in one sentence."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import stripe

from local.problems import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

type Json = dict[str, Any]

_PAGE = 100
_VERSION = "2026-05-27.dahlia"
_RETRIES = 3
_TIMEOUT_SECONDS = 60
_STRIPE = "https://api.stripe.com"
_NOT_FOUND = 404


class RefusedError(LocalCloudError):
    """Stripe refused a request; `code` is Stripe's."""

    def __init__(self, message: str, status: int | None, code: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Api:
    """Calls Stripe, or the stand-in at another `base`; close it after use."""

    def __init__(self, base: str, api_key: str) -> None:
        self._connection = stripe.RequestsClient(timeout=_TIMEOUT_SECONDS)
        self._client = stripe.StripeClient(
            api_key,
            stripe_version=_VERSION,
            base_addresses={"api": base},
            max_network_retries=_RETRIES,
            http_client=self._connection,
        )
        self._base = base
        # Only the stand-in can be told that something happened in the past.
        self._backdates = base.rstrip("/") != _STRIPE

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()  # type: ignore[no-untyped-call] # the SDK left it untyped

    def get(self, path: str, **params: Any) -> Json:
        """Return the object or list at the path.

        Raises
        ------
        RefusedError
            Stripe refused.
        LocalCloudError
            Stripe does not answer.
        """
        return self._call("get", path, params)

    def find(self, path: str) -> Json | None:
        """Return the object at the path, None if Stripe does not know it."""
        try:
            return self.get(path)
        except RefusedError as refusal:
            if refusal.status == _NOT_FOUND and refusal.code == "resource_missing":
                return None
            raise

    def all(self, path: str, **params: Any) -> Iterator[Json]:
        """Yield every object of the list, newest first."""
        after: Json = {}
        while True:
            page = self.get(path, limit=_PAGE, **params, **after)
            yield from page["data"]
            if not page["has_more"]:
                return
            after = {"starting_after": page["data"][-1]["id"]}

    def post(self, path: str, *, key: str, at: datetime | None = None, **params: Any) -> Json:
        """Create or change; `key` makes a repetition harmless, `at` is when it happened (None: now)."""
        options: Json = {"idempotency_key": f"billing-demo/{key}"}
        if at is not None and self._backdates:
            options["headers"] = {"X-Standin-Created": str(min(int(at.timestamp()), int(time.time())))}
        return self._call("post", path, {**params, **options})

    def _call(self, method: str, path: str, params: Json) -> Json:
        try:
            answer = self._client.raw_request(method, path, **params)
        except stripe.APIConnectionError as error:
            raise LocalCloudError(f"Stripe does not answer at {self._base}: {error.user_message}") from error
        except stripe.StripeError as error:
            raise RefusedError(
                f"Stripe refused {method.upper()} {path}: {error.user_message}",
                error.http_status,
                error.code,
            ) from error
        loaded: Json = json.loads(answer.body)
        return loaded
