"""The seller's logo: read as it is, refused with a reason, and drawn above the title."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pypdfium2  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from billing import bootstrap
from billing.adapters.einvoice.xml import einvoice_xml
from billing.adapters.pdf.picture import MOST_BYTES, PictureError, read_picture
from billing.adapters.pdf.renderer import FpdfInvoiceRenderer
from billing.domain.documents import Logo, fingerprint, invoice_document
from billing.settings import SettingsError
from tests.support.einvoices import document
from tests.support.invoices import SELLER, invoice
from tests.support.pdf import assert_in_place, pages
from tests.support.pdfa import violations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from billing.domain.documents import InvoiceDocument

LEFT, RIGHT = (250, 200, 60), (30, 30, 200)
MARGIN = 18 / 25.4
RESOLUTION = 144


def picture(mode: str = "RGB", size: tuple[int, int] = (300, 80)) -> Image.Image:
    """Return a picture whose left half is yellow and whose right half is blue."""
    drawn = Image.new("RGB", size, LEFT)
    ImageDraw.Draw(drawn).rectangle((size[0] // 2, 0, *size), fill=RIGHT)
    return drawn.convert(mode, dither=Image.Dither.NONE)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    written = BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def with_logo(file: bytes, source: InvoiceDocument) -> InvoiceDocument:
    read = read_picture(file)
    logo = Logo(read.sha256, read.width, read.height)
    return replace(source, seller=replace(source.seller, logo=logo))


KINDS = {
    "rgb.png": saved(picture(), "PNG"),
    "grey.png": saved(picture("L"), "PNG"),
    "palette.png": saved(picture("P"), "PNG"),
    "black-and-white.png": saved(picture("1"), "PNG"),
    "baseline.jpg": saved(picture(), "JPEG", quality=95),
    "progressive.jpg": saved(picture(), "JPEG", progressive=True, quality=95),
    "grey.jpg": saved(picture("L"), "JPEG", quality=95),
}
REFUSED = {
    "is transparent": saved(picture("RGBA"), "PNG"),
    "is transparent: ": saved(picture("P"), "PNG", transparency=0),
    "is interlaced": saved(picture(), "PNG")[:28] + b"\1" + saved(picture(), "PNG")[29:],
    "more than 8 bits": saved(Image.new("I;16", (10, 10)), "PNG"),
    "is not in RGB": saved(picture("CMYK"), "JPEG"),
    "neither a PNG nor a JPEG": saved(picture(), "GIF"),
    "more than 100 kB": saved(picture(), "PNG") + bytes(MOST_BYTES),
    "4000 pixels": saved(picture(size=(4001, 1)), "PNG"),
    "is damaged": saved(picture(), "PNG")[:-20],
    "damaged": saved(picture(), "JPEG")[:40],
}


@pytest.mark.parametrize("name", KINDS)
def test_a_logo_is_drawn_as_it_is(fonts: Path, name: str) -> None:
    """Given a file of every kind that is taken, when drawn, then its colours stand above the title."""
    file = KINDS[name]
    shown = with_logo(file, invoice_document(invoice(), None, SELLER, "en"))
    pdf = FpdfInvoiceRenderer(fonts, logo=read_picture(file))(shown)
    assert_in_place(pdf)
    opened = pypdfium2.PdfDocument(pdf)
    page = opened[0].render(scale=RESOLUTION / 72).to_pil().convert("RGB")
    opened.close()
    expected = Image.open(BytesIO(file)).convert("RGB")
    dots = RESOLUTION / 25.4
    for share in (0.1, 0.4, 0.6, 0.9):
        # 300 by 80 pixels, 60 mm wide and 16 mm high.
        at = (round((18 + 60 * share) * dots), round((18 + 8) * dots))
        wanted = expected.getpixel((round(300 * share), 40))
        got = page.getpixel(at)
        assert isinstance(wanted, tuple)
        assert isinstance(got, tuple)
        assert max(abs(one - other) for one, other in zip(wanted, got, strict=True)) < 12
    for outside in ((18 + 61, 26), (17, 26), (48, 18 + 17), (48, 17)):
        assert page.getpixel((round(outside[0] * dots), round(outside[1] * dots))) == (255, 255, 255)


@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_held_is_refused_with_a_reason(reason: str) -> None:
    """Given a file that a PDF cannot hold as it is, when read, then it says why."""
    with pytest.raises(PictureError, match=reason.strip(": ")):
        read_picture(REFUSED[reason])


@given(st.sampled_from(sorted(KINDS)), st.data())
def test_a_damaged_file_is_no_other_error(name: str, data: st.DataObject) -> None:
    """Given a file with a byte changed or cut off, when read, then it is a picture or refused."""
    file = bytearray(KINDS[name])
    at = data.draw(st.integers(0, len(file) - 1))
    file[at] = data.draw(st.integers(0, 255))
    try:
        read = read_picture(bytes(file[: data.draw(st.integers(at, len(file)))]))
    except PictureError:
        return
    assert read.width > 0
    assert read.height > 0


def test_a_logo_of_another_file_is_another_document() -> None:
    """Given two logos of one size, when documents are hashed, then no stored PDF shows the other one."""
    source = invoice_document(invoice(), None, SELLER, "en")
    other = saved(picture().transpose(Image.Transpose.FLIP_LEFT_RIGHT), "PNG")
    prints = {
        fingerprint(source),
        *(fingerprint(with_logo(file, source)) for file in (KINDS["rgb.png"], other)),
    }
    assert len(prints) == 3


def test_an_archive_may_have_a_logo(fonts: Path) -> None:
    """Given a logo and an e-invoice, when drawn, then it is still PDF/A-3B."""
    file = KINDS["palette.png"]
    draw = FpdfInvoiceRenderer(fonts, einvoice_writer=einvoice_xml, logo=read_picture(file))
    pdf = draw(with_logo(file, document(0)))
    assert violations(pdf) == []
    plain = FpdfInvoiceRenderer(fonts)(document(0))
    assert "".join(pages(pdf)).split() == "".join(pages(plain)).split()


def test_a_long_invoice_has_one_logo(fonts: Path) -> None:
    """Given three pages, when drawn, then the logo is in the file once, on the first page."""
    file = KINDS["baseline.jpg"]
    draw = FpdfInvoiceRenderer(fonts, logo=read_picture(file))
    source = replace(invoice(), lines=invoice().lines * 60)
    pdf = draw(with_logo(file, invoice_document(source, None, SELLER, "en")))
    assert pdf.count(file) == 1
    opened = pypdfium2.PdfDocument(pdf)
    images = [len(list(page.get_objects([pypdfium2.raw.FPDF_PAGEOBJ_IMAGE]))) for page in opened]
    opened.close()
    assert images == [1, *(0 for _ in images[1:])]
    assert len(images) > 2


@pytest.fixture
def layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield the folder of a layer's logos; SELLER names one of them, logo.png."""
    folder = tmp_path / "logos"
    folder.mkdir()
    monkeypatch.setenv("FONTS_DIR", str(tmp_path / "fonts"))
    monkeypatch.setenv("SELLER", json.dumps({"name": "Acme", "logo": "logo.png"}))
    bootstrap.document_seller.cache_clear()
    yield folder
    bootstrap.document_seller.cache_clear()


def test_the_setting_names_a_file_of_the_layer(layer: Path) -> None:
    """Given a logo in the layer, when the seller is read, then it has the file's hash and size."""
    (layer / "logo.png").write_bytes(KINDS["rgb.png"])
    seller, logo = bootstrap.document_seller()
    assert logo == read_picture(KINDS["rgb.png"])
    assert seller.logo == Logo(logo.sha256, 300, 80)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "not among the logos"),
        (b"GIF89a", "neither a PNG"),
        (REFUSED["is transparent"], "save it on white"),
    ],
)
def test_a_logo_that_cannot_be_used_is_told_by_its_setting(
    layer: Path, content: bytes | None, reason: str
) -> None:
    """Given a missing or unusable file, when the seller is read, then all is told."""
    if content is not None:
        (layer / "logo.png").write_bytes(content)
    with pytest.raises(SettingsError, match=rf"SELLER\.logo: logo\.png .*{reason}"):
        bootstrap.document_seller()
