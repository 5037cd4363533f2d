"""PDFs with an e-invoice in them: PDF/A-3B, as Factur-X and ZUGFeRD want them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any

import facturx
import pytest
from pypdf import PdfReader

from billing.adapters.einvoice.xml import einvoice_xml
from billing.adapters.pdf.renderer import FpdfInvoiceRenderer
from billing.domain.documents import LOCALES, invoice_document
from billing.domain.einvoice import EInvoice
from billing.domain.einvoicing import einvoice
from billing.domain.invoices import InvoiceStatus
from tests.support.einvoices import SELLER, document, stripe_invoice
from tests.support.lambdas import PROJECT
from tests.support.pdf import assert_in_place, pages, squeezed
from tests.support.pdfa import violations, xmp_of

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = range(0, 240, 12)
FX = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"
DC = "{http://purl.org/dc/elements/1.1/}"


@pytest.fixture(scope="session")
def renderer(fonts: Path) -> FpdfInvoiceRenderer:
    return FpdfInvoiceRenderer(fonts, einvoice_writer=einvoice_xml)


@pytest.fixture(scope="session")
def plain(fonts: Path) -> FpdfInvoiceRenderer:
    return FpdfInvoiceRenderer(fonts)


def _xml(seed: int) -> bytes:
    made = einvoice(document(seed))
    assert isinstance(made, EInvoice)
    return einvoice_xml(made)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_e_invoice_is_in_the_pdf(renderer: FpdfInvoiceRenderer, seed: int) -> None:
    """Given invoices of every kind, when drawn, then Factur-X's own library finds the very XML, valid."""
    name, found = facturx.get_xml_from_pdf(renderer(document(seed)), check_xsd=True)
    assert name == "factur-x.xml"
    assert found == _xml(seed)
    assert facturx.get_level(facturx.facturx.etree.fromstring(found)) == "en16931"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_pdf_is_an_archive(renderer: FpdfInvoiceRenderer, seed: int) -> None:
    """Given invoices of every kind and language, when drawn, then nothing speaks against PDF/A-3B."""
    assert violations(renderer(document(seed))) == []


@pytest.mark.parametrize("locale", LOCALES)
def test_the_archive_looks_like_the_plain_pdf(
    renderer: FpdfInvoiceRenderer, plain: FpdfInvoiceRenderer, locale: str
) -> None:
    """Given an invoice, when drawn with and without its e-invoice, then they say the same."""
    shown = invoice_document(stripe_invoice(12), None, SELLER, locale)
    archive = renderer(shown)
    assert pages(archive) == pages(plain(shown))
    assert_in_place(archive)


def test_the_metadata_says_what_is_in_it(renderer: FpdfInvoiceRenderer) -> None:
    """Given a seller with markup in its name, when drawn, then metadata names seller, number and profile."""
    rdf = xmp_of(renderer(document(0)))
    assert {part.tag.removeprefix(FX): part.text for part in rdf.iter() if part.tag.startswith(FX)} == {
        "DocumentFileName": "factur-x.xml",
        "DocumentType": "INVOICE",
        "Version": "1.0",
        "ConformanceLevel": "EN 16931",
    }
    assert "".join(rdf.find(f".//{DC}creator").itertext()).strip() == SELLER.name  # type: ignore[union-attr]
    number = document(0).number
    assert number is not None
    assert number in "".join(rdf.find(f".//{DC}title").itertext())  # type: ignore[union-attr]


def test_the_file_says_how_it_relates_to_the_invoice(renderer: FpdfInvoiceRenderer) -> None:
    """Given an e-invoice, when a reader lists attachments, then it is an alternative to what is drawn."""
    root: Any = PdfReader(BytesIO(renderer(document(0)))).trailer["/Root"]
    [file] = (part.get_object() for part in root["/AF"])
    assert file["/AFRelationship"] == "/Alternative"
    assert file["/EF"]["/F"]["/Subtype"] == "/text/xml"


def test_the_same_document_gives_the_same_bytes(renderer: FpdfInvoiceRenderer, fonts: Path) -> None:
    """Given one document, when drawn again and in another process, then no byte differs."""
    first = renderer(document(4))
    renderer(document(5))
    assert renderer(document(4)) == first
    code = (
        "import sys; from hashlib import sha256; from pathlib import Path;"
        "from billing.adapters.einvoice.xml import einvoice_xml;"
        "from billing.adapters.pdf.renderer import FpdfInvoiceRenderer;"
        "from tests.support.einvoices import document;"
        "draw = FpdfInvoiceRenderer(Path(sys.argv[1]), einvoice_writer=einvoice_xml);"
        "print(sha256(draw(document(4))).hexdigest())"
    )
    told = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code, str(fonts)],
        env={"PYTHONPATH": f"{PROJECT}:{PROJECT / 'layers' / 'common'}", "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert told.strip() == sha256(first).hexdigest()


@pytest.mark.parametrize("status", [InvoiceStatus.DRAFT, InvoiceStatus.VOID])
def test_what_is_no_e_invoice_is_drawn_as_before(
    renderer: FpdfInvoiceRenderer, plain: FpdfInvoiceRenderer, status: InvoiceStatus
) -> None:
    """Given a draft or a void invoice, when drawn, then it is an ordinary PDF without an attachment."""
    source = replace(document(0), status=status)
    drawn = renderer(source)
    assert drawn == plain(source)
    assert not list(PdfReader(BytesIO(drawn)).attachment_list)
    assert b"pdfaid" not in drawn
    assert squeezed(SELLER.name) in squeezed(pages(drawn)[0])


def test_the_check_sees_what_an_archive_must_not_be(renderer: FpdfInvoiceRenderer) -> None:
    """Given files that were tampered with, when checked, then each is told from an archive."""
    good = renderer(document(0))
    for before, after, said in (
        (b"%PDF-1.7", b"%PDF-1.4", "6.1.2"),
        (b"/GTS_PDFA1", b"/GTS_PDFX0", "6.2.3"),
        (b"<pdfaid:part>3", b"<pdfaid:part>2", "6.6.4"),
        (b"<pdfaProperty:name>Version", b"<pdfaProperty:name>Fersion", "6.6.2.3"),
        (b"/AFRelationship", b"/AFRelationshop", "6.8"),
        (b"/FontFile2", b"/FontFile9", "6.2.11.4.1"),
        (b"/W [0 [", b"/W [1 [", "6.2.11.5"),
        (b"/ModDate", b"/NodDate", "6.8"),
    ):
        assert before in good
        assert said in " ".join(violations(good.replace(before, after)))
