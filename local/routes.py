"""The routes of an HTTP API, made as its OpenAPI body says: ministack does not import that body itself.

The template stays as AWS wants it; this closes the one gap of the local AWS after each deploy, and does
nothing where routes, integrations and authorizers are right already.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from types_boto3_apigatewayv2 import ApiGatewayV2Client
    from types_boto3_apigatewayv2.literals import AuthorizationTypeType

    from local.stack import Stack

_ANY = "x-amazon-apigateway-any-method"
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", _ANY})
_INTEGRATION = "x-amazon-apigateway-integration"
_AUTHORIZER = "x-amazon-apigateway-authorizer"


@dataclass(frozen=True, slots=True)
class Authorizer:
    """A Lambda authorizer as the body declares it."""

    uri: str
    ttl_seconds: int
    payload_version: str
    simple_responses: bool
    identity_sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """One route: where it goes and who guards it (None: nobody)."""

    integration_uri: str
    authorizer: str | None


@dataclass(slots=True)
class Changes:
    """What a reconciliation did, by route key or authorizer name."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.created or self.updated or self.removed)


def wanted_routes(body: Mapping[str, Any]) -> dict[str, Route]:
    """Return the routes of a resolved OpenAPI body by route key, such as ``GET /api/v1/meta/info``."""
    declared = set(_schemes(body))
    default = body.get("security", [])
    routes = {}
    for path, methods in body.get("paths", {}).items():
        for method, operation in methods.items():
            if method not in _METHODS:
                continue
            verb = "ANY" if method == _ANY else method.upper()
            named = [
                name for entry in operation.get("security", default) for name in entry if name in declared
            ]
            key = "$default" if path == "/$default" else f"{verb} {path}"
            routes[key] = Route(operation[_INTEGRATION]["uri"], named[0] if named else None)
    return routes


def wanted_authorizers(body: Mapping[str, Any]) -> dict[str, Authorizer]:
    """Return the Lambda authorizers of a resolved OpenAPI body by name."""
    return {
        name: Authorizer(
            uri=scheme["authorizerUri"],
            ttl_seconds=int(scheme.get("authorizerResultTtlInSeconds", 300)),
            payload_version=str(scheme.get("authorizerPayloadFormatVersion", "2.0")),
            simple_responses=bool(scheme.get("enableSimpleResponses", False)),
            identity_sources=tuple(scheme.get("identitySource", ())),
        )
        for name, scheme in _schemes(body).items()
    }


def _schemes(body: Mapping[str, Any]) -> dict[str, Any]:
    schemes = body.get("components", {}).get("securitySchemes", {})
    return {name: scheme[_AUTHORIZER] for name, scheme in schemes.items() if _AUTHORIZER in scheme}


def apis(stack: Stack) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the id and the resolved OpenAPI body of each HTTP API of a stack."""
    for logical, resource in stack.template.get("Resources", {}).items():
        if resource.get("Type") == "AWS::ApiGatewayV2::Api" and "Body" in resource.get("Properties", {}):
            yield stack.resources[logical], stack.resolve(resource["Properties"]["Body"])


class RouteReconciler:
    """Brings one HTTP API to what its body says."""

    def __init__(self, client: ApiGatewayV2Client, api_id: str) -> None:
        self._client = client
        self._api_id = api_id

    def reconcile(self, body: Mapping[str, Any]) -> Changes:
        """Create what is missing, change what differs, remove what is gone; return what was done."""
        changes = Changes()
        authorizers = self._authorizers(wanted_authorizers(body), changes)
        routes = wanted_routes(body)
        integrations = self._integrations({route.integration_uri for route in routes.values()})
        self._routes(routes, integrations, authorizers, changes)
        self._remove_unused(set(integrations.values()), set(authorizers.values()), changes)
        return changes

    def _authorizers(self, wanted: Mapping[str, Authorizer], changes: Changes) -> dict[str, str]:
        pages = self._client.get_paginator("get_authorizers").paginate(ApiId=self._api_id)
        present = {item["Name"]: item for page in pages for item in page["Items"]}
        ids = {}
        for name, authorizer in wanted.items():
            there = present.get(name)
            properties: dict[str, Any] = {
                "AuthorizerType": "REQUEST",
                "AuthorizerUri": authorizer.uri,
                "AuthorizerResultTtlInSeconds": authorizer.ttl_seconds,
                "AuthorizerPayloadFormatVersion": authorizer.payload_version,
                "EnableSimpleResponses": authorizer.simple_responses,
                "IdentitySource": list(authorizer.identity_sources),
            }
            if there is None:
                ids[name] = self._client.create_authorizer(ApiId=self._api_id, Name=name, **properties)[
                    "AuthorizerId"
                ]
                changes.created.append(name)
                continue
            ids[name] = there["AuthorizerId"]
            if any(there.get(key) != value for key, value in properties.items()):
                self._client.update_authorizer(ApiId=self._api_id, AuthorizerId=ids[name], **properties)
                changes.updated.append(name)
        return ids

    def _integrations(self, uris: set[str]) -> dict[str, str]:
        pages = self._client.get_paginator("get_integrations").paginate(ApiId=self._api_id)
        present = {item["IntegrationUri"]: item["IntegrationId"] for page in pages for item in page["Items"]}
        return {uri: present.get(uri) or self._create_integration(uri) for uri in sorted(uris)}

    def _create_integration(self, uri: str) -> str:
        return self._client.create_integration(
            ApiId=self._api_id,
            IntegrationType="AWS_PROXY",
            IntegrationMethod="POST",
            IntegrationUri=uri,
            PayloadFormatVersion="2.0",
        )["IntegrationId"]

    def _routes(
        self,
        wanted: Mapping[str, Route],
        integrations: Mapping[str, str],
        authorizers: Mapping[str, str],
        changes: Changes,
    ) -> None:
        pages = self._client.get_paginator("get_routes").paginate(ApiId=self._api_id)
        present = {item["RouteKey"]: item for page in pages for item in page["Items"]}
        for key, route in wanted.items():
            target = f"integrations/{integrations[route.integration_uri]}"
            guard = "" if route.authorizer is None else authorizers[route.authorizer]
            kind: AuthorizationTypeType = "CUSTOM" if guard else "NONE"
            there = present.get(key)
            arguments: dict[str, Any] = {"Target": target, "AuthorizationType": kind, "AuthorizerId": guard}
            if there is None:
                self._client.create_route(ApiId=self._api_id, RouteKey=key, **arguments)
                changes.created.append(key)
            elif (there.get("Target"), there.get("AuthorizationType"), there.get("AuthorizerId") or "") != (
                target,
                kind,
                guard,
            ):
                self._client.update_route(ApiId=self._api_id, RouteId=there["RouteId"], **arguments)
                changes.updated.append(key)
        for key, item in present.items():
            if key not in wanted:
                self._client.delete_route(ApiId=self._api_id, RouteId=item["RouteId"])
                changes.removed.append(key)

    def _remove_unused(self, integrations: set[str], authorizers: set[str], changes: Changes) -> None:
        for page in self._client.get_paginator("get_integrations").paginate(ApiId=self._api_id):
            for item in page["Items"]:
                if item["IntegrationId"] not in integrations:
                    self._client.delete_integration(ApiId=self._api_id, IntegrationId=item["IntegrationId"])
        for found in self._client.get_paginator("get_authorizers").paginate(ApiId=self._api_id):
            for guard in found["Items"]:
                if guard["AuthorizerId"] not in authorizers:
                    self._client.delete_authorizer(ApiId=self._api_id, AuthorizerId=guard["AuthorizerId"])
                    changes.removed.append(guard["Name"])
