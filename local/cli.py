"""`python -m local …`: what the Makefile calls."""

from __future__ import annotations

import argparse
import errno
import io
import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from local.assembly import PART_TITLES
from local.cloud import SUPERVISOR, LocalCloud
from local.deploy import STACK
from local.paths import LocalPaths
from local.ports import LOOPBACK
from local.problems import LocalCloudError
from local.progress import Progress
from local.watch import Stopped, StopSwitch, watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.endpoints import Endpoints

_SUPERVISOR_STOP_SECONDS = 90.0
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0 done, 1 something to mend, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m local", description="The local cloud behind `make dev`.")
    commands = parser.add_subparsers(dest="command", required=True)
    dev = commands.add_parser("dev", help="bring everything up and up to date")
    dev.add_argument("--detach", action="store_true", help="return once it is ready")
    commands.add_parser("stop", help="stop everything; the data stay")
    commands.add_parser("reset", help="stop everything and delete the data")
    commands.add_parser("status", help="say what runs")
    logs = commands.add_parser("logs", help="follow the logs of parts and functions")
    logs.add_argument("names", nargs="*", metavar="NAME")
    logs.add_argument("--no-follow", action="store_true", help="print what is there and return")
    commands.add_parser("migrate", help="apply pending migrations")
    commands.add_parser("migrate-status", help="say which migrations stand, and verify the schema")
    sam_local = commands.add_parser("sam-local", help="run functions in containers, with SAM CLI")
    sam_local.add_argument("action", nargs="?", choices=("start-api", "invoke"), default="start-api")
    sam_local.add_argument(
        "arguments", nargs=argparse.REMAINDER, help="SAM CLI's own; after invoke: FUNCTION [EVENT]"
    )
    given = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that has no ✓ shows a question mark instead of ending the command.
        sys.stdout.reconfigure(errors="replace")
    progress = Progress()
    cloud = LocalCloud(LocalPaths.from_environment(), progress, os.environ)
    run = {
        "dev": lambda: _dev(cloud, progress, detach=given.detach),
        "stop": lambda: _stop(cloud, progress),
        "reset": lambda: _reset(cloud, progress),
        "status": lambda: _status(cloud, progress),
        "logs": lambda: _logs(cloud, given.names, follow=not given.no_follow),
        "migrate": lambda: _migrate(cloud, progress),
        "migrate-status": lambda: _migrate_status(cloud, progress),
        "sam-local": lambda: _sam_local(cloud, given.action, given.arguments),
    }
    try:
        return run[given.command]()
    except LocalCloudError as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        # A full disk or a folder of somebody else's is the developer's to mend; the rest is a fault of ours.
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS}:
            raise
        print(f"error: {error.strerror}: {error.filename or cloud.paths.state}", file=sys.stderr)
    except (KeyboardInterrupt, Stopped):
        return _INTERRUPTED
    return 1


def _dev(cloud: LocalCloud, progress: Progress, *, detach: bool) -> int:
    switch = StopSwitch()
    switch.install()
    supervisor = cloud.table.find(SUPERVISOR)
    if supervisor is not None:
        progress.say(f"The local cloud runs already (process {supervisor.pid}); bringing what has changed.")
    watching = supervisor is None and not detach
    if watching:
        cloud.table.remember(SUPERVISOR, os.getpid())
    try:
        _announce(cloud.up(), cloud, progress)
        if watching:
            progress.say("\nCtrl-C stops everything. `make dev-logs` in another terminal shows what happens.")
            watch(cloud, progress)
    except Stopped:
        switch.ignore()
        if detach or supervisor is not None:
            progress.say("\nInterrupted; what had started goes on running: `make dev-stop` stops it.")
            return _INTERRUPTED
        progress.say("\nStopping; the data stay.")
        cloud.down()
        return 0
    except LocalCloudError:
        if watching:
            switch.ignore()
            cloud.down()
        raise
    finally:
        if watching:
            cloud.table.forget(SUPERVISOR)
    return 0


def _stop_supervisor(cloud: LocalCloud, progress: Progress) -> bool:
    supervisor = cloud.table.find(SUPERVISOR)
    if supervisor is None or supervisor.pid == os.getpid():
        return False
    progress.say(f"Stopping `make dev` (process {supervisor.pid}).")
    try:
        supervisor.terminate()
        supervisor.wait(_SUPERVISOR_STOP_SECONDS)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        supervisor.kill()
    return True


def _stop(cloud: LocalCloud, progress: Progress) -> int:
    stopped = _stop_supervisor(cloud, progress)
    if not cloud.down() and not stopped:
        progress.say("Nothing ran.")
    return 0


def _reset(cloud: LocalCloud, progress: Progress) -> int:
    _stop_supervisor(cloud, progress)
    cloud.reset()
    progress.say("The local cloud's data are deleted.")
    return 0


def _status(cloud: LocalCloud, progress: Progress) -> int:
    running = cloud.running()
    for name, title in PART_TITLES.items():
        if name in running:
            port = cloud.ports().get(name)
            progress.say(f"  {title:<18} process {running[name]}{f', port {port}' if port else ''}")
    if not running:
        progress.say("Nothing runs.")
        return 1
    return 0


def _logs(cloud: LocalCloud, names: Sequence[str], *, follow: bool) -> int:
    from local.logs import show, tails  # noqa: PLC0415 - boto3 is slow to load, and most commands need none

    port = cloud.ports().get("aws") if "aws" in cloud.running() else None
    with suppress(KeyboardInterrupt):
        show(tails(cloud.paths.logs, port, names), follow=follow)
    return 0


def _invoke_migrate(cloud: LocalCloud, action: str) -> dict[str, list[str]]:
    from local.aws_session import LocalClients  # noqa: PLC0415 - as above
    from local.stack import find_stack  # noqa: PLC0415 - as above

    if "aws" not in cloud.running():
        raise LocalCloudError("the local cloud does not run: `make dev DETACH=1` starts it")
    clients = LocalClients(f"http://{LOOPBACK}:{cloud.ports()['aws']}")
    stack = find_stack(clients.cloudformation, STACK)
    if stack is None:
        raise LocalCloudError("nothing is deployed yet: `make dev` deploys")
    answer = clients.functions.invoke(
        FunctionName=stack.outputs["MigrateFunctionName"], Payload=json.dumps({"action": action}).encode()
    )
    content = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise LocalCloudError(f"the migration failed: {content.get('errorMessage', 'see the log')}")
    return {str(name): [str(item) for item in items] for name, items in content.items()}


def _migrate(cloud: LocalCloud, progress: Progress) -> int:
    applied = _invoke_migrate(cloud, "up")["applied"]
    progress.say("\n".join(f"applied {name}" for name in applied) or "Nothing was pending.")
    return 0


def _migrate_status(cloud: LocalCloud, progress: Progress) -> int:
    status = _invoke_migrate(cloud, "status")
    for kind, items in status.items():
        for item in items:
            progress.say(f"{kind:<8} {item}")
    sound = not status["pending"] and not status["drift"]
    progress.say("The schema is as its migrations made it." if sound else "The schema needs attention.")
    return 0 if sound else 1


def _sam_local(cloud: LocalCloud, action: str, arguments: Sequence[str]) -> int:
    from local.sam_local import SamLocal  # noqa: PLC0415 - as above

    return SamLocal(cloud).run(action, arguments)


def _announce(endpoints: Endpoints, cloud: LocalCloud, progress: Progress) -> None:
    progress.say("\nReady:")
    for name, url in endpoints.links():
        progress.say(f"  {name:<12} {url}")
    progress.say(f"Tokens, keys and the database URL: {cloud.paths.endpoints}")
