"""What the layers' code imports is what the layers carry.

The local AWS cannot show a library that is missing there: its workers also see the server's own.
"""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).parents[2]
SOURCES = sorted((PROJECT / "layers/common/billing").rglob("*.py")) + sorted(
    (PROJECT / "functions").rglob("*.py")
)
# Only the functions that have the PDF layer load these.
PDF_ONLY = tuple(PROJECT / "layers/common/billing/adapters" / name for name in ("pdf", "einvoice"))


@cache
def providers() -> Mapping[str, list[str]]:
    """Return which distributions have a top-level module; asking takes a third of a second."""
    return packages_distributions()


class _Imports(ast.NodeVisitor):
    """Collects the top-level names of the modules that are imported when the code runs."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)
            return
        for statement in node.orelse:
            self.visit(statement)

    def visit_Import(self, node: ast.Import) -> None:
        self.found |= {alias.name.partition(".")[0] for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level == 0 and node.module is not None:
            self.found.add(node.module.partition(".")[0])


def third_party(source: str) -> set[str]:
    """Return the top-level names of other people's modules that this source imports when it runs."""
    imports = _Imports()
    imports.visit(ast.parse(source))
    return imports.found - sys.stdlib_module_names - {"billing"}


def pinned(layer: str) -> set[str]:
    """Return the distributions that a layer carries, in their normal form."""
    text = (PROJECT / "layers" / layer / "requirements.txt").read_text()
    return {_normal(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_only_imports_that_run_count() -> None:
    """Given a source, when its imports are collected, then those for types and our own are left out."""
    source = """
import os.path, stripe.error
from typing import TYPE_CHECKING
from billing.domain import money
from . import sibling
if TYPE_CHECKING:
    import types_boto3_s3
else:
    import psycopg
def later():
    from botocore.exceptions import ClientError
"""
    assert third_party(source) == {"stripe", "psycopg", "botocore"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_library_that_is_imported_is_pinned_in_a_layer(path: Path) -> None:
    """Given a source of the layers, when it imports a library, then a layer that it has pins that."""
    carried = pinned("common")
    if any(path.is_relative_to(folder) for folder in PDF_ONLY):
        carried |= pinned("pdf")
    missing = {
        name
        for name in third_party(path.read_text())
        if not carried & {_normal(distribution) for distribution in providers().get(name, [])}
    }
    assert not missing


def test_what_the_pdf_layer_throws_away_is_not_imported() -> None:
    """Given what its Makefile deletes after installing, when imports are collected, then none is of that."""
    lists = re.findall(r'"\$\(TARGET\)"/\{([^}]+)\}', (PROJECT / "layers/pdf/Makefile").read_text())
    deleted = {name for names in lists for name in names.split(",")}
    assert {"PIL", "lxml"} <= deleted
    found = {name for path in SOURCES for name in third_party(path.read_text())}
    assert not found & deleted


def test_there_is_something_to_check() -> None:
    """Given all sources, when their imports are collected, then the libraries that we know of are there."""
    found = {name for path in SOURCES for name in third_party(path.read_text())}
    assert {"aws_lambda_powertools", "boto3", "botocore", "psycopg", "stripe", "fpdf", "jwt"} <= found
