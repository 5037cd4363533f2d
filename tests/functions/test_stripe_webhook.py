from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.fakes.stripe_payloads import customer, event
from tests.support.cold_start import cold_start
from tests.support.lambdas import PROJECT, lambda_context, lambda_handler
from tests.support.signing import stripe_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sqs import SQSClient

SECRET = "whsec_canary_one"
BODY = json.dumps(event("customer.updated", customer(email="canary@example.com"))).encode()


def request(
    body: bytes, headers: dict[str, str], *, encoded: bool = True, method: str = "POST"
) -> dict[str, Any]:
    """Return a request of a function URL."""
    sample: dict[str, Any] = json.loads((PROJECT / "events" / "stripe_webhook.json").read_bytes())
    sample["requestContext"]["http"]["method"] = method
    return sample | {
        "headers": headers,
        "body": base64.b64encode(body).decode() if encoded else body.decode(),
        "isBase64Encoded": encoded,
    }


@dataclass
class Webhook:
    """The function, and what is behind it."""

    sqs: SQSClient
    manager: SecretsManagerClient
    queue_url: str
    secret_id: str
    handler: Callable[[Any, LambdaContext], dict[str, Any]] = field(
        default_factory=lambda: lambda_handler("stripe_webhook")
    )

    def send(self, body: bytes, signature: str | None, **how: Any) -> tuple[int, dict[str, Any]]:
        """Return status and JSON of the answer."""
        headers = {} if signature is None else {"stripe-signature": signature}
        return self.call(request(body, headers, **how))

    def call(self, event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return status and JSON of the answer."""
        answer = self.handler(event, lambda_context())
        problem = answer["statusCode"] != 200
        assert answer["headers"]["content-type"] == f"application/{'problem+' * problem}json"
        assert answer["headers"]["x-content-type-options"] == "nosniff"
        return answer["statusCode"], json.loads(answer["body"])

    def queued(self) -> list[str]:
        """Return the bodies on the queue."""
        messages = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
        return [message["Body"] for message in messages.get("Messages", [])]


@pytest.fixture
def webhook(aws_endpoint: str, unique_name: str) -> Iterator[Webhook]:
    sqs: SQSClient = boto3.client("sqs")
    manager: SecretsManagerClient = boto3.client("secretsmanager")
    url = sqs.create_queue(QueueName=unique_name)["QueueUrl"]
    value = json.dumps({"webhook_secrets": ["whsec_canary_old", SECRET]})
    secret = manager.create_secret(Name=unique_name, SecretString=value)["ARN"]
    with cold_start({"EVENT_QUEUE_URL": url, "STRIPE_WEBHOOK_SECRET_ID": secret}):
        yield Webhook(sqs, manager, url, secret)


@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize("name", ["stripe-signature", "Stripe-Signature", "STRIPE-SIGNATURE"])
def test_a_signed_delivery_is_queued_then_answered(webhook: Webhook, name: str, *, encoded: bool) -> None:
    """Given a signed body, base64 or plain, any header case, when posted, then 200 and it is on the queue."""
    sent = request(BODY, {name: stripe_signature(BODY, SECRET)}, encoded=encoded)
    assert webhook.call(sent) == (200, {"received": True})
    assert webhook.queued() == [BODY.decode()]


def test_the_sample_event_is_taken_when_signed_now(webhook: Webhook) -> None:
    """Given the sample of `sam local invoke`, when it is signed anew, then it is taken, before not."""
    sample = json.loads((PROJECT / "events" / "stripe_webhook.json").read_bytes())
    status, problem = webhook.call(sample)
    assert (status, problem["code"]) == (400, "signature_rejected")
    sample["headers"]["stripe-signature"] = stripe_signature(sample["body"].encode(), SECRET)
    assert webhook.call(sample) == (200, {"received": True})


BAD_SIGNATURES: dict[str, Callable[[], str | None]] = {
    "missing": lambda: None,
    "empty": lambda: "",
    "malformed": lambda: "garbage",
    "of another secret": lambda: stripe_signature(BODY, "whsec_wrong"),
    "of another body": lambda: stripe_signature(BODY + b" ", SECRET),
    "old": lambda: stripe_signature(BODY, SECRET, at=time.time() - 400),
    "of the future": lambda: stripe_signature(BODY, SECRET, at=time.time() + 400),
}


@pytest.mark.parametrize("fault", BAD_SIGNATURES)
def test_a_bad_signature_is_rejected_and_nothing_queued(webhook: Webhook, fault: str) -> None:
    """Given a missing, wrong, old or future signature, when posted, then 400 and the queue is empty."""
    status, problem = webhook.send(BODY, BAD_SIGNATURES[fault]())
    assert (status, problem["code"], problem["status"]) == (400, "signature_rejected", 400)
    assert problem["request_id"] == lambda_context().aws_request_id
    assert webhook.queued() == []


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"not json", b"[]", b'{"object": "event"}'])
def test_a_signed_body_that_is_no_event_is_rejected(webhook: Webhook, body: bytes) -> None:
    """Given a signed body that is no JSON event, when posted, then 400 and the queue is empty."""
    status, problem = webhook.send(body, stripe_signature(body, SECRET))
    assert (status, problem["code"]) == (400, "payload_rejected")
    assert webhook.queued() == []


def test_a_body_that_is_not_base64_is_rejected(webhook: Webhook) -> None:
    """Given a request whose base64 is broken, when it comes, then 400."""
    sent = request(BODY, {"stripe-signature": stripe_signature(BODY, SECRET)}) | {"body": "%%%"}
    status, problem = webhook.call(sent)
    assert (status, problem["code"]) == (400, "payload_rejected")


def test_a_request_without_body_and_headers_is_rejected(webhook: Webhook) -> None:
    """Given a POST with nothing in it, when it comes, then 400."""
    sent = request(b"", {})
    del sent["body"], sent["headers"]
    status, problem = webhook.call(sent)
    assert (status, problem["code"]) == (400, "signature_rejected")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_only_post_is_allowed(webhook: Webhook, method: str) -> None:
    """Given another method, when it comes, then 405 that allows POST."""
    answer = webhook.handler(request(BODY, {}, method=method), lambda_context())
    assert (answer["statusCode"], answer["headers"]["allow"]) == (405, "POST")


def test_a_queue_that_is_away_makes_stripe_come_again(webhook: Webhook) -> None:
    """Given no queue, when a signed event is posted, then 500, which tells nothing internal."""
    webhook.sqs.delete_queue(QueueUrl=webhook.queue_url)
    status, problem = webhook.send(BODY, stripe_signature(BODY, SECRET))
    assert (status, problem["code"], problem["detail"]) == (500, "unavailable", "The queue does not answer.")


def test_a_secret_that_is_not_there_makes_stripe_come_again(
    webhook: Webhook, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given no secret, when a signed event is posted, then 500 without a word of the secret's name."""
    webhook.manager.delete_secret(SecretId=webhook.secret_id, ForceDeleteWithoutRecovery=True)
    status, problem = webhook.send(BODY, stripe_signature(BODY, SECRET))
    assert (status, problem["code"]) == (500, "internal_error")
    assert webhook.secret_id not in json.dumps(problem)
    assert webhook.queued() == []


def test_a_secret_rolled_at_stripe_holds_at_the_first_delivery(webhook: Webhook) -> None:
    """Given a warm function, when the secret is rolled, then the first delivery with the new one is taken."""
    webhook.send(BODY, stripe_signature(BODY, SECRET))
    webhook.manager.put_secret_value(
        SecretId=webhook.secret_id, SecretString='{"webhook_secrets": ["whsec_new"]}'
    )
    assert webhook.send(BODY, stripe_signature(BODY, "whsec_new")) == (200, {"received": True})


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(text) for text in capsys.readouterr().out.splitlines()]


def test_a_taken_event_is_logged_and_counted(webhook: Webhook, capsys: pytest.CaptureFixture[str]) -> None:
    """Given a signed event, when it is taken, then id and type are logged and the metrics written."""
    webhook.send(BODY, stripe_signature(BODY, SECRET))
    lines = logged(capsys)
    [taken] = [line for line in lines if line.get("message") == "event received"]
    assert (taken["stripe_event_id"], taken["stripe_event_type"]) == ("evt_1", "customer.updated")
    assert taken["function_request_id"] == lambda_context().aws_request_id
    assert [line["StripeEventsReceived"] for line in lines if "StripeEventsReceived" in line] == [[1.0]]
    assert [line["ColdStart"] for line in lines if "ColdStart" in line] == [[1.0]]


def test_what_is_not_verified_is_not_logged(webhook: Webhook, capsys: pytest.CaptureFixture[str]) -> None:
    """Given an unsigned event, when it is rejected, then nothing of its body is in the log."""
    webhook.send(BODY, stripe_signature(BODY, "whsec_wrong"))
    text = capsys.readouterr().out
    assert "evt_1" not in text
    assert "StripeEventsRejected" in text


def test_no_log_line_holds_a_secret_or_a_person(webhook: Webhook, capsys: pytest.CaptureFixture[str]) -> None:
    """Given canaries in body, secret and signature, when anything happens, then no log line has them."""
    good = stripe_signature(BODY, SECRET)
    webhook.send(BODY, good)
    webhook.send(BODY, stripe_signature(BODY, "whsec_canary_forged"))
    webhook.send(b"canary@example.com", stripe_signature(b"canary@example.com", SECRET))
    webhook.sqs.delete_queue(QueueUrl=webhook.queue_url)
    webhook.send(BODY, good)
    text = capsys.readouterr().out
    assert "StripeEventsNotQueued" in text
    assert "canary" not in text
    assert good.rpartition("v1=")[2] not in text
