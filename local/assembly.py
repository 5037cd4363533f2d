"""Puts the parts of one local cloud together from its ports, paths and secrets."""

from __future__ import annotations

import hashlib
import platform
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.aws import LocalAws
from local.parts import AwsPart, PostgresPart, Program, ProgramPart
from local.ports import LOOPBACK
from local.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.parts import Part
    from local.paths import LocalPaths
    from local.processes import ProcessTable

STRIPE_API = "https://api.stripe.com"
PART_TITLES = {
    "postgres": "PostgreSQL",
    "aws": "Local AWS",
    "stripe": "Stripe stand-in",
    "stripe-relay": "Stripe relay",
    "front-door": "Front door",
}
DEMO_SELLER = (
    '{"name": "Example Cloud GmbH", "address": {"line1": "Beispielstraße 1", "city": "Berlin", '
    '"postal_code": "10115", "country": "DE"}, "tax_ids": [{"type": "eu_vat", "value": "DE123456789"}], '
    '"email": "billing@example.com"}'
)


@dataclass(frozen=True, slots=True)
class Assembly:
    """The parts in the order in which they start, and the addresses that follow from the ports.

    `stripe_test_key` is the developer's own key of Stripe's test mode, None means the stand-in;
    `stripe_url` is the API of the one or the other.
    """

    paths: LocalPaths
    ports: Mapping[str, int]
    stripe_url: str
    stripe_test_key: str | None
    stand_in_key: str
    table: ProcessTable
    postgres: PostgresServer
    aws: LocalAws
    parts: tuple[Part, ...]

    @property
    def origin(self) -> str:
        """The front door's address."""
        return f"http://{LOOPBACK}:{self.ports['front-door']}"

    @property
    def issuer(self) -> str:
        """The local OIDC issuer."""
        return f"{self.origin}/oidc"

    @property
    def webhook_url(self) -> str:
        """Where Stripe's events go in."""
        return f"{self.origin}/webhooks/stripe"

    @property
    def stripe_key(self) -> str:
        """The key for that API."""
        return self.stand_in_key if self.stripe_test_key is None else self.stripe_test_key

    def parameters(self, secrets: Mapping[str, str]) -> dict[str, str]:
        """Return the template's parameters; `secrets` are the ARNs of owner, webhook and api."""
        machine = platform.machine().lower()
        return {
            "Environment": "local",
            "Architecture": "arm64" if machine in {"arm64", "aarch64"} else "x86_64",
            "DatabaseHost": LOOPBACK,
            "DatabasePort": str(self.ports["postgres"]),
            "DatabaseName": "billing",
            "DatabaseSslMode": "disable",
            "DatabaseOwnerSecretArn": secrets["owner"],
            "StripeApiBase": self.stripe_url,
            "StripeLivemode": "false",
            # The stand-in has no limit unless a test sets one; Stripe's test mode has its own.
            "StripeRateLimit": "100" if self.stripe_test_key is None else "0",
            "StripeWebhookSecretArn": secrets["webhook"],
            "StripeApiKeySecretArn": secrets["api"],
            "OidcIssuer": self.issuer,
            "OidcAudience": "billing",
            "OidcJwksUrl": f"{self.issuer}/jwks",
            "ConsoleOrigin": self.origin,
            "Seller": DEMO_SELLER,
        }


def assemble(
    paths: LocalPaths,
    ports: Mapping[str, int],
    *,
    table: ProcessTable,
    stripe_test_key: str | None,
    stripe_test_base: str,
    stand_in_key: str,
    webhook_secret: str,
    say: Callable[[str], None],
) -> Assembly:
    """Return the assembly; nothing is started yet."""
    state, project = paths.state, paths.project
    # Layers are not at /opt here: the files that functions read there are named instead.
    files = {
        "MIGRATIONS_DIR": str(project / "migrations"),
        "FONTS_DIR": str(state / "sam" / "build" / "PdfLayer" / "fonts"),
    }
    executable = paths.tool("ministack")
    aws = LocalAws(state, ports["aws"], executable, persist=True, functions_environment=files)
    aws_version = hashlib.sha256(repr((ports["aws"], str(executable), files)).encode()).hexdigest()

    def say_unless_known(text: str) -> None:
        # It tells that it takes over a running server; one that is in the table is no news.
        if table.find("postgres") is None:
            say(text)

    postgres = PostgresServer(state, ports["postgres"], say=say_unless_known)
    front_door = ProgramPart(
        "front-door",
        Program(
            command=[
                *(sys.executable, "-m", "local.front_door", "--port", str(ports["front-door"])),
                *("--settings", state / "front_door.json", "--key", state / "oidc_key.json"),
            ],
            cwd=project,
            sources=[
                *(project / "local" / f"{name}.py" for name in ("files", "pages", "ports", "problems")),
                *(project / "local").glob("front_door*.py"),
                *(project / "local").glob("oidc*.py"),
            ],
        ),
        table=table,
        log=paths.log("front-door"),
        health_url=f"http://{LOOPBACK}:{ports['front-door']}/healthz",
    )
    stand_in = Program(
        command=[
            *(sys.executable, "-m", "local.stripe_standin", "--port", str(ports["stripe"])),
            *("--state", state / "stripe" / "standin.sqlite3"),
        ],
        cwd=project,
        sources=[project / "local" / "stripe_standin"],
    )
    relay = Program(
        command=[sys.executable, "-m", "local.stripe_relay"],
        cwd=project,
        sources=[project / "local" / "stripe_relay.py"],
        environment={
            "STRIPE_API_KEY": stripe_test_key or "",
            "STRIPE_API_BASE": stripe_test_base,
            "STRIPE_WEBHOOK_SECRET": webhook_secret,
            "BILLING_WEBHOOK_URL": f"http://{LOOPBACK}:{ports['front-door']}/webhooks/stripe",
            "BILLING_RELAY_STATE": str(state / "stripe" / "relay.json"),
        },
    )
    if stripe_test_key is None:
        stripe = ProgramPart(
            "stripe",
            stand_in,
            table=table,
            log=paths.log("stripe"),
            health_url=f"http://{LOOPBACK}:{ports['stripe']}/_standin/health",
        )
    else:
        stripe = ProgramPart(
            "stripe-relay", relay, table=table, log=paths.log("stripe-relay"), health_url=None
        )
    return Assembly(
        paths=paths,
        ports=ports,
        stripe_url=f"http://{LOOPBACK}:{ports['stripe']}" if stripe_test_key is None else stripe_test_base,
        stripe_test_key=stripe_test_key,
        stand_in_key=stand_in_key,
        table=table,
        postgres=postgres,
        aws=aws,
        parts=(
            PostgresPart(postgres, table, paths.log("postgres")),
            AwsPart(aws, table, aws_version),
            stripe,
            front_door,
        ),
    )
