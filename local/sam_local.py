"""`sam local` against the running local cloud: what SAM CLI must be told, and SAM CLI started with it.

`sam local` reads a template, not the stack: it does not know what secrets, queues and buckets are really
called, sets only variables that the template declares, and would call AWS itself. So it is given a template
of its own, in which the parameters have their deployed values and every function declares what leads it to
the local AWS; the deployed functions' own variables; and sample events of a customer who is really there.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
from copy import deepcopy
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from local.aws import REGION
from local.aws_session import LocalClients
from local.bridge import Bridge, address_in_containers
from local.deploy import STACK
from local.endpoints import Endpoints
from local.files import write_private_json
from local.ports import LOOPBACK
from local.problems import LocalCloudError
from local.samples import DemoSamples
from local.stack import STANDING, find_stack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from local.cloud import LocalCloud

START_API, INVOKE = "start-api", "invoke"

_FUNCTION = "AWS::Serverless::Function"
_SOURCES = ("CodeUri", "ContentUri")
_IMAGE = "public.ecr.aws/lambda/python:3.13"  # which SAM CLI runs the functions in


class SamLocal:
    """SAM CLI's folder in one local cloud: template.yaml, environment.json, samconfig.toml, events/."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._cloud = cloud
        self.folder = cloud.paths.state / "sam-local"

    def write(self, host: str) -> None:
        """Write the folder anew, from what is deployed now; containers reach this machine as `host`.

        Raises
        ------
        LocalCloudError
            The local cloud does not run, or it is not ready yet.
        """
        endpoints = Endpoints.load(self._cloud.paths.endpoints)
        if endpoints is None or not {"aws", "postgres"} <= set(self._cloud.running()):
            raise LocalCloudError("the local cloud does not run: `make dev DETACH=1` starts it")
        clients = LocalClients(endpoints.aws_endpoint_url)
        stack = find_stack(clients.cloudformation, STACK)
        build = self._cloud.paths.state / "sam" / "build"
        if stack is None or stack.status not in STANDING or not (build / "template.yaml").exists():
            raise LocalCloudError("nothing is deployed yet: `make dev` deploys")
        template = yaml.safe_load((build / "template.yaml").read_text(encoding="utf-8"))
        aws = _local_aws(endpoints.aws_endpoint_url)
        environment = {}
        for name in _functions(template):
            deployed = clients.functions.get_function_configuration(FunctionName=stack.resources[name])
            variables = deployed.get("Environment", {}).get("Variables", {})
            environment[name] = seen_from_container(variables | aws, host, self._cloud.ports().values())
        write_private_json(self.folder / "environment.json", environment)
        adapted = adapted_template(template, build, stack.parameters, aws)
        (self.folder / "template.yaml").write_text(yaml.safe_dump(adapted, sort_keys=False), encoding="utf-8")
        (self.folder / "samconfig.toml").write_text(self._config(host), encoding="utf-8")
        samples = DemoSamples.read(self._cloud.paths, endpoints)
        for path in sorted((self._cloud.paths.project / "events").glob("*.json")):
            write_private_json(self.folder / "events" / path.name, samples.filled(path))

    def run(self, action: str, arguments: Sequence[str]) -> int:
        """Run `sam local` with SAM CLI's own arguments until it ends, and return its exit status.

        Those of invoke begin with a function and, if it takes one, the file of an event; a sample event is
        that of the demo's customer.

        Raises
        ------
        LocalCloudError
            As for `write`, or no container engine answers.
        """
        host = address_in_containers(_image())
        self.write(host)
        given = list(arguments)
        if action == INVOKE and len(given) > 1 and not given[1].startswith("-"):
            given[1:2] = ["--event", str(self._event(Path(given[1])))]
        template = self.folder / "template.yaml"
        command = [str(self._cloud.paths.tool("sam")), "local", action, "--template", str(template), *given]
        with Bridge(host, self._cloud.ports().values()):
            return _run(command, self._cloud.paths.project)

    def _event(self, path: Path) -> Path:
        filled = self.folder / "events" / path.name
        is_sample = path.resolve().parent == self._cloud.paths.project / "events" and filled.exists()
        return filled if is_sample else path.resolve()

    def _config(self, host: str) -> str:
        """Return the settings that SAM CLI finds beside the template."""
        common = {
            "env_vars": str(self.folder / "environment.json"),
            "add_host": [f"localhost:{host}"],
            "skip_pull_image": True,
        }
        lines = ["version = 0.1"]
        for command, settings in (
            ("local_invoke", common),
            # A container for each function instead of one for each request.
            ("local_start_api", common | {"warm_containers": "LAZY"}),
        ):
            lines += ["", f"[default.{command}.parameters]"]
            lines += [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        return "\n".join(lines) + "\n"


def adapted_template(
    template: Mapping[str, Any], build: Path, parameters: Mapping[str, str], declared: Mapping[str, str]
) -> dict[str, Any]:
    """Return the built template with its parameters' deployed values as their defaults.

    Every function declares the variables in `declared`, because SAM CLI sets no others; what was built is
    named by absolute paths, so that the template may lie anywhere; and authorizers are functions, not
    aliases of them, because SAM CLI leaves out an authorizer that is an alias.
    """
    adapted = deepcopy(dict(template))
    for name, parameter in adapted.get("Parameters", {}).items():
        if name in parameters:
            parameter["Default"] = parameters[name]
    for resource in adapted["Resources"].values():
        properties = resource.get("Properties", {})
        for source in _SOURCES:
            if isinstance(properties.get(source), str):
                properties[source] = str((build / properties[source]).resolve())
        if resource["Type"] == _FUNCTION:
            properties.setdefault("Environment", {}).setdefault("Variables", {}).update(declared)
        for authorizer in properties.get("Auth", {}).get("Authorizers", {}).values():
            function = authorizer["FunctionArn"]["Ref"].removesuffix(".Alias")
            authorizer["FunctionArn"] = {"Fn::GetAtt": [function, "Arn"]}
    return adapted


def seen_from_container(variables: Mapping[str, str], host: str, ports: Iterable[int]) -> dict[str, str]:
    """Return the variables with this machine at `host` instead of at the loopback interface.

    The issuer keeps its name, which tokens carry, and nobody connects to it. Its keys may come from
    localhost only where there is no TLS, so that name leads to `host`, too (samconfig.toml's add_host).
    """
    seen = dict(variables)
    for name in variables:
        if name == "DATABASE_HOST":
            seen[name] = host
        elif name != "OIDC_ISSUER":
            other = "localhost" if name == "OIDC_JWKS_URL" else host
            for loopback, port in product((LOOPBACK, "localhost"), ports):
                seen[name] = seen[name].replace(f"//{loopback}:{port}", f"//{other}:{port}")
    return seen


def _run(command: Sequence[str], folder: Path) -> int:
    """Run SAM CLI to its end; asked to end, it removes its containers first, so nothing may cut it short."""
    with subprocess.Popen(command, cwd=folder, env=_environment()) as child:
        # Ctrl-C reaches both of us; whoever ends this process by its id means SAM CLI, too.
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        return child.wait()


def _image() -> str:
    machine = platform.machine().lower()
    return f"{_IMAGE}-{'arm64' if machine in {'arm64', 'aarch64'} else 'x86_64'}"


def _functions(template: Mapping[str, Any]) -> list[str]:
    return [name for name, resource in template["Resources"].items() if resource["Type"] == _FUNCTION]


def _local_aws(endpoint: str) -> dict[str, str]:
    """Return the variables that keep a function's SDK on the local AWS, whatever the shell has."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _environment() -> dict[str, str]:
    """Return SAM CLI's own environment, without the developer's AWS account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "SAM_CLI_TELEMETRY": "0",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
