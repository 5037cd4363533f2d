"""openapi.yaml is a valid contract, and says the same as the code and the template."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from billing import __version__
from billing.domain.documents import LOCALES
from billing.domain.features import Feature
from billing.domain.invoice_pages import InvoiceQuery
from billing.domain.invoices import InvoiceStatus
from billing.domain.usage_alerts import ThresholdKind
from billing.domain.usage_events import Refusal
from billing.entrypoints import presenters, problems
from billing.entrypoints.routes import GET_INVOICE, LIST_INVOICES, ROUTES
from tests.fakes.objects import an_invoice
from tests.support.contract import check_answer, contract, operations
from tests.support.lambdas import Answer

PROJECT = Path(__file__).parents[2]
# Functions that no client calls.
INTERNAL = {
    "authorize",
    "stripe_webhook",
    "apply_stripe_events",
    "migrate",
    "late_usage",
    "move_usage",
    "report_usage",
    "sweep_stripe_events",
    "backfill_stripe_objects",
    "replay_stripe_event",
}


def test_the_contract_is_valid_openapi_3_1() -> None:
    """Given openapi.yaml, when it is validated, then it is OpenAPI 3.1, examples included."""
    assert contract()["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(contract()).validate()


def test_the_contract_and_the_table_have_the_same_routes() -> None:
    """Given the contract and the table of routes, when they are compared, then they are the same."""
    assert set(operations()) == set(ROUTES)


def test_every_operation_is_a_function_and_the_other_way_round() -> None:
    """Given the functions' folders, when operations are compared, then each has its own."""
    folders = {path.parent.name for path in PROJECT.glob("functions/*/app.py")}
    assert {operation["operationId"] for operation in operations().values()} == folders - INTERNAL


def test_the_template_routes_each_operation_to_its_function() -> None:
    """Given template.yaml, when its API events are read, then each route calls the function of its name."""

    class Loader(yaml.SafeLoader):
        """Reads the template without its intrinsic functions."""

    Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)
    template = yaml.load((PROJECT / "template.yaml").read_text(), Loader)  # noqa: S506 - a SafeLoader
    routed = {
        f"{event['Properties']['Method']} {event['Properties']['Path']}": (
            resource["Properties"]["CodeUri"].rpartition("/")[2],
            event["Properties"].get("Auth", {}).get("Authorizer") != "NONE",
        )
        for resource in template["Resources"].values()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "HttpApi"
    }
    assert routed == {
        key: (operation["operationId"], ROUTES[key].role is not None)
        for key, operation in operations().items()
    }


def test_a_route_for_anyone_is_open_and_every_other_is_not() -> None:
    """Given the table of routes, when the contract's security is read, then it says the same."""
    assert contract()["security"] == [{"bearer": []}]
    for key, operation in operations().items():
        assert (operation.get("security") == []) == (ROUTES[key].role is None), key


@pytest.mark.parametrize("key", sorted(operations()))
def test_the_possible_answers_are_documented(key: str) -> None:
    """Given an operation, when its answers are read, then those of the frame are there."""
    statuses = set(operations()[key]["responses"])
    expected = {"200", "422", "500"}
    if ROUTES[key].role is not None:
        expected |= {"401", "403", "429", "503"}
    if "{id}" in key:
        expected.add("404")
    assert expected <= statuses


def test_the_parameters_are_those_that_are_read() -> None:
    """Given the query of the list, when the contract's parameters are read, then they are the same."""
    parameters = {p["name"]: p["schema"] for p in operations()[LIST_INVOICES.key]["parameters"]}
    assert set(parameters) == {field.name for field in fields(InvoiceQuery)}
    assert parameters["limit"]["default"] == InvoiceQuery().limit


def test_the_enumerations_are_those_of_the_code() -> None:
    """Given the enumerations of the domain, when the contract's are read, then they are the same."""
    schemas = contract()["components"]["schemas"]
    assert schemas["InvoiceStatus"]["enum"] == list(InvoiceStatus)
    assert schemas["Locale"]["enum"] == list(LOCALES)
    assert set(schemas["Features"]["properties"]["features"]["properties"]) == set(Feature)
    codes = {code for _, _, code, _ in problems._TABLE} | {problems.INTERNAL.code}  # noqa: SLF001 - the table
    codes |= set(Refusal)
    assert schemas["Refusal"]["enum"] == list(Refusal)
    assert schemas["ThresholdKind"]["enum"] == list(ThresholdKind)
    assert set(schemas["Problem"]["properties"]["code"]["enum"]) == codes


def test_the_version_is_the_packages() -> None:
    """Given the package's version, when the contract's is read, then it is the same."""
    assert contract()["info"]["version"] == __version__


def _answer(body: dict[str, Any]) -> Answer:
    return Answer(200, {"content-type": "application/json"}, json.dumps(body).encode())


def test_an_invoice_is_as_the_contract_has_it() -> None:
    """Given an invoice with everything, when it is presented, then the contract has all of it."""
    check_answer(GET_INVOICE, _answer(presenters.invoice(an_invoice(), ())))


@pytest.mark.parametrize(
    "change",
    [
        {"surprise": 1},
        {"total": {"amount": 1.5, "currency": "eur"}},
        {"total": {"amount": 1, "currency": "EUR"}},
        {"total": {"amount": 1, "currency": "eur", "cents": 1}},
        {"created": "2025-01-31T00:00:00+00:00"},
        {"created": "yesterday"},
        {"status": "late"},
        {"lines": [{}]},
        {"customer": None},
    ],
    ids=str,
)
def test_what_the_contract_does_not_have_is_noticed(change: dict[str, Any]) -> None:
    """Given an answer that departs from the contract, when it is checked, then the check fails."""
    with pytest.raises(AssertionError):
        check_answer(GET_INVOICE, _answer(presenters.invoice(an_invoice(), ()) | change))


def test_an_undocumented_status_or_media_type_is_noticed() -> None:
    """Given an answer of another status or type, when it is checked, then the check fails."""
    with pytest.raises(AssertionError, match="418"):
        check_answer(GET_INVOICE, Answer(418, {}, b""))
    with pytest.raises(AssertionError, match="text/html"):
        check_answer(GET_INVOICE, Answer(200, {"content-type": "text/html"}, b""))
