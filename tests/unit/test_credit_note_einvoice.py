"""Credit notes as e-invoices, held to EN 16931's own schema and schematron."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import facturx
import pytest

from billing.adapters.einvoice.xml import einvoice_xml
from billing.adapters.pdf.renderer import FpdfInvoiceRenderer
from billing.domain.credit_note_documents import credit_note_document
from billing.domain.credit_notes import CreditNoteStatus
from billing.domain.einvoice import EInvoice
from billing.domain.einvoice_gaps import missing
from billing.domain.einvoicing import einvoice
from tests.support.credit_notes import credit_note_of, stripe_credit_note
from tests.support.einvoices import SELLER, kind
from tests.support.schematron import Schematron

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = range(72)
BATCH = 24


@pytest.fixture(scope="module")
def schematron() -> Schematron:
    """Return the rules, compiled once."""
    return Schematron()


def _einvoice(seed: int) -> EInvoice:
    made = einvoice(credit_note_of(seed))
    assert isinstance(made, EInvoice), (seed, made)
    return made


@pytest.mark.parametrize("first", SEEDS[::BATCH])
def test_every_credit_note_meets_every_rule(first: int, schematron: Schematron) -> None:
    """Given credit notes of every kind, when they are e-invoices, then no rule speaks against one."""
    for seed in range(first, first + BATCH):
        made = _einvoice(seed)
        assert schematron.failures(einvoice_xml(made)) == [], (seed, kind(seed), made.totals, made.breakdown)


def test_the_credit_notes_are_of_every_kind() -> None:
    """Given the credit notes that are tried, when their features are counted, then each is there often."""
    found: Counter[str] = Counter()
    for made in map(_einvoice, SEEDS):
        found.update({category.value for category, _ in (group.vat for group in made.breakdown)})
        found["given back"] += made.totals.paid == made.totals.gross + made.totals.rounding
        found["off the invoice"] += made.totals.due == made.totals.gross + made.totals.rounding
        found["mixed"] += 0 < made.totals.paid < made.totals.gross
        found["several lines"] += len(made.lines) > 1
        found["discount"] += any(line.allowance for line in made.lines)
    assert {feature for feature, times in found.items() if times >= 5} >= {
        *("S", "Z", "E", "AE", "O"),
        *("given back", "off the invoice", "mixed", "several lines", "discount"),
    }


def test_it_is_a_credit_note_of_an_invoice(schematron: Schematron) -> None:
    """Given a credit note, when its XML is read, then it is a 381 that names its invoice and that's date."""
    note, invoice = stripe_credit_note(1)
    xml = einvoice_xml(_einvoice(1)).decode()
    assert "<ram:TypeCode>381</ram:TypeCode>" in xml
    issued = invoice.finalized_at
    assert issued is not None
    reference = re.search(
        r"<ram:InvoiceReferencedDocument><ram:IssuerAssignedID>(.*?)</ram:IssuerAssignedID>"
        r"<ram:FormattedIssueDateTime><qdt:DateTimeString format=\"102\">(\d{8})</",
        xml,
    )
    assert reference is not None
    assert reference.groups() == (invoice.number, f"{issued:%Y%m%d}")
    assert f"<ram:ID>{note.number}</ram:ID>" in xml
    assert schematron.failures(xml.encode()) == []


@pytest.mark.parametrize(
    ("element", "rule"),
    [("DuePayableAmount", "BR-CO-16"), ("GrandTotalAmount", "BR-CO-15"), ("LineTotalAmount", "BR-CO-10")],
)
def test_a_tampered_total_is_caught(element: str, rule: str, schematron: Schematron) -> None:
    """Given a credit note's XML in which one total is a cent off, when checked, then its rule fails."""
    xml = einvoice_xml(_einvoice(0))
    head, value, tail = re.split(rf"(?s)^(.*<ram:{element}[^>]*>)([-0-9.]+)", xml.decode())[1:]
    tampered = f"{head}{float(value) + 0.01:.2f}{tail}"
    assert rule in " ".join(schematron.failures(tampered.encode()))


def test_its_pdf_has_the_xml_in_it(fonts: Path) -> None:
    """Given a credit note with all that an e-invoice needs, when drawn, then the XML comes out of the PDF."""
    renderer = FpdfInvoiceRenderer(fonts, einvoice_writer=einvoice_xml)
    _, found = facturx.get_xml_from_pdf(renderer(credit_note_of(1)), check_xsd=True)
    assert found == einvoice_xml(_einvoice(1))


def test_without_the_number_of_its_invoice_there_is_none() -> None:
    """Given a credit note whose invoice is not mirrored or has no number, when made, then that lacks."""
    note, invoice = stripe_credit_note(0)
    for source in (None, replace(invoice, number=None)):
        lacks = missing(credit_note_document(note, source, None, SELLER, "en"))
        assert "invoice" in lacks


def test_a_void_one_has_none() -> None:
    """Given a void credit note, when an e-invoice is made of it, then its status stands against it."""
    note, invoice = stripe_credit_note(0)
    void = replace(note, status=CreditNoteStatus.VOID)
    assert missing(credit_note_document(void, invoice, None, SELLER, "en")) == ("status",)
