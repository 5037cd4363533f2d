"""Which port each part gets: the one it had, or the preferred one, or the next that is free."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from local.ports import PREFERRED, choose_port, is_free

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def plan_ports(
    remembered: Mapping[str, int],
    *,
    offset: int,
    ours: Callable[[str], bool],
    say: Callable[[str], None],
) -> dict[str, int]:
    """Return the port of each part.

    `ours` tells whether the part runs, on the port that is remembered; `offset` moves the preferred ports,
    so that two local clouds do not meet; `say` is told when a part must move.

    Raises
    ------
    LocalCloudError
        No free port is near the preferred one.
    """
    plan: dict[str, int] = {}
    for name, preferred in PREFERRED.items():
        wanted = remembered.get(name, preferred + offset)
        if name in remembered and ours(name):
            plan[name] = wanted
            continue
        others = frozenset(port for part, port in {**remembered, **plan}.items() if part != name)
        plan[name] = choose_port(wanted, others)
        if plan[name] != wanted and not is_free(wanted):
            say(f"Port {wanted} is taken{_by_whom(wanted)}; {name} goes to {plan[name]}.")
    return plan


def _by_whom(port: int) -> str:
    """Return who listens there, where the system lets us know."""
    try:
        for connection in psutil.net_connections("tcp"):
            address = connection.laddr
            if (
                connection.status == psutil.CONN_LISTEN
                and address
                and address.port == port
                and connection.pid
            ):
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        return ""
    return ""
