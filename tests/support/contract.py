"""Answers held to openapi.yaml, which is closed for tests: what is not written there may not be answered."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from openapi_schema_validator import OAS31Validator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from billing.entrypoints.routes import Route
    from tests.support.lambdas import Answer

PROJECT = Path(__file__).parents[2]


@cache
def contract() -> dict[str, Any]:
    """Return openapi.yaml."""
    found: dict[str, Any] = yaml.safe_load((PROJECT / "openapi.yaml").read_text())
    return found


def operations() -> dict[str, dict[str, Any]]:
    """Return every operation by its route key."""
    return {
        f"{method.upper()} {path}": operation
        for path, item in contract()["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def check_answer(route: Route, answer: Answer) -> None:
    """Assert that the contract has this answer for this route: status, headers, media type, body."""
    responses = operations()[route.key]["responses"]
    assert str(answer.status) in responses, f"{route.key} answers an undocumented {answer.status}"
    response = _resolved(responses[str(answer.status)])
    for name, described in response.get("headers", {}).items():
        header, value = _resolved(described), answer.headers.get(name.lower())
        assert value is not None or not header.get("required"), f"{route.key} {answer.status} lacks {name}"
        if value is not None:
            _validate(header["schema"], value)
    if "content" not in response:
        assert answer.body == b""
        return
    media_type = answer.headers["content-type"]
    assert media_type in response["content"], f"{route.key} answers an undocumented {media_type}"
    if media_type.endswith("json"):
        _validate(response["content"][media_type]["schema"], answer.json)


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = part
    while "$ref" in found:
        steps = found["$ref"].removeprefix("#/").split("/")
        found = contract()
        for step in steps:
            found = found[step]
    return found


def _validate(schema: dict[str, Any], value: object) -> None:
    checked = {**schema, "components": {"schemas": _closed_schemas()}}
    errors = sorted(
        OAS31Validator(checked, format_checker=OAS31Validator.FORMAT_CHECKER).iter_errors(value), key=str
    )
    assert errors == [], "; ".join(f"{error.json_path}: {error.message}" for error in errors)


@cache
def _closed_schemas() -> dict[str, Any]:
    """Return the schemas with unevaluatedProperties: false, except on those that are parts of others."""
    schemas: dict[str, Any] = deepcopy(contract()["components"]["schemas"])
    parts = [part for schema in _walk(schemas) for part in schema.get("allOf", [])]
    open_names = {part["$ref"].rpartition("/")[2] for part in parts if "$ref" in part}
    for schema in list(_walk(schemas)):
        named = any(schema is schemas[name] for name in open_names)
        inline = any(schema is part for part in parts)
        if ("allOf" in schema or schema.get("type") == "object") and not named and not inline:
            schema["unevaluatedProperties"] = False
    return schemas


def _walk(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from _walk(child)
    elif isinstance(node, list):
        for child in node:
            yield from _walk(child)
