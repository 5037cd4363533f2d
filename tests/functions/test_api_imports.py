"""What a cold start of the API loads: each function only what it uses."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.lambdas import PROJECT

API = (
    "authorize",
    "get_features",
    "get_info",
    "list_invoices",
    "get_invoice",
    "get_invoice_pdf",
    "get_invoice_xml",
    "get_credit_note_pdf",
    "get_current_usage",
    "get_usage_history",
    "ingest_usage",
    "get_alerts",
    "put_alerts",
)
DOMAIN = PROJECT / "layers" / "common" / "billing" / "domain"
HEAVY = {
    "boto3",
    "pydantic",
    "stripe",
    "fpdf",
    "drafthorse",
    "jwt",
    "cryptography",
    "psycopg",
    "aws_xray_sdk",
    "jsonschema",
}

_LOAD = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("app", sys.argv[1])
spec.loader.exec_module(module_from_spec(spec))
{then}
print(*sys.modules)
"""
_SETTINGS = {
    "DATABASE_HOST": "127.0.0.1",
    "DATABASE_PORT": "1",
    "DATABASE_NAME": "billing",
    "DATABASE_SECRET_ID": "s",
    "OIDC_ISSUER": "https://issuer.example",
    "OIDC_AUDIENCE": "billing",
    "OIDC_JWKS_URL": "https://issuer.example/jwks",
    "FEATURE_FLAGS": '{"invoices": {"default": true}}',
    "ENVIRONMENT": "test",
    "SELLER": '{"name": "Seller"}',
}


def heavy(function: str, then: str = "", settings: dict[str, str] | None = None) -> set[str]:
    """Return the heavy libraries that a fresh process loads for a function, and for what it does `then`."""
    return HEAVY & loaded(function, then, settings)


def loaded(function: str, then: str = "", settings: dict[str, str] | None = None) -> set[str]:
    """Return all modules of that process."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(PROJECT / "layers" / "common"),
        **(settings or {}),
    }
    done = subprocess.run(  # noqa: S603 - this interpreter and our own text
        [sys.executable, "-c", _LOAD.format(then=then), str(PROJECT / "functions" / function / "app.py")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("function", API)
def test_importing_a_handler_needs_no_setting_and_loads_nothing_heavy(function: str) -> None:
    """Given a fresh process without settings, when a handler is imported, then no heavy library is."""
    assert heavy(function) == set()


@pytest.mark.parametrize(
    ("function", "allowed"),
    [
        ("get_features", set()),
        ("get_info", set()),
        ("list_invoices", {"psycopg", "boto3"}),  # boto3 for the secret of the database
        ("get_invoice", {"psycopg", "boto3"}),
        ("get_invoice_xml", {"psycopg", "boto3"}),
        ("authenticate", {"psycopg", "boto3"}),  # jwt only with the first token
    ],
)
def test_building_a_use_case_loads_only_what_it_stands_on(function: str, allowed: set[str]) -> None:
    """Given a fresh process, when a use case is built, then its own libraries are loaded and no other."""
    folder = "authorize" if function == "authenticate" else function
    build = f"from billing import bootstrap as b; b.{function}(); b.feature_flags().enabled('invoices')"
    assert heavy(folder, build, _SETTINGS) <= allowed


@pytest.mark.parametrize("function", ["current_usage", "usage_history"])
def test_building_a_use_case_of_metering_loads_only_what_it_stands_on(function: str) -> None:
    """Given a fresh process, when a use case of metering is built, then it needs the database alone."""
    build = f"from billing import bootstrap as b, metering as m; m.{function}(); b.feature_flags()"
    assert heavy(f"get_{function}", build, _SETTINGS) <= {"psycopg", "boto3"}


@pytest.mark.parametrize("function", ["get_features", "get_info"])
def test_what_shows_no_invoices_does_not_build_their_classes(function: str) -> None:
    """Given a function about the deployment, when imported, then the classes of invoices are not made."""
    assert not {"billing.domain.invoices", "billing.domain.einvoice", "hashlib"} & loaded(function)


@pytest.mark.parametrize(
    ("function", "spared"),
    [
        ("list_invoices", {"invoices", "payments", "credit_notes", "parties", "documents", "vat"}),
        ("get_invoice", {"einvoicing", "einvoice", "credit_notes", "customers", "charges", "mirror"}),
        ("get_invoice_xml", {"credit_notes", "customers", "charges", "mirror"}),
    ],
)
def test_no_classes_are_built_that_an_answer_need_not_show(function: str, spared: set[str]) -> None:
    """Given a fresh process, when a use case is built, then what it need not show has no classes."""
    assert all((DOMAIN / f"{name}.py").is_file() for name in spared)
    modules = loaded(function, f"from billing import bootstrap as b; b.{function}()", _SETTINGS)
    assert f"billing.use_cases.{function}" in modules
    assert not {f"billing.domain.{name}" for name in spared} & modules
