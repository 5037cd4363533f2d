"""What the template promises beyond what cfn-lint knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]


class _Loader(yaml.SafeLoader):
    """Reads !Ref X as {"Ref": X} and so on."""


def _intrinsic(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, object]:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {suffix: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _intrinsic)


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    """Return the template's resources by logical id."""
    template = yaml.load((PROJECT / "template.yaml").read_text(), _Loader)  # noqa: S506 -- a SafeLoader
    found: dict[str, Any] = template["Resources"]
    return found


def _functions(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def _statements(properties: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every statement of a function's policies, those under a condition as well."""
    found = []
    for policy in properties.get("Policies", []):
        document = policy["If"][1] if "If" in policy else policy
        found += document["Statement"]
    return found


def test_no_role_is_given_a_wildcard(resources: dict[str, Any]) -> None:
    """Given every function's statements, when they are read, then no action or resource is a wildcard."""
    statements = [s for properties in _functions(resources).values() for s in _statements(properties)]
    assert len(statements) > 10
    for statement in statements:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not any("*" in action for action in actions), statement
        assert statement["Resource"] != "*", statement


def test_the_webhook_reaches_only_its_secret_and_its_queue(resources: dict[str, Any]) -> None:
    """Given the webhook's role, when its statements are read, then it can verify and queue, nothing else."""
    statements = _statements(_functions(resources)["StripeWebhookFunction"])
    assert [s["Action"] for s in statements] == ["secretsmanager:GetSecretValue", "sqs:SendMessage"]


def test_only_migrate_reads_the_owners_credentials(resources: dict[str, Any]) -> None:
    """Given the owner's secret, when roles that read it are listed, then it is migrate's alone."""
    readers = [
        name
        for name, properties in _functions(resources).items()
        if "DatabaseOwnerSecretArn" in str(properties)
    ]
    assert readers == ["MigrateFunction"]


def test_the_authorizers_verdict_is_never_cached_without_the_token_in_its_key(
    resources: dict[str, Any],
) -> None:
    """Given the authorizer, when verdicts are kept for any time, then the token is part of the cache key."""
    identity = resources["Api"]["Properties"]["Auth"]["Authorizers"]["Bearer"]["Identity"]
    assert identity["ReauthorizeEvery"] == 0 or "authorization" in map(str.lower, identity["Headers"])
    assert "routeKey" in identity["Context"]


def test_only_the_meta_routes_and_the_webhook_are_open(resources: dict[str, Any]) -> None:
    """Given every route, when those without authorizer are listed, then they are the two meta routes."""
    open_routes = {
        event["Properties"]["Path"]
        for properties in _functions(resources).values()
        for event in properties.get("Events", {}).values()
        if event["Properties"].get("Auth", {}).get("Authorizer") == "NONE"
    }
    assert open_routes == {"/api/v1/meta/features", "/api/v1/meta/info"}
    with_url = [n for n, p in _functions(resources).items() if "FunctionUrlConfig" in p]
    assert with_url == ["StripeWebhookFunction"]


def test_functions_that_read_the_schema_wait_for_the_migration(resources: dict[str, Any]) -> None:
    """Given functions that know the database, when the deploy orders them, then they follow the migration."""
    for name, properties in _functions(resources).items():
        if "DATABASE_HOST" in properties["Environment"]["Variables"] and name != "MigrateFunction":
            assert resources[name]["DependsOn"] == "Migration", name


def test_the_queue_hides_a_message_for_longer_than_its_function_runs(resources: dict[str, Any]) -> None:
    """Given the events' queue, when its visibility timeout is read, then it is six times the function's."""
    timeout = _functions(resources)["ApplyStripeEventsFunction"]["Timeout"]
    assert resources["StripeEvents"]["Properties"]["VisibilityTimeout"] >= 6 * timeout


def test_every_alarm_tells_the_topic_and_the_address(resources: dict[str, Any]) -> None:
    """Given every alarm, when it is read, then it tells whom there is to tell, and says what to do."""
    alarms = {n: r["Properties"] for n, r in resources.items() if r["Type"] == "AWS::CloudWatch::Alarm"}
    assert "DeadStripeEventsAlarm" in alarms
    nobody = {"Ref": "AWS::NoValue"}
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == [
            {"If": ["HasAlarmTopic", {"Ref": "AlarmTopicArn"}, nobody]},
            {"If": ["HasAlarmEmail", {"Ref": "AlarmTopic"}, nobody]},
        ], name
        assert alarm["AlarmDescription"].endswith("; see docs/operations.md"), name


def test_every_alarm_is_explained(resources: dict[str, Any]) -> None:
    """Given every alarm, when docs/operations.md is read, then it says what each means and what to do."""
    pages = (PROJECT / "docs/operations.md").read_text()
    alarms = {name for name, resource in resources.items() if resource["Type"] == "AWS::CloudWatch::Alarm"}
    assert [name for name in sorted(alarms) if f"| `{name}` |" not in pages] == []


def test_the_alarms_own_topic_is_there_for_an_address_only(resources: dict[str, Any]) -> None:
    """Given the topic for an address, when it is read, then its key is one that CloudWatch may use."""
    own = {name for name, resource in resources.items() if resource.get("Condition") == "HasAlarmEmail"}
    assert own == {"AlarmKey", "AlarmTopic", "AlarmTopicPolicy", "AlarmSubscription"}
    assert resources["AlarmTopic"]["Properties"] == {"KmsMasterKeyId": {"Ref": "AlarmKey"}}
    ours = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    administers, uses = resources["AlarmKey"]["Properties"]["KeyPolicy"]["Statement"]
    [publishes] = resources["AlarmTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    for statement, actions in ((uses, ["kms:Decrypt", "kms:GenerateDataKey*"]), (publishes, "sns:Publish")):
        assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert (statement["Action"], statement["Condition"]) == (actions, ours)
    assert administers["Principal"] == {"AWS": {"Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
