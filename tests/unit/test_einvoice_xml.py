"""E-invoices as XML, held to EN 16931's own schema and schematron."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

import pytest

from billing.adapters.einvoice.xml import einvoice_xml
from billing.domain.einvoice import DISCOUNT, EInvoice
from billing.domain.einvoicing import einvoice
from tests.support.einvoices import document, kind
from tests.support.lambdas import PROJECT
from tests.support.schematron import Schematron

SEEDS = range(240)
BATCH = 24


@pytest.fixture(scope="module")
def schematron() -> Schematron:
    """Return the rules, compiled once."""
    return Schematron()


def _einvoice(seed: int) -> EInvoice:
    made = einvoice(document(seed))
    assert isinstance(made, EInvoice), (seed, made)
    return made


@pytest.mark.parametrize("first", SEEDS[::BATCH])
def test_every_invoice_meets_every_rule(first: int, schematron: Schematron) -> None:
    """Given invoices of every kind, when they are e-invoices, then no rule of EN 16931 speaks against one."""
    for seed in range(first, first + BATCH):
        made = _einvoice(seed)
        assert schematron.failures(einvoice_xml(made)) == [], (seed, kind(seed), made.totals, made.breakdown)


def test_the_invoices_are_of_every_kind() -> None:
    """Given the invoices that are tried, when their features are counted, then each is there often."""
    found: Counter[str] = Counter()
    for made in map(_einvoice, SEEDS):
        features = {category.value for category, _ in (group.vat for group in made.breakdown)}
        features |= {made.currency, "rounding" if made.totals.rounding else "even"}
        features |= {"prepaid" for _ in (1,) if 0 < made.totals.paid < made.totals.gross}
        features |= {"paid" for _ in (1,) if made.totals.gross > 0 == made.totals.due}
        features |= {"several rates" for _ in (1,) if len(made.breakdown) > 2}
        features |= {"300 lines" for _ in (1,) if len(made.lines) == 300}
        for line in made.lines:
            features |= {"negative line"} if line.net < 0 else set()
            features |= {"discount"} if line.allowance else set()
            features |= {"named discount"} if line.allowance and line.allowance_reason != DISCOUNT else set()
            features |= {"price per quantity"} if line.price_quantity != 1 else set()
        found.update(features)
    assert found["300 lines"] == 2
    # Stripe's tax is within the tolerance but for currencies without decimals: few need a rounding amount.
    seldom = {"300 lines", "rounding"}
    rare = {feature: times for feature, times in found.items() if times < 10 and feature not in seldom}
    assert rare == {}
    expected = {"S", "Z", "E", "AE", "O", "EUR", "JPY", "KWD", "rounding", "prepaid", "paid", "several rates"}
    assert expected | {"negative line", "discount", "named discount", "price per quantity"} <= set(found)


@pytest.mark.parametrize(
    ("element", "rule"),
    [
        ("DuePayableAmount", "BR-CO-16"),
        ("GrandTotalAmount", "BR-CO-15"),
        ("TaxTotalAmount", "BR-CO-14"),
        ("TaxBasisTotalAmount", "BR-CO-13"),
        ("LineTotalAmount", "BR-CO-10"),
        ("BasisAmount", "BR-S-08"),
    ],
)
def test_a_tampered_sum_is_caught(element: str, rule: str, schematron: Schematron) -> None:
    """Given an XML in which one sum is a cent off, when it is checked, then the rule of that sum fails."""
    xml = einvoice_xml(_einvoice(0))
    # The last of each name is the document's own.
    head, value, tail = re.split(rf"(?s)^(.*<ram:{element}[^>]*>)([-0-9.]+)", xml.decode())[1:]
    tampered = f"{head}{float(value) + 0.01:.2f}{tail}"
    assert schematron.failures(xml) == []
    assert rule in " ".join(schematron.failures(tampered.encode()))


@pytest.mark.parametrize(
    ("cut", "rule"),
    [
        (r"<ram:SpecifiedTaxRegistration>.*?</ram:SpecifiedTaxRegistration>", "BR-S-02"),
        (r"<ram:CountryID>DE</ram:CountryID>", "BR-09"),
        (r"<ram:RateApplicablePercent>.*?</ram:RateApplicablePercent>", "BR-S-05"),
    ],
)
def test_what_is_left_out_is_caught(cut: str, rule: str, schematron: Schematron) -> None:
    """Given an XML without what the rules want, when it is checked, then the rule that wants it fails."""
    xml = re.sub(cut, "", einvoice_xml(_einvoice(0)).decode(), flags=re.DOTALL)
    assert rule in " ".join(schematron.failures(xml.encode()))


@pytest.mark.parametrize("seed", [0, 1, 10])
def test_the_same_invoice_is_the_same_bytes(seed: int) -> None:
    """Given one invoice, when its XML is made twice, then both are the same, byte for byte."""
    assert einvoice_xml(_einvoice(seed)) == einvoice_xml(_einvoice(seed))


def test_neither_lxml_nor_pypdf_is_needed() -> None:
    """Given a layer without lxml and pypdf, when an XML is made, then nothing is missing."""
    script = """
import sys
sys.modules["lxml"] = sys.modules["pypdf"] = None
from tests.support.einvoices import document
from billing.adapters.einvoice.xml import einvoice_xml
from billing.domain.einvoicing import einvoice
assert "drafthorse" not in sys.modules
print(einvoice_xml(einvoice(document(0)))[:5].decode())
"""
    done = subprocess.run(  # noqa: S603 - this interpreter and our own text
        [sys.executable, "-c", script],
        env={"PYTHONPATH": f"{PROJECT}:{PROJECT / 'layers' / 'common'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "<?xml\n"
