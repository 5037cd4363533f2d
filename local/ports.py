"""Ports of the local cloud: the preferred one, or the next that is free, and the same again next time."""

from __future__ import annotations

import socket

from local.problems import LocalCloudError

LOOPBACK = "127.0.0.1"
# Below the ports that systems give to outgoing connections, one of which could stand on a server's.
PREFERRED = {"front-door": 8787, "aws": 4566, "postgres": 15432, "stripe": 12111}
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
    """Return a port that the system says is free now (for tests, where no number is preferred)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


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
