"""Ports of the local cloud: the preferred one, or the next that is free, and the same again next time."""

from __future__ import annotations

import secrets
import socket

from local.problems import LocalCloudError

LOOPBACK = "127.0.0.1"
# Below the ports that systems give to outgoing connections, one of which could stand on a server's.
PREFERRED = {"front-door": 8787, "aws": 4566, "postgres": 15432, "stripe": 12111}
_DRAWN = range(20_000, 32_000)
_ATTEMPTS = 200


def is_free(port: int) -> bool:
    """Return whether a server could listen on this port of the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Servers set it too: without it a port whose last connection is still closing looks taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def any_free_port() -> int:
    """Return a port that is free now, for tests and the bench, where no number is preferred.

    It is none that the system gives to outgoing connections, one of which could take it before a server is
    up. The numbers are drawn, because tests that run at once draw too.

    Raises
    ------
    LocalCloudError
        None of those drawn is free.
    """
    for _ in range(_ATTEMPTS):
        port = _DRAWN.start + secrets.randbelow(len(_DRAWN))
        if is_free(port):
            return port
    raise LocalCloudError(f"no free port was found from {_DRAWN.start} to {_DRAWN.stop - 1}")


def choose_port(preferred: int, taken: frozenset[int] = frozenset()) -> int:
    """Return the preferred port, or the next free one above it that is not in `taken`.

    Raises
    ------
    LocalCloudError
        None of the next ports is free.
    """
    for port in range(preferred, min(preferred + _ATTEMPTS, 65536)):
        if port not in taken and is_free(port):
            return port
    raise LocalCloudError(f"no free port was found from {preferred} on; stop what uses them and try again")
