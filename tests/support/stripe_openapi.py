"""Holds both sides of a Stripe conversation to Stripe's OpenAPI: what is asked, and what is answered.

The specification is the slice in the folder of STRIPE_DATA. Some endpoints that the stand-in has are
not in the slice (coupons, tax rates, charges and the like): their answers validate against the slice's
schemas of these objects, and the names of their parameters against stripe-python's own types.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from jsonschema import Draft202012Validator

from tests.support.stripe_openapi_more import extensions, more_calls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.stripe_standin.server import Exchange

type Schema = dict[str, Any]

_FORM = "application/x-www-form-urlencoded"
_OK = 200
_UNREADABLE = object()


@dataclass(frozen=True, slots=True)
class Violation:
    """One breach of the specification; `side` is request or answer."""

    side: str
    endpoint: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Operation:
    template: str
    query: Schema
    body: Schema
    answer: Schema


class Spec:
    """Stripe's OpenAPI document, made strict: a field that it does not name is a violation."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._schemas = {name: _strict(schema) for name, schema in document["components"]["schemas"].items()}
        self._operations: dict[tuple[str, str], _Operation] = {}
        for template, methods in document["paths"].items():
            for method, operation in methods.items():
                self._operations[method.upper(), template] = self._operation(template, operation)
        self._add_extensions()
        self._validators: dict[str, Draft202012Validator] = {}

    @classmethod
    def load(cls, folder: Path) -> Spec:
        """Return the specification of the folder that STRIPE_DATA names."""
        return cls(json.loads((folder / "spec3.slim.json").read_bytes()))

    def answer_violations(self, schema_name: str, answer: Any) -> list[str]:
        """Return what of an object breaks the named schema."""
        return self._errors({"$ref": f"#/components/schemas/{schema_name}"}, answer)

    def parameters(self, method: str, path: str) -> set[str]:
        """Return the names of everything that the endpoint takes; none if there is no such endpoint."""
        operation = self._find(method, path)
        return set() if operation is None else {*operation.query["properties"], *operation.body["properties"]}

    def violations(self, exchange: Exchange) -> list[Violation]:
        """Return everything in which a request or its answer breaks the specification."""
        operation = self._find(exchange.method, exchange.path)
        endpoint = f"{exchange.method} {exchange.path}"
        if operation is None:
            return [Violation("request", endpoint, "not in Stripe's OpenAPI")]
        found = []
        if exchange.status == _OK:
            query, form = _decode(exchange.query), _body(exchange)
            found += [
                Violation("request", endpoint, error)
                for given, schema in ((query, operation.query), (form, operation.body))
                for error in self._errors(schema, self._typed(given, schema))
            ]
        refusal = "v2.error" if exchange.path.startswith("/v2/") else "error"
        schema = operation.answer if exchange.status == _OK else {"$ref": f"#/components/schemas/{refusal}"}
        found += [Violation("answer", endpoint, error) for error in self._errors(schema, exchange.answer)]
        if exchange.answer.get("object") == "event":
            found += self._event_violations(endpoint, exchange.answer)
        return found

    def event_violations(self, event: dict[str, Any]) -> list[Violation]:
        """Return everything in which a delivered event or its object breaks the specification."""
        if event.get("object") == "v2.core.event":
            found = self.answer_violations("v2.core.event", event)
            return [Violation("answer", "webhook", error) for error in found]
        return [
            *(Violation("answer", "webhook", error) for error in self.answer_violations("event", event)),
            *self._event_violations("webhook", event),
        ]

    def _event_violations(self, endpoint: str, event: dict[str, Any]) -> Iterator[Violation]:
        obj = event["data"]["object"]
        for error in self.answer_violations(obj["object"], obj):
            yield Violation("answer", endpoint, f"{event['type']}: {error}")

    def _find(self, method: str, path: str) -> _Operation | None:
        matches = [
            operation
            for (verb, template), operation in self._operations.items()
            if verb == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
        ]
        return min(matches, key=lambda operation: operation.template.count("{"), default=None)

    def _operation(self, template: str, operation: dict[str, Any]) -> _Operation:
        named = [item for item in operation.get("parameters", []) if item["in"] == "query"]
        query = {
            "type": "object",
            "properties": {item["name"]: _strict(item["schema"]) for item in named},
            "required": [item["name"] for item in named if item.get("required")],
            "additionalProperties": False,
        }
        bodies = operation.get("requestBody", {}).get("content", {})
        body = bodies.get(_FORM, bodies.get("application/json", {})).get("schema", _NOTHING)
        answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
        return _Operation(template, query, _strict(body), _strict(answer))

    def _add_extensions(self) -> None:
        for template, (schema, create, listed) in extensions().items():
            answer = {"$ref": f"#/components/schemas/{schema}"}
            page = {
                "type": "object",
                "properties": {
                    "object": {"enum": ["list"]},
                    "data": {"type": "array", "items": answer},
                    "has_more": {"type": "boolean"},
                    "url": {"type": "string"},
                },
                "required": ["object", "data", "has_more", "url"],
                "additionalProperties": False,
            }
            nothing = _strict(_NOTHING)
            one = f"{template}/{{id}}"
            if create is not None:
                self._operations["POST", template] = _Operation(template, nothing, _named(create), answer)
            self._operations["GET", template] = _Operation(template, _named(listed), nothing, page)
            self._operations["GET", one] = _Operation(one, _EXPAND, nothing, answer)
        for (method, template), (schema, params) in more_calls().items():
            body = _strict(_NOTHING) if params is None else _named(params)
            answer = _gone(schema) if method == "DELETE" else {"$ref": f"#/components/schemas/{schema}"}
            self._operations[method, template] = _Operation(template, _strict(_NOTHING), body, answer)

    def _errors(self, schema: Schema, value: Any) -> list[str]:
        key = json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            self._validators[key] = Draft202012Validator(
                {**schema, "components": {"schemas": self._schemas}},
            )
        return [
            f"{'.'.join(str(part) for part in error.absolute_path) or 'it'}: {_told(error)}"
            for error in self._validators[key].iter_errors(value)
        ]

    def _typed(self, value: Any, schema: Schema) -> Any:
        """Return form text as the types that the schema asks for; what cannot be is left as text."""
        if "$ref" in schema:
            return self._typed(value, self._schemas[schema["$ref"].rpartition("/")[2]])
        if "anyOf" in schema:
            options = [(self._typed(value, option), option) for option in schema["anyOf"]]
            fitting = [typed for typed, option in options if not self._errors(option, typed)]
            return fitting[0] if fitting else options[0][0]
        if isinstance(value, str):
            return _scalar(value, schema.get("type"))
        if isinstance(value, list):
            return [self._typed(item, schema.get("items", {})) for item in value]
        known = schema.get("properties", {})
        other = schema.get("additionalProperties")
        fallback = other if isinstance(other, dict) else {}
        return {key: self._typed(item, known.get(key, fallback)) for key, item in value.items()}


@dataclass(slots=True)
class Recorder:
    """An observer of the stand-in: collects the violations of every exchange that it is shown."""

    spec: Spec
    violations: list[Violation] = field(default_factory=list)
    seen: set[tuple[str, str, int]] = field(default_factory=set)

    def __call__(self, exchange: Exchange) -> None:
        """Check one exchange."""
        path = re.sub(r"/[a-z]+_[0-9a-zA-Z]{10,}", "/{id}", exchange.path)
        self.seen.add((exchange.method, path, exchange.status))
        self.violations += self.spec.violations(exchange)


_EXPAND: Schema = {
    "type": "object",
    "properties": {"expand": {"type": "array", "items": {"type": "string"}}},
    "additionalProperties": False,
}
_NOTHING: Schema = {"type": "object", "properties": {}, "additionalProperties": False}


def _strict(schema: Any) -> Any:
    """Return OpenAPI 3.0 as JSON Schema 2020-12: `nullable` spelt out, unnamed fields refused."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {
        key: {name: _strict(item) for name, item in value.items()} if key == "properties" else _strict(value)
        for key, value in schema.items()
        if key not in {"nullable", "description"} and not key.startswith("x-")
    }
    if strict.get("properties") and "additionalProperties" not in strict:
        strict["additionalProperties"] = False
    return {"anyOf": [strict, {"type": "null"}]} if schema.get("nullable") is True else strict


def _gone(name: str) -> Schema:
    """Return the schema of a deleted object, as those in the slice are."""
    members = {"id": {"type": "string"}, "object": {"enum": [name]}, "deleted": {"enum": [True]}}
    return {
        "type": "object",
        "properties": members,
        "required": sorted(members),
        "additionalProperties": False,
    }


def _named(params: Any) -> Schema:
    return {
        "type": "object",
        "properties": {name: {} for name in params.__annotations__},
        "additionalProperties": False,
    }


def _told(error: Any) -> str:
    """Return the error of the alternative that came closest, where there are alternatives."""
    if error.validator == "anyOf" and error.context:
        closest = max(error.context, key=lambda inner: len(inner.absolute_path))
        return f"{_told(closest)} (at {'.'.join(str(part) for part in closest.absolute_path)})"
    return str(error.message)[:300]


def _scalar(value: str, kind: str | None) -> Any:
    if kind == "integer" and re.fullmatch(r"-?\d+", value):
        return int(value)
    if kind == "number" and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return float(value)
    if kind == "boolean" and value in {"true", "false"}:
        return value == "true"
    return value


def _body(exchange: Exchange) -> Any:
    is_json = exchange.path.startswith("/v2/") and exchange.form
    return json.loads(exchange.form) if is_json else _decode(exchange.form)


def _decode(text: str) -> dict[str, Any]:
    """Return nested form parameters; written apart from the stand-in's, which it checks."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        head, *rest = name.replace("]", "").split("[")
        node, key = tree, head
        for part in rest:
            node = node.setdefault(key, {})
            key = part or str(len(node))
        node[key] = value
    return {key: _as_list(item) for key, item in tree.items()}


def _as_list(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    plain = {key: _as_list(item) for key, item in node.items()}
    if plain and all(key.isdecimal() for key in plain):
        return [plain[key] for key in sorted(plain, key=int)]
    return plain
