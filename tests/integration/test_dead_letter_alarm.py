"""The alarm on dead letters, deployed from the template's own text into the local cloud.

SQS publishes a queue's metrics by itself; the local one does not, so the test publishes what the queue
counts. The local CloudWatch evaluates without looking at dimensions, so those are compared.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml

from tests.support.lambdas import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_sqs import SQSClient

PARTS = {
    "Parameters": {"AlarmTopicArn", "AlarmEmail", "MaxReceiveCount"},
    "Conditions": {"HasAlarmTopic", "HasAlarmEmail"},
    "Resources": {
        "StripeEvents",
        "DeadStripeEvents",
        "DeadStripeEventsAlarm",
        "AlarmKey",
        "AlarmTopic",
        "AlarmTopicPolicy",
        "AlarmSubscription",
    },
}
TRIES = 2


@dataclass(frozen=True, slots=True)
class Watched:
    """The two queues and the alarm, with a queue that is subscribed to the alarm's topic."""

    sqs: SQSClient
    cloudwatch: Any
    alarm: str
    events: str
    dead: str
    told: str

    def look(self) -> dict[str, Any]:
        """Return the alarm as it stands."""
        [found] = self.cloudwatch.describe_alarms(AlarmNames=[self.alarm])["MetricAlarms"]
        return dict(found)

    def publish(self) -> None:
        """Publish what the dead-letter queue counts, as SQS does every minute."""
        counted = self.sqs.get_queue_attributes(QueueUrl=self.dead, AttributeNames=["All"])["Attributes"]
        self.cloudwatch.put_metric_data(
            Namespace="AWS/SQS",
            MetricData=[
                {
                    "MetricName": "ApproximateNumberOfMessagesVisible",
                    "Dimensions": [{"Name": "QueueName", "Value": self.dead.rpartition("/")[2]}],
                    "Value": float(counted["ApproximateNumberOfMessages"]),
                }
            ],
        )

    def notices(self) -> list[dict[str, Any]]:
        """Return what the topic's subscriber was told since the last call."""
        found = self.sqs.receive_message(QueueUrl=self.told, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(json.loads(message["Body"])["Message"]) for message in found]


def parts_of_the_template() -> str:
    """Return the template with nothing but the alarm and what it needs, each as it is written there."""
    template = yaml.compose((PROJECT / "template.yaml").read_text(), yaml.SafeLoader)
    assert isinstance(template, yaml.MappingNode)
    kept = []
    for name, section in template.value:
        if name.value in PARTS:
            section.value = [each for each in section.value if each[0].value in PARTS[name.value]]
            assert len(section.value) == len(PARTS[name.value])
            kept.append((name, section))
    template.value = kept
    return str(yaml.serialize(template))


def deployed(name: str, **parameters: str) -> dict[str, str]:
    """Deploy those parts as a stack; return the physical ids by the logical ones."""
    stacks = boto3.client("cloudformation")
    stacks.create_stack(
        StackName=name,
        TemplateBody=parts_of_the_template(),
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in (parameters | {"MaxReceiveCount": str(TRIES)}).items()
        ],
    )
    stacks.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in stacks.describe_stack_resources(StackName=name)["StackResources"]
    }


@pytest.fixture
def watched(aws_endpoint: str, unique_name: str) -> Iterator[Watched]:
    sqs, sns, stacks = boto3.client("sqs"), boto3.client("sns"), boto3.client("cloudformation")
    told = sqs.create_queue(QueueName=f"{unique_name}-told")["QueueUrl"]
    topic = sns.create_topic(Name=unique_name)["TopicArn"]
    arn = sqs.get_queue_attributes(QueueUrl=told, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    made = deployed(unique_name, AlarmTopicArn=topic)
    yield Watched(
        sqs,
        boto3.client("cloudwatch"),
        made["DeadStripeEventsAlarm"],
        made["StripeEvents"],
        made["DeadStripeEvents"],
        told,
    )
    stacks.delete_stack(StackName=unique_name)


def test_a_dead_letter_raises_the_alarm_and_the_topic_is_told(watched: Watched) -> None:
    """Given a message that fails every try, when it is a dead letter, then the topic is told (11)."""
    watched.publish()
    assert (watched.look()["StateValue"], watched.notices()) == ("OK", [])

    watched.sqs.send_message(QueueUrl=watched.events, MessageBody="poison")
    for _ in range(TRIES):
        tried = watched.sqs.receive_message(QueueUrl=watched.events, VisibilityTimeout=0)
        assert [message["Body"] for message in tried["Messages"]] == ["poison"]
    assert "Messages" not in watched.sqs.receive_message(QueueUrl=watched.events)

    watched.publish()
    assert watched.look()["StateValue"] == "ALARM"
    [notice] = watched.notices()
    assert (notice["AlarmName"], notice["NewStateValue"]) == (watched.alarm, "ALARM")


def test_the_alarm_watches_the_dead_letters_of_this_stack(watched: Watched) -> None:
    """Given the deployed alarm, when it is read, then one dead letter raises it, and no data never does."""
    alarm = watched.look()
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": watched.dead.rpartition("/")[2]}]
    assert (alarm["Statistic"], alarm["Period"], alarm["EvaluationPeriods"]) == ("Maximum", 60, 1)
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
    assert alarm["TreatMissingData"] == "notBreaching"


def test_an_address_is_told_of_alarms_by_an_encrypted_topic(aws_endpoint: str, unique_name: str) -> None:
    """Given an address and no topic, when the stack is deployed, then a topic of its own tells it."""
    made = deployed(unique_name, AlarmEmail="on-call@example.com")
    try:
        topic = made["AlarmTopic"]
        [alarm] = boto3.client("cloudwatch").describe_alarms(AlarmNames=[made["DeadStripeEventsAlarm"]])[
            "MetricAlarms"
        ]
        assert alarm["AlarmActions"] == [topic]
        [told] = boto3.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        assert (told["Protocol"], told["Endpoint"]) == ("email", "on-call@example.com")
        # That the key encrypts it the local SNS does not keep; tests/architecture/test_template.py has it.
        assert "AlarmKey" in made
    finally:
        boto3.client("cloudformation").delete_stack(StackName=unique_name)


def test_nobody_to_tell_makes_no_topic(aws_endpoint: str, unique_name: str) -> None:
    """Given neither a topic nor an address, when the stack is deployed, then the alarm tells nobody."""
    made = deployed(unique_name)
    try:
        [alarm] = boto3.client("cloudwatch").describe_alarms(AlarmNames=[made["DeadStripeEventsAlarm"]])[
            "MetricAlarms"
        ]
        assert alarm["AlarmActions"] == []
        assert not {"AlarmKey", "AlarmTopic", "AlarmTopicPolicy", "AlarmSubscription"} & set(made)
    finally:
        boto3.client("cloudformation").delete_stack(StackName=unique_name)
