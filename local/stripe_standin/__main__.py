"""`python -m local.stripe_standin --port N --state FILE`."""

from __future__ import annotations

import argparse
import logging
import sqlite3
import sys
from pathlib import Path

from aiohttp import web

from local.stripe_standin.server import create_app
from local.stripe_standin.store import Store


def main() -> int:
    """Serve until a signal; return the exit status."""
    parser = argparse.ArgumentParser(prog="stripe_standin", description="A stand-in of Stripe's API.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--state", type=Path, required=True, help="the SQLite file that it keeps its objects in"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    try:
        arguments.state.parent.mkdir(parents=True, exist_ok=True)
        store = Store(arguments.state)
    except (OSError, sqlite3.Error) as error:
        print(f"Cannot use {arguments.state}: {error}. Is another stand-in running on it?", file=sys.stderr)
        return 1
    try:
        web.run_app(
            create_app(store),
            host=arguments.host,
            port=arguments.port,
            print=lambda *_: print(
                f"Stripe's stand-in listens on http://{arguments.host}:{arguments.port}", flush=True
            ),
        )
    except OSError as error:
        print(f"Cannot listen on {arguments.host}:{arguments.port}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
