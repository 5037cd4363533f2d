"""What import-linter cannot see: the functions' folders, which are not one package."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
HANDLERS = sorted(PROJECT.glob("functions/*/app.py"))
ALLOWED = {"billing", "aws_lambda_powertools", *sys.stdlib_module_names}


def _imports(source: str) -> set[str]:
    tree = ast.parse(source)
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def test_every_function_folder_is_a_resource_and_the_other_way_round() -> None:
    """Given the template, when its CodeUris are listed, then they are the folders of functions/."""

    class Loader(yaml.SafeLoader):
        """Reads the template without its intrinsic functions."""

    Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)
    template = yaml.load((PROJECT / "template.yaml").read_text(), Loader)  # noqa: S506 -- a SafeLoader
    resources = template["Resources"].values()
    uris = {r["Properties"]["CodeUri"] for r in resources if r["Type"] == "AWS::Serverless::Function"}
    assert uris == {f"functions/{handler.parent.name}" for handler in HANDLERS}


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda path: path.parent.name)
def test_a_handler_is_thin(handler: Path) -> None:
    """Given a handler, when its lines are counted, then it is under 40."""
    assert len(handler.read_text().splitlines()) < 40


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda path: path.parent.name)
def test_a_handler_knows_no_vendor_and_no_adapter(handler: Path) -> None:
    """Given a handler, when its imports are read, then no vendor and no adapter is there."""
    imports = _imports(handler.read_text())
    assert {name.split(".")[0] for name in imports} <= ALLOWED
    assert not any(name.startswith("billing.adapters") for name in imports), imports


def test_every_test_says_what_it_shows() -> None:
    """Given every test function, when its docstring is read, then there is one sentence at least."""
    silent = [
        f"{path.relative_to(PROJECT)}::{node.name}"
        for path in sorted(PROJECT.glob("tests/**/test_*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []
