"""What SAM CLI is told, so that containers work on the local cloud."""

from __future__ import annotations

import json
from pathlib import Path

from local.sam_local import adapted_template, seen_from_container
from local.samples import DemoSamples
from tests.support.signing import stripe_signature

PROJECT = Path(__file__).parents[2]
SAMPLES = DemoSamples("cus_real", "in_real", "cn_real", "bk_" + "B" * 43, "whsec_real")
TEMPLATE = {
    "Parameters": {"Host": {"Type": "String"}, "Port": {"Type": "Number", "Default": 5432}},
    "Resources": {
        "Layer": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "Layer"}},
        "List": {
            "Type": "AWS::Serverless::Function",
            "Properties": {"CodeUri": "List", "Environment": {"Variables": {"OWN": {"Ref": "Host"}}}},
        },
        "Bare": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "Bare"}},
        "Api": {
            "Type": "AWS::Serverless::HttpApi",
            "Properties": {"Auth": {"Authorizers": {"Bearer": {"FunctionArn": {"Ref": "List.Alias"}}}}},
        },
        "Queue": {"Type": "AWS::SQS::Queue"},
    },
}


def test_the_adapted_template_has_what_sam_local_does_not_find_out() -> None:
    """Given a built template, when it is adapted, then values, variables, paths and authorizer are there."""
    before = json.dumps(TEMPLATE)
    adapted = adapted_template(TEMPLATE, Path("/build"), {"Host": "127.0.0.1", "Other": "x"}, {"AWS_X": "1"})
    assert adapted["Parameters"] == {
        "Host": {"Type": "String", "Default": "127.0.0.1"},
        "Port": {"Type": "Number", "Default": 5432},
    }
    resources = adapted["Resources"]
    assert resources["Layer"]["Properties"]["ContentUri"] == "/build/Layer"
    listing = resources["List"]["Properties"]
    assert listing["CodeUri"] == "/build/List"
    assert listing["Environment"]["Variables"] == {"OWN": {"Ref": "Host"}, "AWS_X": "1"}
    assert resources["Bare"]["Properties"]["Environment"] == {"Variables": {"AWS_X": "1"}}
    authorizer = resources["Api"]["Properties"]["Auth"]["Authorizers"]["Bearer"]
    assert authorizer == {"FunctionArn": {"Fn::GetAtt": ["List", "Arn"]}}
    assert json.dumps(TEMPLATE) == before


def test_a_container_sees_this_machine_elsewhere_and_the_issuer_by_its_name() -> None:
    """Given variables that name this machine, when a container is to use them, then it finds this machine."""
    variables = {
        "DATABASE_HOST": "127.0.0.1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "EVENT_QUEUE_URL": "http://localhost:4566/1/q",
        "OIDC_ISSUER": "http://127.0.0.1:8787/oidc",
        "OIDC_JWKS_URL": "http://127.0.0.1:8787/oidc/jwks",
        "STRIPE_API_BASE": "https://api.stripe.com",
        "ELSEWHERE": "http://127.0.0.1:9999",
    }
    assert seen_from_container(variables, "172.17.0.1", [4566, 8787]) == {
        "DATABASE_HOST": "172.17.0.1",
        "AWS_ENDPOINT_URL": "http://172.17.0.1:4566",
        "EVENT_QUEUE_URL": "http://172.17.0.1:4566/1/q",
        "OIDC_ISSUER": "http://127.0.0.1:8787/oidc",
        "OIDC_JWKS_URL": "http://localhost:8787/oidc/jwks",
        "STRIPE_API_BASE": "https://api.stripe.com",
        "ELSEWHERE": "http://127.0.0.1:9999",
    }


def test_samples_become_the_demos_own() -> None:
    """Given the sample events, when they are filled, then customer, invoice and key are the demo's."""
    events = PROJECT / "events"
    context = SAMPLES.filled(events / "list_invoices.json")["requestContext"]["authorizer"]["lambda"]
    assert context["customer"] == "cus_real"
    pdf = SAMPLES.filled(events / "get_invoice_pdf.json")
    assert (pdf["pathParameters"], pdf["rawPath"].split("/")[-2]) == ({"id": "in_real"}, "in_real")
    assert (
        SAMPLES.filled(events / "authorize.json")["headers"]["authorization"] == f"Bearer {SAMPLES.api_key}"
    )
    for path in events.glob("*.json"):
        text = json.dumps(SAMPLES.filled(path))
        assert not any(made_up in text for made_up in ("cus_demo", "in_demo", "cn_demo", "bk_AAAA"))


def test_the_webhooks_sample_is_signed_for_the_demo() -> None:
    """Given the webhook's sample event, when it is filled, then the demo's secret has signed its body now."""
    event = SAMPLES.filled(PROJECT / "events" / "stripe_webhook.json")
    header = event["headers"]["stripe-signature"]
    moment = int(header.partition(",")[0].removeprefix("t="))
    assert header == stripe_signature(event["body"].encode(), "whsec_real", at=moment)
    assert moment > 1_780_000_000
