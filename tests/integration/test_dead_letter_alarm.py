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
    "Parameters": {"AlarmTopicArn", "MaxReceiveCount"},
    "Conditions": {"HasAlarmTopic"},
    "Resources": {"StripeEvents", "DeadStripeEvents", "DeadStripeEventsAlarm"},
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


@pytest.fixture
def watched(aws_endpoint: str, unique_name: str) -> Iterator[Watched]:
    sqs, sns, stacks = boto3.client("sqs"), boto3.client("sns"), boto3.client("cloudformation")
    told = sqs.create_queue(QueueName=f"{unique_name}-told")["QueueUrl"]
    topic = sns.create_topic(Name=unique_name)["TopicArn"]
    arn = sqs.get_queue_attributes(QueueUrl=told, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    stacks.create_stack(
        StackName=unique_name,
        TemplateBody=parts_of_the_template(),
        Parameters=[
            {"ParameterKey": "AlarmTopicArn", "ParameterValue": topic},
            {"ParameterKey": "MaxReceiveCount", "ParameterValue": str(TRIES)},
        ],
    )
    stacks.get_waiter("stack_create_complete").wait(
        StackName=unique_name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    made = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in stacks.describe_stack_resources(StackName=unique_name)["StackResources"]
    }
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
