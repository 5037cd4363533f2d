"""The floors of drawing: the same text by fpdf2's cell() and nothing else, and by pdfkit."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pypdfium2  # type: ignore[import-untyped] # it has no types
from fpdf import FPDF

if TYPE_CHECKING:
    from pathlib import Path

    from bench.harness import Run

type Pages = list[list[str]]

FLOOR_FONT = "NotoSans-Regular.ttf"


def texts_of(pdf: bytes) -> Pages:
    """Return the pieces of text of every page, as they stand apart on it."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        pages = []
        for page in document:
            text = page.get_textpage()
            boxes = [text.get_rect(i) for i in range(text.count_rects())]
            pages.append([text.get_text_bounded(*box).strip() or "-" for box in boxes])
        return pages
    finally:
        document.close()


def by_cells(pages: Pages, font: Path) -> bytes:
    """Return a PDF with these texts in this font, one cell under the other."""
    pdf = FPDF(format="A4")
    pdf.set_margin(0)
    pdf.set_auto_page_break(auto=False)
    pdf.add_font("f", "", font)
    for page in pages:
        pdf.add_page()
        pdf.set_font("f", size=9)
        height = pdf.h / (len(page) + 1)
        for text in page:
            pdf.cell(0, height, text, new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


def by_pdfkit(run: Run, pages: Pages, font: Path, rounds: int) -> float | None:
    """Return the median milliseconds of pdfkit with these texts, warmed up; None without Node or npm.

    Raises
    ------
    subprocess.CalledProcessError
        pdfkit could not be installed or failed.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    place = run.kept / "pdfkit"
    if not (place / "node_modules" / "pdfkit").exists():
        run.say("installing pdfkit")
        place.mkdir(exist_ok=True)
        options = [
            "--no-save",
            "--no-package-lock",
            "--no-audit",
            "--no-fund",
            "--omit-lockfile-registry-resolved",
        ]
        subprocess.run(
            [npm, "install", "--silent", *options, "--prefix", str(place), "pdfkit"],
            stdout=subprocess.DEVNULL,
            check=True,
        )
    texts = run.scratch / "texts.json"
    texts.write_text(json.dumps(pages), encoding="utf-8")
    script = run.project / "bench" / "pdfkit.cjs"
    command = [node, str(script), str(place / "node_modules"), str(texts), str(font), str(rounds)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def fonts_of(run: Run) -> Path:
    """Return the folder of the PDF layer's fonts, made by its own script and kept.

    With them is FLOOR_FONT: the regular face as an ordinary font of European Latin letters, for the floors.
    """
    script = run.project / "layers" / "pdf" / "build_fonts.py"
    made_of = script.read_bytes() + (script.parent / "fonts.txt").read_bytes()
    kept = run.kept / f"fonts-{hashlib.sha256(made_of).hexdigest()[:16]}"
    if not kept.exists():
        run.say("making the fonts")
        fresh = run.kept / "fonts-new"
        shutil.rmtree(fresh, ignore_errors=True)
        subprocess.run([sys.executable, str(script), str(fresh), str(fresh / FLOOR_FONT)], check=True)
        fresh.rename(kept)
    return kept
