"""The documents, the template and the code agree."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from billing import __version__
from billing.domain.features import Feature
from billing.entrypoints.event_batch import _METRICS as EVENT_METRICS

PROJECT = Path(__file__).parents[2]
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")])
SOURCES = [path.read_text() for path in sorted((PROJECT / "layers/common/billing").rglob("*.py"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    """Given a document, when it names `make x`, then the Makefile has x."""
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    text = document.read_text()
    named = set(re.findall(r"(?:`|^)make ([a-z][a-z-]+)", text, re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_inside_the_project_leads_somewhere(document: Path) -> None:
    """Given a document, when it links to a file of the project, then the file is there."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_metric_is_documented() -> None:
    """Given every metric that the code counts, when the operator's page is read, then each is there."""
    counted = {name for source in SOURCES for name in re.findall(r'count\(\s*"(\w+)"', source)}
    counted |= set(EVENT_METRICS.values()) | {"ColdStart"}
    counted |= {name for source in SOURCES for name in re.findall(r'return "(Pdf\w+)"', source)}
    documented = set(re.findall(r"`([A-Z]\w+)`", (PROJECT / "docs/operations.md").read_text()))
    assert len(counted) > 15
    assert counted <= documented


def test_every_function_has_a_sample_event() -> None:
    """Given the functions, when the sample events are listed, then each function has its own."""
    functions = {path.parent.name for path in PROJECT.glob("functions/*/app.py")}
    samples = {path.stem for path in PROJECT.glob("events/*.json")}
    assert functions == samples


def test_the_templates_flags_are_the_codes() -> None:
    """Given the template's default flags, when compared with the code's, then they are the same."""
    [flags] = re.findall(
        r"  FeatureFlags:\n    Type: String\n    Default: '(.+)'", (PROJECT / "template.yaml").read_text()
    )
    assert set(json.loads(flags)) == {feature.value for feature in Feature}


def test_the_version_is_one() -> None:
    """Given the package's version, when the contract's is read, then they are the same."""
    [version] = re.findall(r"^  version: \"?([^\"\n]+)", (PROJECT / "openapi.yaml").read_text(), re.MULTILINE)
    assert version == __version__


def test_decisions_are_numbered_without_gaps() -> None:
    """Given the decision records, when their numbers are read, then none is missing or taken twice."""
    numbers = [int(path.name[:4]) for path in sorted(PROJECT.glob("docs/decisions/*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
