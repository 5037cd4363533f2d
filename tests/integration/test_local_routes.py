"""Routes of an HTTP API on the real local AWS, brought to what an OpenAPI body says."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from local.problems import LocalCloudError
from local.routes import RouteReconciler, apis, wanted_routes
from local.stack import Stack

if TYPE_CHECKING:
    from types_boto3_apigatewayv2 import ApiGatewayV2Client

FUNCTION = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{}/invocations"
LAMBDA = "arn:aws:lambda:eu-west-1:123456789012:function:{}:live"


def operation(function: str, guard: str) -> dict[str, Any]:
    uri = FUNCTION.format(LAMBDA.format(function))
    integration = {"httpMethod": "POST", "type": "aws_proxy", "uri": uri, "payloadFormatVersion": "2.0"}
    return {"x-amazon-apigateway-integration": integration, "security": [{guard: []}], "responses": {}}


BODY: dict[str, Any] = {
    "openapi": "3.0.1",
    "paths": {
        "/api/v1/meta/info": {"get": operation("get_info", "NONE")},
        "/api/v1/billing/invoices/{id}": {"get": operation("get_invoice", "Bearer")},
        "/api/v1/billing/alerts": {
            "get": operation("alerts", "Bearer"),
            "put": operation("alerts", "Bearer"),
            "x-amazon-apigateway-cors": {},
        },
    },
    "components": {
        "securitySchemes": {
            "Bearer": {
                "type": "apiKey",
                "name": "Unused",
                "in": "header",
                "x-amazon-apigateway-authorizer": {
                    "type": "request",
                    "authorizerUri": FUNCTION.format(LAMBDA.format("authorize")),
                    "authorizerResultTtlInSeconds": 0,
                    "identitySource": ["$context.routeKey"],
                    "authorizerPayloadFormatVersion": "2.0",
                    "enableSimpleResponses": True,
                },
            }
        }
    },
}


class Api:
    """An HTTP API without routes, and what stands in it."""

    def __init__(self, name: str) -> None:
        self.client: ApiGatewayV2Client = boto3.client("apigatewayv2")
        self.id = self.client.create_api(Name=name, ProtocolType="HTTP")["ApiId"]
        self.reconciler = RouteReconciler(self.client, self.id)

    def routes(self) -> dict[str, tuple[str, str]]:
        """Return each route's integration URI and the name of its authorizer, empty for none."""
        uris = {i["IntegrationId"]: i["IntegrationUri"] for i in self.integrations()}
        names = {a["AuthorizerId"]: a["Name"] for a in self.authorizers()}
        return {
            route["RouteKey"]: (
                uris[route["Target"].removeprefix("integrations/")],
                names[route["AuthorizerId"]] if route.get("AuthorizationType") == "CUSTOM" else "",
            )
            for route in self.client.get_routes(ApiId=self.id)["Items"]
        }

    def integrations(self) -> list[Any]:
        """Return the integrations."""
        return list(self.client.get_integrations(ApiId=self.id)["Items"])

    def authorizers(self) -> list[Any]:
        """Return the authorizers."""
        return list(self.client.get_authorizers(ApiId=self.id)["Items"])


@pytest.fixture
def api(aws_endpoint: str, unique_name: str) -> Api:
    return Api(unique_name)


def test_every_operation_becomes_a_route(api: Api) -> None:
    """Given a body, when it is reconciled, then each operation has its route, its function and its guard."""
    api.reconciler.reconcile(BODY)
    alerts = FUNCTION.format(LAMBDA.format("alerts"))
    assert api.routes() == {
        "GET /api/v1/meta/info": (FUNCTION.format(LAMBDA.format("get_info")), ""),
        "GET /api/v1/billing/invoices/{id}": (FUNCTION.format(LAMBDA.format("get_invoice")), "Bearer"),
        "GET /api/v1/billing/alerts": (alerts, "Bearer"),
        "PUT /api/v1/billing/alerts": (alerts, "Bearer"),
    }
    (authorizer,) = api.authorizers()
    assert authorizer["AuthorizerResultTtlInSeconds"] == 0
    assert authorizer["EnableSimpleResponses"] is True
    assert len(api.integrations()) == 3


def test_a_second_run_changes_nothing(api: Api) -> None:
    """Given reconciled routes, when the same body comes again, then nothing is done and nothing doubled."""
    assert api.reconciler.reconcile(BODY)
    before = api.client.get_routes(ApiId=api.id)["Items"]
    assert not api.reconciler.reconcile(BODY)
    assert api.client.get_routes(ApiId=api.id)["Items"] == before
    assert len(api.integrations()) == 3


def test_what_changed_is_changed_and_what_is_gone_is_removed(api: Api) -> None:
    """Given another body, when it is reconciled, then routes follow it and no integration is left over."""
    api.reconciler.reconcile(BODY)
    body = copy.deepcopy(BODY)
    del body["paths"]["/api/v1/billing/alerts"]
    body["paths"]["/api/v1/meta/info"]["get"] = operation("get_info_2", "Bearer")
    body["paths"]["/api/v1/new"] = {"x-amazon-apigateway-any-method": operation("new", "NONE")}
    changes = api.reconciler.reconcile(body)
    assert changes.created == ["ANY /api/v1/new"]
    assert changes.updated == ["GET /api/v1/meta/info"]
    assert sorted(changes.removed) == ["GET /api/v1/billing/alerts", "PUT /api/v1/billing/alerts"]
    assert api.routes() == {
        "GET /api/v1/meta/info": (FUNCTION.format(LAMBDA.format("get_info_2")), "Bearer"),
        "GET /api/v1/billing/invoices/{id}": (FUNCTION.format(LAMBDA.format("get_invoice")), "Bearer"),
        "ANY /api/v1/new": (FUNCTION.format(LAMBDA.format("new")), ""),
    }
    assert len(api.integrations()) == 3


def test_a_changed_or_removed_authorizer_follows(api: Api) -> None:
    """Given an authorizer with another function, then without one, when reconciled, then the API follows."""
    api.reconciler.reconcile(BODY)
    body = copy.deepcopy(BODY)
    scheme = body["components"]["securitySchemes"]["Bearer"]["x-amazon-apigateway-authorizer"]
    scheme["authorizerUri"] = FUNCTION.format(LAMBDA.format("authorize_2"))
    assert api.reconciler.reconcile(body).updated == ["Bearer"]
    assert api.authorizers()[0]["AuthorizerUri"] == FUNCTION.format(LAMBDA.format("authorize_2"))
    del body["components"]
    changes = api.reconciler.reconcile(body)
    assert changes.removed == ["Bearer"]
    assert api.authorizers() == []
    assert all(guard == "" for _, guard in api.routes().values())


def stack_with(body: Any) -> Stack:
    template = {
        "Resources": {
            "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Body": body}},
            "GetInfo": {"Type": "AWS::Lambda::Function"},
        }
    }
    return Stack(
        name="billing",
        status="CREATE_COMPLETE",
        outputs={},
        parameters={"ConsoleOrigin": "http://127.0.0.1:8787"},
        resources={"Api": "abc", "GetInfo": "billing-GetInfo-1", "GetInfoAlias": LAMBDA.format("get_info")},
        template=template,
    )


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ({"Ref": "GetInfoAlias"}, LAMBDA.format("get_info")),
        ({"Ref": "AWS::StackName"}, "billing"),
        ({"Ref": "ConsoleOrigin"}, "http://127.0.0.1:8787"),
        ({"Fn::Sub": "x/${AWS::Region}/${GetInfoAlias}/y"}, f"x/eu-west-1/{LAMBDA.format('get_info')}/y"),
        ({"Fn::Sub": ["${Own}/${AWS::Partition}", {"Own": {"Ref": "Api"}}]}, "abc/aws"),
        (
            {"Fn::GetAtt": ["GetInfo", "Arn"]},
            "arn:aws:lambda:eu-west-1:123456789012:function:billing-GetInfo-1",
        ),
        ([{"a": {"Ref": "Api"}}, 1, None], [{"a": "abc"}, 1, None]),
    ],
)
def test_intrinsics_are_resolved_as_cloudformation_does(value: Any, resolved: Any) -> None:
    """Given an intrinsic that SAM writes, when it is resolved, then it is what AWS would put there."""
    assert stack_with({}).resolve(value) == resolved


@pytest.mark.parametrize(
    "value", [{"Ref": "Nobody"}, {"Fn::If": ["A", 1, 2]}, {"Fn::GetAtt": ["Api", "Arn"]}]
)
def test_an_intrinsic_that_is_not_known_is_refused(value: Any) -> None:
    """Given an intrinsic that cannot be resolved here, when it is met, then it is refused, not guessed."""
    with pytest.raises(LocalCloudError, match="cannot resolve"):
        stack_with({}).resolve(value)


def test_the_apis_of_a_stack_come_with_resolved_bodies() -> None:
    """Given a stack with an HTTP API, when its APIs are listed, then id and routes are the deployed ones."""
    uri = {
        "Fn::Sub": "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/${GetInfoAlias}/invocations"
    }
    body = {"paths": {"/x": {"get": {"x-amazon-apigateway-integration": {"uri": uri}}}}}
    ((api_id, resolved),) = apis(stack_with(body))
    assert api_id == "abc"
    route = wanted_routes(resolved)["GET /x"]
    assert route.integration_uri == (
        f"arn:aws:apigateway:eu-west-1:lambda:path/{LAMBDA.format('get_info')}/invocations"
    )
    assert route.authorizer is None
