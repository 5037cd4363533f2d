"""Brings the functions into the local AWS: secrets, build, deploy with its migrations, routes, front door."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from local.aws_session import LocalClients
from local.demo import DEMO_USERS
from local.deploy import STACK, Deployment
from local.files import read_json
from local.front_door_settings import FrontDoorSettings, SignIn
from local.problems import LocalCloudError
from local.routes import RouteReconciler, apis
from local.stack import STANDING, find_stack, first_failure

if TYPE_CHECKING:
    from local.assembly import Assembly
    from local.progress import Progress
    from local.secrets import LocalSecrets
    from local.stack import Stack
    from local.state import StateFile

_FIRST_ANSWER_SECONDS = 60.0
_POLL_SECONDS = 0.5
_PROBE = "/api/v1/meta/info"


class Rollout:
    """One rollout of the sources as they are now."""

    def __init__(
        self, assembly: Assembly, secrets: LocalSecrets, state: StateFile, progress: Progress
    ) -> None:
        self._assembly = assembly
        self._secrets = secrets
        self._state = state
        self._progress = progress
        self._settings_file = assembly.paths.state / "front_door.json"

    def open_front_door(self) -> None:
        """Write the front door's settings for its start: what the last deploy left may still be there."""
        before = read_json(self._settings_file)
        host = str(before.get("api_host", ""))
        valid = before.get("aws") == self._assembly.aws.endpoint
        self._write(host if valid else "", str(before.get("webhook_path", "")) if valid else "")

    def run(self) -> Stack:
        """Deploy what has changed, and lead the front door to it; return what stands.

        Raises
        ------
        LocalCloudError
            The build, the deploy or a migration fails, or the result does not answer.
        """
        clients = LocalClients(self._assembly.aws.endpoint)
        stack = self._deployed(clients)
        with self._progress.step("Routes") as step:
            changes = [RouteReconciler(clients.api, api_id).reconcile(body) for api_id, body in apis(stack)]
            count = sum(len(c.created) + len(c.updated) + len(c.removed) for c in changes)
            step.note = f"{count} changed" if count else "as they should be"
        self._lead_to(stack)
        if not self._answers():
            # Its data came back from disk but its functions do not work: what it holds can be made anew.
            self._progress.say("The deployed functions do not answer; the local AWS begins anew.")
            self._assembly.aws.reset()
            self._state.change(deployed="")
            stack = self._deployed(clients)
            for api_id, body in apis(stack):
                RouteReconciler(clients.api, api_id).reconcile(body)
            self._lead_to(stack)
            if not self._answers():
                log = self._assembly.paths.log("aws")
                raise LocalCloudError(f"{self._assembly.origin}{_PROBE} does not answer with 200: see {log}")
        return stack

    def _deployed(self, clients: LocalClients) -> Stack:
        stack = find_stack(clients.cloudformation, STACK)
        if stack is not None and stack.status not in STANDING:
            self._progress.say(f"The last deploy ended as {stack.status}; the local AWS begins anew.")
            self._assembly.aws.reset()
            stack = None
        parameters = self._assembly.parameters(self._put_secrets(clients))
        wish = Deployment(self._assembly.paths, self._assembly.aws.endpoint, parameters)
        fingerprint = wish.fingerprint()
        if stack is not None and self._state.read().deployed == fingerprint:
            with self._progress.step("Build and deploy") as step:
                step.note = "nothing has changed"
            return stack
        self._state.change(deployed="")
        with self._progress.step("Build") as step:
            if wish.is_built(self._state.read().built):
                step.note = "nothing has changed"
            else:
                step.note = "functions and layers"
                sources = wish.source_fingerprint()
                self._state.change(built="")
                wish.build()
                self._state.change(built=sources)
        with self._progress.step("Deploy") as step:
            step.note = "with migrations"
            self._deploy(wish, clients)
        stack = find_stack(clients.cloudformation, STACK)
        if stack is None:
            raise LocalCloudError(f"the deploy left no stack: see {self._assembly.paths.log('deploy')}")
        self._state.change(deployed=fingerprint)
        return stack

    def _deploy(self, wish: Deployment, clients: LocalClients) -> None:
        began = datetime.now(UTC)
        try:
            wish.deploy()
        except LocalCloudError as error:
            # What sam prints at its end says only that it failed; the first failure is the cause.
            cause = first_failure(clients.cloudformation, STACK, began)
            log = self._assembly.paths.log("deploy")
            raise LocalCloudError(
                f"the deploy failed at {cause}; see {log}" if cause else str(error)
            ) from None

    def _put_secrets(self, clients: LocalClients) -> dict[str, str]:
        owner = {"username": "billing_owner", "password": self._assembly.postgres.password("billing_owner")}
        webhook = {"webhook_secrets": [self._secrets.webhook_secret]}
        return {
            "owner": clients.put_secret("billing-local/database-owner", owner),
            "webhook": clients.put_secret("billing-local/stripe-webhook", webhook),
            "api": clients.put_secret("billing-local/stripe-api", {"api_key": self._assembly.stripe_key}),
        }

    def _lead_to(self, stack: Stack) -> None:
        api_id = next((api_id for api_id, _ in apis(stack)), None)
        url_id = stack.outputs.get("WebhookUrl", "").removeprefix("https://").partition(".")[0]
        if api_id is None or not url_id:
            raise LocalCloudError("the deployed stack has no HTTP API or no webhook URL: see template.yaml")
        port = self._assembly.ports["aws"]
        self._write(f"{api_id}.execute-api.localhost:{port}", f"/_aws/lambda-url/{url_id}/")

    def _write(self, api_host: str, webhook_path: str) -> None:
        assembly = self._assembly
        FrontDoorSettings(
            aws=assembly.aws.endpoint,
            issuer=assembly.issuer,
            api_host=api_host,
            webhook_path=webhook_path,
            users=tuple(SignIn(user.name, user.title) for user in DEMO_USERS),
            links=(
                ("API", f"{assembly.origin}/api/v1"),
                ("Webhook", assembly.webhook_url),
                ("Sign-in (OIDC)", assembly.issuer),
                ("Stripe", assembly.stripe_url),
                ("AWS", assembly.aws.endpoint),
            ),
        ).save(self._settings_file)

    def _answers(self) -> bool:
        """Return whether a deployed function answers through the front door, after time to start."""
        with self._progress.step("First answer") as step:
            deadline = time.monotonic() + _FIRST_ANSWER_SECONDS
            while True:
                status = _status(f"{self._assembly.origin}{_PROBE}")
                step.note = f"GET {_PROBE}: {status}"
                if status == "200":
                    return True
                if time.monotonic() > deadline:
                    return False
                time.sleep(_POLL_SECONDS)


def _status(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own http URL
            return str(answer.status)
    except urllib.error.HTTPError as error:
        return str(error.code)
    except (urllib.error.URLError, OSError) as error:
        return str(error)
