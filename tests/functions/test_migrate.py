from __future__ import annotations

import json
import secrets
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psycopg
import pytest

from billing.adapters.postgres.connection import Database
from billing.adapters.postgres.migrator import Migrator
from billing.domain.errors import InvalidParameterError, UnavailableError
from tests.support.cold_start import cold_start
from tests.support.lambdas import lambda_context, lambda_handler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from billing.adapters.postgres.connection import Credentials
    from billing.settings import DatabaseSettings

PROJECT = Path(__file__).parents[2]
MIGRATIONS = sorted(path.stem for path in PROJECT.glob("migrations/*.sql") if ".rollback" not in path.name)
METERS = [f"meter {each['name']}" for each in json.loads((PROJECT / "migrations/meters.json").read_text())]


@dataclass
class CloudFormation:
    """Takes the answers of custom resources, as the presigned URL does; refuses the first `refusals`."""

    url: str = ""
    refusals: int = 0
    answers: list[dict[str, Any]] = field(default_factory=list)

    def request(self, kind: str, **members: str) -> dict[str, str]:
        """Return what CloudFormation sends to the function."""
        return {
            "RequestType": kind,
            "ResponseURL": self.url,
            "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/billing/1",
            "RequestId": "request-1",
            "LogicalResourceId": "Migration",
            "ResourceType": "Custom::Migration",
            **members,
        }


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    taken = CloudFormation()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if taken.refusals:
                taken.refusals -= 1
                self.send_response(503)
            else:
                assert self.headers["Content-Type"] == ""
                taken.answers.append(json.loads(body))
                self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    taken.url = f"http://127.0.0.1:{server.server_address[1]}/answer?signed"
    yield taken
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(frozen=True)
class Stage:
    """An empty database, and the environment that the template gives the function."""

    database: DatabaseSettings
    environment: dict[str, str]
    passwords: dict[str, str]

    def sign_in(self, role: str) -> psycopg.Connection[Any]:
        """Return a connection as an application role, with the password of its secret."""
        return psycopg.connect(
            host=self.database.host,
            port=self.database.port,
            dbname=self.database.name,
            user=role,
            password=self.passwords[role],
        )


@pytest.fixture
def stage(
    aws_endpoint: str,
    unique_name: str,
    empty_database: DatabaseSettings,
    database_secrets: dict[str, Credentials],
) -> Iterator[Stage]:
    owner = database_secrets["billing_owner"]
    passwords = {role: secrets.token_urlsafe(30) for role in ("billing_api", "billing_worker")}
    manager = boto3.client("secretsmanager")
    stored = {"owner": {"username": owner.username, "password": owner.password}} | {
        role: {"username": role, "password": password} for role, password in passwords.items()
    }
    for name, value in stored.items():
        manager.create_secret(Name=f"{unique_name}-{name}", SecretString=json.dumps(value))
    environment = {
        "DATABASE_HOST": empty_database.host,
        "DATABASE_PORT": str(empty_database.port),
        "DATABASE_NAME": empty_database.name,
        "DATABASE_SSL_MODE": empty_database.ssl_mode,
        "DATABASE_SECRET_ID": f"{unique_name}-owner",
        "API_DATABASE_SECRET_ID": f"{unique_name}-billing_api",
        "WORKER_DATABASE_SECRET_ID": f"{unique_name}-billing_worker",
        "MIGRATIONS_DIR": str(PROJECT / "migrations"),
    }
    with cold_start(environment):
        yield Stage(empty_database, environment, passwords)
    # Roles belong to the whole server: the other tests sign in with the session's passwords.
    with Database(empty_database, lambda _: owner) as opened:
        for role in passwords:
            Migrator(opened, PROJECT / "migrations").ensure_login(role, database_secrets[role].password)


def migrate(event: dict[str, Any]) -> dict[str, Any]:
    return lambda_handler("migrate")(event, lambda_context())


def test_the_deploy_migrates_and_lets_the_roles_sign_in(stage: Stage, cloudformation: CloudFormation) -> None:
    """Given an empty database, when the stack is created, then schema and logins stand, and it is told."""
    migrate(cloudformation.request("Create"))
    [answer] = cloudformation.answers
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "schema")
    assert (answer["StackId"], answer["RequestId"], answer["LogicalResourceId"]) == (
        "arn:aws:cloudformation:eu-west-1:123456789012:stack/billing/1",
        "request-1",
        "Migration",
    )
    for role in stage.passwords:
        with stage.sign_in(role) as connection:
            assert connection.execute("SELECT count(*) FROM invoices").fetchone() == (0,)


def test_an_update_without_new_migrations_changes_nothing(
    stage: Stage, cloudformation: CloudFormation
) -> None:
    """Given a migrated database, when the stack is updated, then nothing is applied, under the same id."""
    migrate(cloudformation.request("Create"))
    assert migrate(cloudformation.request("Update", PhysicalResourceId="schema")) == {"applied": []}
    assert [answer["Status"] for answer in cloudformation.answers] == ["SUCCESS", "SUCCESS"]


def test_deleting_the_stack_deletes_no_data(stage: Stage, cloudformation: CloudFormation) -> None:
    """Given a migrated database, when the stack is deleted, then the schema still stands."""
    migrate(cloudformation.request("Create"))
    migrate(cloudformation.request("Delete", PhysicalResourceId="schema"))
    assert cloudformation.answers[-1]["Status"] == "SUCCESS"
    assert migrate({"action": "status"})["pending"] == []


def test_a_failed_migration_fails_the_deploy(stage: Stage, cloudformation: CloudFormation) -> None:
    """Given a database away, when the stack is created, then CloudFormation hears why, and no secret."""
    with (
        cold_start({**stage.environment, "DATABASE_PORT": "1"}),
        pytest.raises(UnavailableError),
    ):
        migrate(cloudformation.request("Create"))
    [answer] = cloudformation.answers
    assert (answer["Status"], answer["Reason"]) == ("FAILED", "The database does not answer.")


def test_the_answer_is_sent_again_when_it_is_not_taken(stage: Stage, cloudformation: CloudFormation) -> None:
    """Given an answer that is refused once, when the function sends it again, then the deploy goes on."""
    cloudformation.refusals = 1
    migrate(cloudformation.request("Create"))
    assert [answer["Status"] for answer in cloudformation.answers] == ["SUCCESS"]


def test_an_operator_goes_up_down_and_asks_where_things_stand(stage: Stage) -> None:
    """Given an operator, when the function is invoked with an action, then it says what it did."""
    assert migrate({"action": "up"}) == {"applied": MIGRATIONS + METERS}
    status = migrate({"action": "status"})
    assert (status["applied"], status["pending"], status["drift"]) == (MIGRATIONS, [], [])
    first = int(MIGRATIONS[0].split("_")[0])
    assert migrate({"action": "down", "to": first}) == {"rolled_back": MIGRATIONS[:0:-1]}
    assert migrate({"action": "status"})["pending"] == MIGRATIONS[1:]


@pytest.mark.parametrize(
    "event",
    [{}, {"action": "drop"}, {"action": "down"}, {"action": "down", "to": True}, {"action": "up", "to": 1}],
)
def test_an_unknown_command_is_named(event: dict[str, Any]) -> None:
    """Given an action that does not exist, when the function is invoked, then the error names the field."""
    with cold_start({}), pytest.raises(InvalidParameterError, match="action: "):
        migrate(event)
