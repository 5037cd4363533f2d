"""The functions in containers, as `make sam-local` runs them, on the local cloud's data."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from local.ports import any_free_port
from tests.support.http import get
from tests.support.local import PROJECT, local

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(900)  # a busy machine takes minutes to deploy the local cloud

INVOICES = "/api/v1/billing/invoices"
PATIENCE = 60.0


@pytest.fixture(scope="session")
def engine() -> None:
    """Skip where no container engine answers: these tests start none.

    It is asked before a local cloud is deployed, which takes long and is of the session too.
    """
    try:
        asked = subprocess.run(["docker", "info"], capture_output=True, text=True, timeout=30, check=False)  # noqa: S607
    except FileNotFoundError:
        pytest.skip("sam local needs a container engine, and there is no docker here")
    if asked.returncode != 0:
        said = asked.stderr.strip().splitlines()
        pytest.skip(f"sam local needs a container engine: {said[-1] if said else 'none answers'}")


@pytest.fixture(scope="module")
def sam_api(engine: None, local_cloud: Path) -> Iterator[str]:
    """Yield the address of `make sam-local`."""
    port = any_free_port()
    environment = {**os.environ, "BILLING_LOCAL_DIR": str(local_cloud)}
    with subprocess.Popen(  # noqa: S603 -- our own command
        [sys.executable, "-m", "local", "sam-local", "start-api", "--port", str(port)],
        cwd=PROJECT,
        env=environment,
    ) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, server)
            yield url
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            get(url)
        except ConnectionRefusedError:
            assert server.poll() is None, "sam local start-api ended"
            assert time.monotonic() < deadline, f"sam local start-api does not listen within {PATIENCE:.0f} s"
            time.sleep(0.5)
        else:
            return


def test_invoke_answers_a_sample_event_with_real_rows(
    engine: None, local_cloud: Path, endpoints: dict[str, Any]
) -> None:
    """Given the demo data, when `sam local invoke` takes the sample event, then it answers with its rows."""
    invoked = local(
        "sam-local", "invoke", "ListInvoicesFunction", "events/list_invoices.json", state=local_cloud
    )
    assert invoked.returncode == 0, invoked.stderr[-3000:]
    answer = json.loads(invoked.stdout)
    assert answer["statusCode"] == 200, answer
    invoices = json.loads(answer["body"])["data"]
    url = f"{endpoints['api_url']}{INVOICES}?limit=5&status=paid"
    assert invoices == get(url, token=endpoints["tokens"]["customer"]).json["data"]
    assert invoices


def test_the_api_in_containers_answers_as_the_deployed_one(sam_api: str, endpoints: dict[str, Any]) -> None:
    """Given a token, when both APIs are asked for a list and a PDF, then their answers are the same."""
    token = endpoints["tokens"]["customer"]
    path = f"{INVOICES}?status=paid&limit=2"
    listed = get(f"{sam_api}{path}", token=token)
    assert listed.status == 200, listed.body
    assert listed.json == get(f"{endpoints['api_url']}{path}", token=token).json
    path = f"{INVOICES}/{listed.json['data'][0]['id']}/pdf"
    drawn, deployed = (get(f"{base}{path}", token=token) for base in (sam_api, endpoints["api_url"]))
    assert (drawn.status, deployed.status) == (200, 200)
    assert drawn.body.startswith(b"%PDF-")
    assert (drawn.body, drawn.headers["ETag"]) == (deployed.body, deployed.headers["ETag"])


def test_nobody_is_let_in_without_credentials(sam_api: str) -> None:
    """Given no credentials, when the API in containers is asked for invoices, then it is a 401 problem."""
    answer = get(f"{sam_api}{INVOICES}")
    assert (answer.status, answer.json["code"]) == (401, "missing_credentials")
