"""`python -m local.pictures [FOLDER]`: draw the samples into docs/pictures, as small grey PNGs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pypdfium2  # type: ignore[import-untyped]
from PIL import Image

from billing.adapters.pdf.renderer import FpdfInvoiceRenderer
from local.pictures.credit_notes import credit_note_sample
from local.pictures.discounts import discounts_sample
from local.pictures.samples import samples

if TYPE_CHECKING:
    from collections.abc import Iterable


ROOT = Path(__file__).resolve().parents[2]
_SCALE = 1.5
_GREYS = 16
_GAP = 8
_SURROUNDINGS = 200


def main(target: Path) -> None:
    """Write one PNG per sample to the folder."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        build = ROOT / "layers" / "pdf" / "build_fonts.py"
        subprocess.run([sys.executable, build, folder], check=True)
        renderer = FpdfInvoiceRenderer(Path(folder))
        for sample in (*samples(), discounts_sample(), credit_note_sample()):
            pages = [page for document in sample.documents for page in _pages(renderer(document))]
            shown = pages if sample.pages is None else [pages[number] for number in sample.pages]
            content = _png(shown)
            (target / f"{sample.name}.png").write_bytes(content)
            sys.stdout.write(f"{sample.name}.png: {len(shown)} of {len(pages)} pages, {len(content)} bytes\n")


def _pages(pdf: bytes) -> list[Image.Image]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.render(scale=_SCALE).to_pil().convert("L") for page in document]
    finally:
        document.close()


def _png(pages: Iterable[Image.Image]) -> bytes:
    """Return the pages side by side."""
    images = list(pages)
    width = sum(image.width for image in images) + _GAP * (len(images) - 1)
    joined = Image.new("L", (width, max(image.height for image in images)), _SURROUNDINGS)
    x = 0
    for image in images:
        joined.paste(image, (x, 0))
        x += image.width + _GAP
    written = BytesIO()
    joined.quantize(_GREYS).save(written, "PNG", optimize=True)
    return written.getvalue()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures")
