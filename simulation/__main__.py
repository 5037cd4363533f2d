"""`python -m simulation [--events N] [--seed N] [--world N] [--shards N]`."""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys

from simulation.play import Plan
from simulation.run import simulate


def main() -> int:
    """Simulate, and return the exit status: 1 when a mirror ends that is not Stripe's state."""
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--events", type=int, default=20_000, help="how many events Stripe makes, at least")
    parser.add_argument("--seed", type=int, help="what decides everything (default: a new one)")
    parser.add_argument("--world", type=int, help="play this one world of the seed only")
    parser.add_argument("--shards", type=int, default=os.cpu_count() or 1, help="processes")
    asked = parser.parse_args()
    # As a Ctrl-C does: the processes and their servers are to end with this one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if asked.events < 1 or asked.shards < 1:
        parser.error("--events and --shards are 1 or more")
    seed = secrets.randbelow(10**6) if asked.seed is None else asked.seed
    try:
        if asked.world is not None:
            return simulate(Plan(seed), 1, 1, first=asked.world)
        return simulate(Plan(seed), asked.events, asked.shards)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
