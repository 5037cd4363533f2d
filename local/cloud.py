"""The whole system on this machine: brought up, brought up to date, taken down.

`up` may be run at any time: it finds what runs, replaces what does not answer, starts what is missing,
deploys what has changed and seeds what is not there. A crash anywhere is mended by running it again.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from local.assembly import PART_TITLES, STRIPE_API, assemble
from local.demo import DEMO_USERS
from local.demo_data import DemoData
from local.endpoints import Endpoints
from local.locking import exclusively
from local.oidc import OidcIssuer, SigningKey
from local.port_plan import plan_ports
from local.postgres_place import POSTGRES_ACCOUNTS, Account, find_place
from local.problems import LocalCloudError
from local.processes import ProcessTable
from local.rollout import Rollout
from local.secrets import LocalSecrets, stripe_test_key
from local.state import STAND_IN, TEST_MODE, StateFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.assembly import Assembly
    from local.parts import Part
    from local.paths import LocalPaths
    from local.progress import Progress

_TOKEN_SECONDS = 30 * 24 * 3600
SUPERVISOR = "supervisor"


class LocalCloud:
    """One local cloud; its whole state is in `paths.state`.

    `environment` gives STRIPE_API_KEY (the developer's own, of Stripe's test mode, asked at
    STRIPE_API_BASE) and BILLING_LOCAL_PORT_OFFSET, which moves the preferred ports.
    """

    def __init__(self, paths: LocalPaths, progress: Progress, environment: Mapping[str, str]) -> None:
        self.paths = paths
        self._progress = progress
        self._environment = environment
        self.table = ProcessTable(paths.state / "processes.json")
        self._state = StateFile(paths.state / "state.json")
        self._parts: tuple[Part, ...] = ()

    def up(self) -> Endpoints:
        """Bring everything up and up to date; return where it is.

        Raises
        ------
        LocalCloudError
            Something that the developer must mend; what had started goes on running.
        """
        # Loaded here, because commands that bring nothing up need neither.
        import psycopg  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        with exclusively(self.paths.state, on_wait=self._say_waiting):
            try:
                return self._up()
            except (BotoCoreError, ClientError, psycopg.Error) as error:
                raise LocalCloudError(
                    f"a part went away meanwhile ({error}): see the logs in {self.paths.logs}"
                ) from error

    def down(self) -> bool:
        """Stop every part, the last one first; the data stay. Return whether anything ran."""
        with exclusively(self.paths.state, on_wait=self._say_waiting):
            return self._down()

    def reset(self) -> None:
        """Stop every part and delete all data; tools and download caches stay."""
        with exclusively(self.paths.state, on_wait=self._say_waiting):
            self._down()
            account = Account.to_run_as(POSTGRES_ACCOUNTS)
            for entry in (*self.paths.data, find_place(self.paths.state, account, self._progress.say)):
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink(missing_ok=True)

    def dead_parts(self) -> tuple[str, ...]:
        """Return the names of the parts that `up` brought up and that run no more."""
        return tuple(part.name for part in self._parts if not part.runs())

    def running(self) -> dict[str, int]:
        """Return the pid of each part that runs, whoever started it."""
        found = {name: self.table.find(name) for name in PART_TITLES}
        return {name: process.pid for name, process in found.items() if process is not None}

    def ports(self) -> Mapping[str, int]:
        """Return the ports that were chosen."""
        return self._state.read().ports

    def _up(self) -> Endpoints:
        secrets = LocalSecrets.load(self.paths.state / "secrets.json")
        own_key = stripe_test_key(self._environment)
        self._check_mode(own_key)
        ports = plan_ports(
            self._state.read().ports,
            offset=self._port_offset(),
            ours=lambda name: self.table.find(name) is not None,
            say=self._progress.say,
        )
        self._state.change(ports=ports)
        assembly = self._assemble(ports, secrets, own_key)
        self._parts = assembly.parts
        rollout = Rollout(assembly, secrets, self._state, self._progress)
        key = SigningKey.load(self.paths.state / "oidc_key.json")
        rollout.open_front_door()
        for part in assembly.parts:
            with self._progress.step(PART_TITLES[part.name]) as step:
                done = part.ensure()
                step.note = f"{done}, port {ports[part.name]}" if part.name in ports else done
        stack = rollout.run()
        DemoData(assembly, secrets, self._state, self._progress).ensure(stack.outputs["StripeEventsQueueUrl"])
        endpoints = _endpoints(assembly, secrets, OidcIssuer(assembly.issuer, key))
        endpoints.save(self.paths.endpoints)
        return endpoints

    def _down(self) -> bool:
        ports = self._state.read().ports
        if not ports:
            return False
        secrets = LocalSecrets.load(self.paths.state / "secrets.json")
        # Whichever of Stripe's two parts runs is stopped; nothing is called with this key.
        key = "sk_test_" if self._state.read().stripe == TEST_MODE else None
        ran = False
        for part in reversed(self._assemble(ports, secrets, key).parts):
            if part.runs():
                ran = True
                with self._progress.step(f"Stop {PART_TITLES[part.name]}"):
                    part.stop()
            else:
                # One that was never recorded, because its launcher was killed, may be found all the same.
                part.stop()
        return ran

    def _assemble(self, ports: Mapping[str, int], secrets: LocalSecrets, own_key: str | None) -> Assembly:
        return assemble(
            self.paths,
            ports,
            table=self.table,
            stripe_test_key=own_key,
            stripe_test_base=self._environment.get("STRIPE_API_BASE") or STRIPE_API,
            stand_in_key=secrets.stripe_key,
            webhook_secret=secrets.webhook_secret,
            say=self._progress.say,
        )

    def _port_offset(self) -> int:
        text = self._environment.get("BILLING_LOCAL_PORT_OFFSET", "") or "0"
        if not text.isdecimal():
            raise LocalCloudError(f"BILLING_LOCAL_PORT_OFFSET is {text}, not a number of ports")
        return int(text)

    def _check_mode(self, own_key: str | None) -> None:
        wanted = STAND_IN if own_key is None else TEST_MODE
        present = self._state.read().stripe
        if present and present != wanted:
            raise LocalCloudError(
                f"the data here come from {present}, now {wanted} is asked for: run `make dev-reset` first"
            )
        self._state.change(stripe=wanted)

    def _say_waiting(self) -> None:
        self._progress.say("Another command is at work on this local cloud; waiting for it.")


def _endpoints(assembly: Assembly, secrets: LocalSecrets, issuer: OidcIssuer) -> Endpoints:
    return Endpoints(
        api_url=assembly.origin,
        webhook_url=assembly.webhook_url,
        console_url=f"{assembly.origin}/",
        stripe_url=assembly.stripe_url,
        aws_endpoint_url=assembly.aws.endpoint,
        database_url=assembly.postgres.owner_dsn,
        webhook_secret=secrets.webhook_secret,
        tokens={user.name: issuer.access_token(user.name, _TOKEN_SECONDS) for user in DEMO_USERS},
        api_keys={"customer": secrets.api_key},
    )
