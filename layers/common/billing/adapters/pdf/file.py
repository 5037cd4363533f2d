"""A PDF file by fpdf2, with fonts that are embedded as they were prepared.

fpdf2 reads a font file anew for each document and cuts it down by fontTools, which takes longer than all the
rest of a drawing. It lets one write the file in another way (`output_producer_class`); how a font is put in
is then one of its internal methods, and so is how a picture is, which fpdf2 takes apart with Pillow. This is
the only module that knows them. Tests embed both and read them back, so that an upgrade of fpdf2 that moves a
method is noticed.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from billing.adapters.pdf.fonts import FontSubset
from billing.adapters.pdf.xmp import FILE_NAME, xmp

with warnings.catch_warnings():
    # The layer leaves Pillow out: invoices have no pictures, and it is larger than all the rest.
    warnings.filterwarnings("ignore", message="Pillow could not be imported")
    from fpdf import FPDF, FPDF_VERSION
    from fpdf.output import OutputProducer
    from fpdf.syntax import PDFContentStream, PDFObject

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from billing.adapters.pdf.fonts import FontFile
    from billing.adapters.pdf.picture import Picture

_ARCHIVE = "PDF/A-3B"
_SYMBOLIC = 1 << 2
_FORCE_BOLD = 1 << 18
_SEMIBOLD = 600
_BLOCK = 100  # entries at most in one block of a CMap (Adobe Technical Note 5014)


class PdfFile(FPDF):
    """A PDF in the making; what stands on its pages is written in the operators of PDF content streams."""

    def __init__(
        self,
        paper: str,
        *,
        title: str,
        author: str,
        language: str,
        created: datetime,
        einvoice: bytes | None = None,
    ) -> None:
        """Begin a PDF, or a PDF/A-3B with the XML `einvoice` in it, as Factur-X wants it."""
        super().__init__(unit="pt", format=paper, enforce_compliance=_ARCHIVE if einvoice else None)
        self.subsets: list[FontSubset] = []
        self.pictures: list[Picture] = []
        # Nothing is transparent, and every page has the same few fonts.
        self.allow_images_transparency = False
        self.single_resources_object = True
        self.set_title(title)
        self.set_author(author)
        self.set_lang(language)
        self.set_creation_date(created)
        if einvoice:
            # The one that fpdf2 would write is of now, and does not know Factur-X.
            self.set_xmp_metadata(xmp(title, author, f"fpdf2 {FPDF_VERSION}", created))
            self.embed_file(
                bytes=einvoice,
                basename=FILE_NAME,
                mime_type="text/xml",
                associated_file_relationship="Alternative",
                desc="Factur-X / ZUGFeRD, EN 16931",
                modification_date=created,
                compress=True,
            )

    def embed_font(self, file: FontFile) -> tuple[str, FontSubset]:
        """Return the name of a font for the operator Tf, and what encodes text for Tj in it."""
        subset = FontSubset(file)
        self.subsets.append(subset)
        return f"/F{len(self.subsets)}", subset

    def embed_picture(self, picture: Picture) -> str:
        """Return the name of a picture for the operator Do."""
        self.pictures.append(picture)
        return f"/I{len(self.pictures)}"

    def put_page(self, operators: str) -> None:
        """Add a page on which these operators draw."""
        self.add_page()
        # Until they are output, a page's contents are a bytearray.
        self.pages[self.page].contents += operators.encode("ascii")  # type: ignore[operator]

    def finished(self) -> bytes:
        """Return the file."""
        return bytes(self.output(output_producer_class=_Producer))


class _Producer(OutputProducer):
    fpdf: PdfFile

    def _add_fonts(self, *_: object) -> dict[int, PDFObject]:  # type: ignore[override] # it names fpdf2's own kinds of fonts
        return {number: self._added(subset) for number, subset in enumerate(self.fpdf.subsets, start=1)}

    def _add_images(self) -> dict[int, PDFObject]:  # type: ignore[override] # same
        return {number: self._image(picture) for number, picture in enumerate(self.fpdf.pictures, start=1)}

    def _image(self, picture: Picture) -> PDFObject:
        image = PDFContentStream(picture.content)
        entries = {"type": "/XObject", "subtype": "/Image", "width": picture.width, "height": picture.height}
        for name, value in {**entries, **dict(picture.entries)}.items():
            setattr(image, name, value)
        self._add_pdf_obj(image, "images")
        return image

    def _added(self, subset: FontSubset) -> PDFObject:
        """Return the font, added with everything that belongs to it (ISO 32000-1, 9.7)."""
        metrics, name = subset.metrics, f"/{subset.name}"
        program = subset.truetype()
        stream = PDFContentStream(program, compress=True)
        stream.length1 = len(program)  # type: ignore[attr-defined] # attributes become entries, as in fpdf2's own
        descriptor = _Dictionary(
            Type="/FontDescriptor",
            FontName=name,
            Flags=_SYMBOLIC | (_FORCE_BOLD if metrics.weight >= _SEMIBOLD else 0),
            FontBBox=f"[{' '.join(map(str, metrics.box))}]",
            ItalicAngle=0,
            Ascent=metrics.ascent,
            Descent=metrics.descent,
            CapHeight=metrics.cap_height,
            StemV=round(50 + (metrics.weight / 65) ** 2),  # as fpdf2 guesses it
            FontFile2=self._reference(stream),
        )
        descendant = _Dictionary(
            Type="/Font",
            Subtype="/CIDFontType2",
            BaseFont=name,
            CIDSystemInfo="<</Registry (Adobe) /Ordering (Identity) /Supplement 0>>",
            CIDToGIDMap="/Identity",
            FontDescriptor=self._reference(descriptor),
            DW=subset.widths[0],
            W=f"[0 [{' '.join(map(str, subset.widths))}]]",
        )
        font = _Dictionary(
            Type="/Font",
            Subtype="/Type0",
            BaseFont=name,
            Encoding="/Identity-H",
            DescendantFonts=f"[{self._reference(descendant)}]",
            ToUnicode=self._reference(PDFContentStream(_to_unicode(subset), compress=True)),
        )
        self._add_pdf_obj(font, "fonts")
        return font

    def _reference(self, part: PDFObject) -> str:
        self._add_pdf_obj(part, "fonts")
        return part.ref


class _Dictionary(PDFObject):
    def __init__(self, **entries: object) -> None:
        super().__init__()
        self._entries = {f"/{key}": value for key, value in entries.items()}

    def serialize(self, obj_dict: Mapping[str, object] | None = None, **options: object) -> str:  # type: ignore[override] # the same, in short
        return super().serialize({**self._entries, **(obj_dict or {})}, **options)  # type: ignore[arg-type] # same


def _to_unicode(subset: FontSubset) -> bytes:
    """Return the CMap that lets text be searched and copied."""
    entries = [f"<{glyph:04x}> <{char.encode('utf-16-be').hex()}>" for glyph, char in subset.unicode]
    blocks = [entries[i : i + _BLOCK] for i in range(0, len(entries), _BLOCK)]
    return "\n".join(
        (
            "/CIDInit /ProcSet findresource begin",
            "12 dict begin",
            "begincmap",
            "/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def",
            "/CMapName /Adobe-Identity-UCS def",
            "/CMapType 2 def",
            "1 begincodespacerange",
            "<0000> <ffff>",
            "endcodespacerange",
            *(line for block in blocks for line in (f"{len(block)} beginbfchar", *block, "endbfchar")),
            "endcmap",
            "CMapName currentdict /CMap defineresource pop",
            "end",
            "end",
        )
    ).encode()
