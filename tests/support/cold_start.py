"""A function's environment as a cold start finds it: variables set, nothing built yet."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

from billing import bootstrap, metering, mirroring

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextmanager
def cold_start(environment: Mapping[str, str]) -> Iterator[None]:
    """Let functions run in this environment for the length of the block; what they built is closed after."""
    names = {"POWERTOOLS_SERVICE_NAME": "function-under-test", "POWERTOOLS_METRICS_NAMESPACE": "Billing"}
    forget()
    with patch.dict(os.environ, {**names, **environment}):
        yield
        forget()


def forget() -> None:
    """Close and forget everything that was built, as a new execution environment has nothing."""
    if mirroring.apply_stripe_event.cache_info().currsize:
        mirroring.apply_stripe_event()._stripe.close()  # type: ignore[attr-defined] # noqa: SLF001 - the SDK's
    if mirroring._stripe_connection.cache_info().currsize:  # noqa: SLF001 - what bootstrap holds
        mirroring._stripe_connection().close()  # noqa: SLF001 - same
    if bootstrap._database.cache_info().currsize:  # noqa: SLF001 - what bootstrap holds
        bootstrap._database().close()  # noqa: SLF001 - same
    for member in (*vars(bootstrap).values(), *vars(metering).values(), *vars(mirroring).values()):
        if hasattr(member, "cache_clear"):
            member.cache_clear()
