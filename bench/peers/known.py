"""The peers that there are: what they are called, and how each is brought to run on a database of its own."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg import sql

from bench.peers.client import Peer, migrate
from bench.peers.install import UnavailableError, django_python, node_folder
from billing.adapters.postgres.connection import connect
from local.postgres import SUPERUSER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.harness import Run
    from bench.world import World

_HERE = Path(__file__).parent
_PINNED = json.loads((_HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
_DJ_STRIPE = (_HERE / "dj_stripe.in").read_text(encoding="utf-8").splitlines()[0].replace("==", " ")

_NODE_WARM_UP = 100
_PYTHON_WARM_UP = 20


def ready_peers(run: Run, world: World, stripe: str) -> Iterator[Peer]:
    """Yield the peers that run here, migrated; why another does not is added to `run.missing`.

    `stripe` is the address of what answers for Stripe's API.
    """
    for build in (_sync_engine, _experiment_sync, _dj_stripe):
        try:
            peer = build(run, lambda key: {"database": _database(world, key), "stripe": stripe})
            run.say(f"migrating {peer.name}")
            migrate(peer)
        except UnavailableError as problem:
            run.missing.append(f"row e, {build.__name__.strip('_').replace('_', '-')}: {problem}")
        else:
            yield peer


def _sync_engine(run: Run, settings: Callable[[str], dict[str, str]]) -> Peer:
    package = "@supabase/stripe-sync-engine"
    command = ("node", str(node_folder(run) / "sync_engine.mjs"))
    name = f"{package} {_PINNED[package]}"
    return Peer("sync_engine", name, command, settings("sync_engine"), "stripe.invoices", _NODE_WARM_UP)


def _experiment_sync(run: Run, settings: Callable[[str], dict[str, str]]) -> Peer:
    package = "stripe-experiment-sync"
    # It makes its tables from Stripe's OpenAPI, which it fetches from GitHub unless it is told a file.
    shared = Path(os.environ.get("STRIPE_DATA", run.project.parent / "shared" / "stripe"))
    openapi = shared / "spec3.slim.json"
    if not openapi.is_file():
        raise UnavailableError("Stripe's OpenAPI is not here: name its folder in STRIPE_DATA")
    command = ("node", str(node_folder(run) / "experiment_sync.mjs"))
    given = {**settings("experiment_sync"), "openapi": str(openapi.resolve())}
    name = f"{package} {_PINNED[package]}"
    return Peer("experiment_sync", name, command, given, "stripe.invoices", _NODE_WARM_UP)


def _dj_stripe(run: Run, settings: Callable[[str], dict[str, str]]) -> Peer:
    command = (str(django_python(run)), str(_HERE / "dj_stripe.py"))
    return Peer("dj_stripe", _DJ_STRIPE, command, settings("dj_stripe"), "djstripe_invoice", _PYTHON_WARM_UP)


def _database(world: World, name: str) -> str:
    """Return the superuser's URL of a new database: sync-engine's migrations want to be `postgres`."""
    login, at = world.logins[SUPERUSER], world.settings
    with connect(replace(at, name="postgres"), login) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return f"postgresql://{login.username}:{login.password}@{at.host}:{at.port}/{name}"
