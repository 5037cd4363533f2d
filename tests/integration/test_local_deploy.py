"""What is deployed, when, and what is remembered of it."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import pytest

from local.cli import main
from local.cloud import LocalCloud
from local.deploy import Deployment
from local.endpoints import Endpoints
from local.front_door_settings import FrontDoorSettings, SettingsFile
from local.logs import FileTail, function_groups
from local.paths import LocalPaths
from local.problems import LocalCloudError
from local.progress import Progress
from local.secrets import LocalSecrets, new_api_key, stripe_test_key
from local.state import TEST_MODE, StateFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PARAMETERS = {"Environment": "local", "Seller": '{"name": "A \\"B\\" GmbH"}'}


@pytest.fixture
def paths(tmp_path: Path) -> LocalPaths:
    project = tmp_path / "project"
    (project / "functions" / "get_info").mkdir(parents=True)
    (project / "functions" / "get_info" / "app.py").write_text("x = 1\n")
    (project / "template.yaml").write_text("Resources: {}\n")
    return LocalPaths(project, tmp_path / "state")


def fingerprint(paths: LocalPaths, parameters: Mapping[str, str] = PARAMETERS) -> str:
    return Deployment(paths, "http://127.0.0.1:4566", parameters).fingerprint()


def test_an_unchanged_tree_has_the_same_fingerprint(paths: LocalPaths) -> None:
    """Given a tree, when only what Python generates and file times change, then the fingerprint stays."""
    before = fingerprint(paths)
    generated = paths.project / "functions" / "get_info" / "__pycache__"
    generated.mkdir()
    (generated / "app.cpython-313.pyc").write_bytes(b"x")
    os.utime(paths.project / "template.yaml", (1, 1))
    assert fingerprint(paths) == before


@pytest.mark.parametrize("name", ["template.yaml", "functions/get_info/app.py", "functions/get_info/new.py"])
def test_a_changed_or_new_source_changes_the_fingerprint(paths: LocalPaths, name: str) -> None:
    """Given a tree, when a source is changed or added, then the fingerprint is another."""
    before = fingerprint(paths)
    (paths.project / name).write_text("# changed\n")
    assert fingerprint(paths) != before


def test_a_changed_parameter_changes_the_fingerprint(paths: LocalPaths) -> None:
    """Given a tree, when a template parameter changes, then the fingerprint is another."""
    assert fingerprint(paths) != fingerprint(paths, {**PARAMETERS, "Environment": "other"})


def fake_sam(paths: LocalPaths, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """Put a program in SAM's place that notes its arguments and environment, then runs the script."""
    seen = paths.project / "seen.json"
    program = paths.project / "bin" / "sam"
    program.parent.mkdir(exist_ok=True)
    program.write_text(
        "#!/usr/bin/env python3.13\nimport json, os, sys\n"
        f"json.dump([sys.argv[1:], dict(os.environ)], open({str(seen)!r}, 'w'))\n{script}\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("SAM", str(program))
    monkeypatch.setenv("UV", str(program))
    return seen


def test_parameters_reach_sam_as_they_are(paths: LocalPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a parameter with blanks and quotes, when deployed, then SAM's own pattern reads it back."""
    seen = fake_sam(paths, monkeypatch, "")
    Deployment(paths, "http://127.0.0.1:4566", PARAMETERS).deploy()
    arguments = json.loads(seen.read_text())[0]
    (seller,) = [argument for argument in arguments if argument.startswith("Seller=")]
    value = re.fullmatch(r'Seller="((?:\\.|[^"\\]+)*)"', seller)
    assert value is not None
    assert re.sub(r"\\(.)", r"\1", value[1]) == PARAMETERS["Seller"]


def test_a_developers_own_account_is_out_of_reach(paths: LocalPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given AWS credentials in the shell, when deployed, then SAM sees the local server and made-up keys."""
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    seen = fake_sam(paths, monkeypatch, "")
    Deployment(paths, "http://127.0.0.1:4599", PARAMETERS).deploy()
    environment = json.loads(seen.read_text())[1]
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4599"
    assert environment["AWS_ACCESS_KEY_ID"] == "test"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & set(environment)
    assert environment["AWS_CONFIG_FILE"] == os.devnull


def test_a_build_asks_the_network_only_when_the_cache_lacks_something(
    paths: LocalPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a build that works offline and one that does not, when built, then only that goes online."""
    seen = fake_sam(paths, monkeypatch, "")
    wish = Deployment(paths, "http://127.0.0.1:4566", PARAMETERS)
    wish.build()
    assert json.loads(seen.read_text())[1]["UV_OFFLINE"] == "1"
    fake_sam(paths, monkeypatch, "sys.exit('UV_OFFLINE' in os.environ)")
    wish.build()
    assert "UV_OFFLINE" not in json.loads(seen.read_text())[1]


def test_a_failed_deploy_is_one_sentence_with_its_log(
    paths: LocalPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a SAM that fails, when deployed, then the error has its last error line and the log's path."""
    fake_sam(paths, monkeypatch, "print('Error: no room'); print('bye'); sys.exit(1)")
    with pytest.raises(LocalCloudError, match=r"`sam deploy` failed: Error: no room; see .*deploy\.log"):
        Deployment(paths, "http://127.0.0.1:4566", PARAMETERS).deploy()


def test_a_missing_tool_is_named_with_what_to_do(paths: LocalPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given no SAM, when deployed, then the error says where it is looked for and which command brings it."""
    monkeypatch.delenv("SAM", raising=False)
    with pytest.raises(LocalCloudError, match=r"sam is not installed at .*: run `make setup`"):
        Deployment(paths, "http://127.0.0.1:4566", PARAMETERS).deploy()


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    """Given no secrets, when they are loaded twice, then they are equal, whole and their owner's only."""
    path = tmp_path / "secrets.json"
    first = LocalSecrets.load(path)
    assert LocalSecrets.load(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert re.fullmatch(r"whsec_[A-Za-z0-9_-]{43}", first.webhook_secret)
    assert re.fullmatch(r"bk_[A-Za-z0-9_-]{43}", first.api_key)
    assert first.api_key not in repr(first)
    assert new_api_key() != new_api_key()


@pytest.mark.parametrize(
    ("key", "message"),
    [("sk_live_abc", "a live key"), ("rk_live_abc", "a live key"), ("pk_test_abc", "not a key of")],
)
def test_only_a_key_of_stripes_test_mode_is_taken(key: str, message: str) -> None:
    """Given a live key or another kind, when it is given, then it is refused without being repeated."""
    with pytest.raises(LocalCloudError, match=message) as refused:
        stripe_test_key({"STRIPE_API_KEY": key})
    assert key not in str(refused.value)


def test_no_key_means_the_stand_in() -> None:
    """Given no key, an empty one, or one of the test mode, when asked for, then it is None or that key."""
    assert stripe_test_key({}) is None
    assert stripe_test_key({"STRIPE_API_KEY": ""}) is None
    assert stripe_test_key({"STRIPE_API_KEY": "sk_test_1"}) == "sk_test_1"


def test_data_of_the_stand_in_and_of_stripe_are_not_mixed(paths: LocalPaths) -> None:
    """Given data from Stripe's test mode, when started without its key, then it is refused at once."""
    StateFile(paths.state / "state.json").change(stripe=TEST_MODE)
    cloud = LocalCloud(paths, Progress(), {})
    with pytest.raises(LocalCloudError, match="make dev-reset"):
        cloud.up()
    assert cloud.running() == {}


def test_expected_failures_are_told_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a live key, when `make dev` runs, then it ends with status 1 and one line on standard error."""
    monkeypatch.setenv("BILLING_LOCAL_DIR", str(tmp_path))
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_1")
    assert main(["dev", "--detach"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: STRIPE_API_KEY is a live key")


@pytest.mark.parametrize(
    ("command", "status", "says"),
    [
        (["status"], 1, "Nothing runs."),
        (["stop"], 0, "Nothing ran."),
        (["migrate"], 1, "does not run"),
        (["logs", "nobody"], 1, "there is no log nobody"),
    ],
)
def test_commands_without_a_local_cloud_say_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    status: int,
    says: str,
) -> None:
    """Given nothing was ever started, when another command runs, then it says so and starts nothing."""
    monkeypatch.setenv("BILLING_LOCAL_DIR", str(tmp_path / "none"))
    assert main(command) == status
    printed = capsys.readouterr()
    assert says in printed.out + printed.err


def test_the_front_door_reads_its_settings_anew(tmp_path: Path) -> None:
    """Given a running front door, when a deploy writes other settings, then the next request uses them."""
    path = tmp_path / "front_door.json"
    file = SettingsFile(path)
    FrontDoorSettings(aws="http://a", issuer="http://i").save(path)
    assert file.read().api_host == ""
    FrontDoorSettings(aws="http://a", issuer="http://i", api_host="x.execute-api").save(path)
    assert file.read().api_host == "x.execute-api"


def test_endpoints_are_the_contract_and_their_links_hold_no_secret(tmp_path: Path) -> None:
    """Given endpoints, when they are written, then the keys are the contract's and links show no secret."""
    path = tmp_path / "endpoints.json"
    endpoints = Endpoints(
        api_url="http://127.0.0.1:8787",
        webhook_url="http://127.0.0.1:8787/webhooks/stripe",
        console_url="http://127.0.0.1:8787/",
        stripe_url="http://127.0.0.1:12111",
        aws_endpoint_url="http://127.0.0.1:4566",
        database_url="postgresql://u:secret@h/d",
        webhook_secret="whsec_secret",
        tokens={"admin": "secret"},
        api_keys={"customer": "bk_secret"},
    )
    endpoints.save(path)
    assert Endpoints.load(path) == endpoints
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(path.read_text())) == {
        *("api_url", "webhook_url", "console_url", "stripe_url", "aws_endpoint_url", "database_url"),
        *("webhook_secret", "tokens", "api_keys"),
    }
    assert "secret" not in repr(endpoints.links())


def test_a_log_is_followed_from_line_to_line(tmp_path: Path) -> None:
    """Given a growing log, when it is followed, then each whole line comes once, and a new file whole."""
    path = tmp_path / "a.log"
    path.write_bytes(b"one\ntw")
    tail = FileTail(path)
    assert list(tail.lines()) == ["one"]
    with path.open("ab") as file:
        file.write(b"o\n\xff\n")
    assert list(tail.lines()) == ["two", "\ufffd"]
    path.write_bytes(b"new\n")
    assert list(tail.lines()) == ["new"]


def test_log_groups_go_by_the_names_of_the_functions_folders() -> None:
    """Given a stack's resources, when its log groups are named, then the names are those under functions/."""
    groups = function_groups({"GetInvoicePdfLogGroup": "g1", "ApiLogGroup": "g2", "Api": "abc"})
    assert groups == {"get_invoice_pdf": "g1", "api": "g2"}
