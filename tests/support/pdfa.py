"""What ISO 19005-3 (PDF/A-3, level B) wants of a file like ours, as far as it can be seen without veraPDF."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, StreamObject

if TYPE_CHECKING:
    from collections.abc import Iterator

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_PDFA = "{http://www.aiim.org/pdfa/ns/%s}"
_KNOWN = (
    "http://purl.org/dc/elements/1.1/",
    "http://ns.adobe.com/pdf/1.3/",
    "http://ns.adobe.com/xap/1.0/",
    "http://www.aiim.org/pdfa/ns/",
)
_OPERATORS = {
    "BT",
    "ET",
    "Td",
    "Tm",
    "Tf",
    "Tj",
    "g",
    "rg",
    "G",
    "w",
    "m",
    "l",
    "S",
    "J",
    "q",
    "Q",
    "cm",
    "Do",
}


def violations(pdf: bytes) -> list[str]:
    """Return what speaks against the file's being a PDF/A-3B."""
    reader = PdfReader(BytesIO(pdf))
    root: Any = reader.trailer["/Root"]
    found = [*_of_file(pdf, reader), *_of_metadata(root), *_of_colors(root), *_of_attachments(root)]
    for _, value in _objects(reader):
        found += _of_object(value)
    for page in reader.pages:
        found += _of_page(page)
    return found


def xmp_of(pdf: bytes) -> ET.Element:
    """Return the file's metadata as RDF."""
    root: Any = PdfReader(BytesIO(pdf)).trailer["/Root"]
    packet = ET.fromstring(root["/Metadata"].get_data())  # noqa: S314 - our own
    rdf = packet.find(f"{_RDF}RDF")
    assert rdf is not None
    return rdf


def _of_file(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    if not re.match(rb"%PDF-1\.7\n%[\x80-\xff]{4}", pdf):
        yield "6.1.2: the header"
    if not pdf.rstrip(b"\n").endswith(b"%%EOF"):
        yield "6.1.3: something behind the end"
    identity: Any = reader.trailer.get("/ID", [])
    if len(identity) != 2 or not all(identity):
        yield "6.1.3: no file identifier"
    if "/Encrypt" in reader.trailer:
        yield "6.1.3: encrypted"
    if "/Info" in reader.trailer:
        yield "6.6.3: an information dictionary, which may differ from the metadata"


def _of_metadata(root: Any) -> Iterator[str]:
    stream = root["/Metadata"]
    if "/Filter" in stream or (stream["/Type"], stream["/Subtype"]) != ("/Metadata", "/XML"):
        yield "6.6.2.1: the metadata stream"
    rdf = ET.fromstring(stream.get_data()).find(f"{_RDF}RDF")  # noqa: S314 - our own
    if rdf is None:
        yield "6.6.2.1: no RDF"
        return
    if (
        rdf.findtext(f".//{_PDFA % 'id/'}part") != "3"
        or rdf.findtext(f".//{_PDFA % 'id/'}conformance") != "B"
    ):
        yield "6.6.4: it does not say that it is PDF/A-3B"
    described = {
        (schema.findtext(f"{_PDFA % 'schema#'}namespaceURI"), name.text)
        for schema in rdf.iter(f"{_RDF}li")
        for name in schema.iter(f"{_PDFA % 'property#'}name")
    }
    for description in rdf.findall(f"{_RDF}Description"):
        for value in description:
            namespace, _, name = value.tag[1:].partition("}")
            if not namespace.startswith(_KNOWN) and (namespace, name) not in described:
                yield f"6.6.2.3: {name} is of no described schema"


def _of_colors(root: Any) -> Iterator[str]:
    [intent] = root["/OutputIntents"]
    profile = intent["/DestOutputProfile"]
    content = profile.get_data()
    if intent["/S"] != "/GTS_PDFA1" or profile["/N"] != 3:
        yield "6.2.3: the output intent"
    if (content[8], content[16:20], content[36:40], len(content)) != (
        2,
        b"RGB ",
        b"acsp",
        int.from_bytes(content[:4]),
    ):
        yield "6.2.3: the colour profile"


def _of_attachments(root: Any) -> Iterator[str]:
    names = root["/Names"]["/EmbeddedFiles"]["/Names"][1::2]
    if [name.get_object() for name in names] != [file.get_object() for file in root["/AF"]]:
        yield "6.8: a file is not associated with the document"
    for name in names:
        file = name.get_object()
        stream = file["/EF"]["/F"]
        if file["/F"] != file["/UF"] or "/AFRelationship" not in file:
            yield "6.8: the file specification"
        if "/Subtype" not in stream or not {"/ModDate", "/Size"} <= set(stream["/Params"]):
            yield "6.8: the embedded file"
        if stream["/Params"]["/Size"] != len(stream.get_data()):
            yield "6.8: the size of the embedded file"


def _of_object(value: Any) -> Iterator[str]:
    if not isinstance(value, DictionaryObject):
        return
    for key in ("/SMask", "/Group", "/ca", "/CA", "/BM", "/JS", "/AA", "/A", "/OPI", "/Ref"):
        if key in value:
            yield f"6.2.10, 6.5: {key}"
    if isinstance(value, StreamObject):
        if value.get("/Filter", "/FlateDecode") not in ("/FlateDecode", "/DCTDecode"):
            yield f"6.1.7.2: {value['/Filter']}"
        if {"/F", "/FFilter", "/FDecodeParms"} & set(value):
            yield "6.1.7.1: a stream elsewhere"


def _of_page(page: Any) -> Iterator[str]:
    fonts = page["/Resources"]["/Font"]
    content = page["/Contents"].get_object().get_data()
    if "/Annots" in page:
        yield "6.3: annotations"
    text = re.sub(rb"<[0-9a-f]*>", b"", content).decode()
    unknown = {word for word in text.split() if not re.fullmatch(r"/[FI]\d+|-?[\d.]+", word)} - _OPERATORS
    if unknown:
        yield f"6.2.2: operators {unknown}"
    used: dict[str, set[int]] = {}
    name = ""
    for selected, run in re.findall(rb"(/F\d+) [\d.]+ Tf|<([0-9a-f]*)> Tj", content):
        if selected:
            name = selected.decode()
        used.setdefault(name, set()).update(int(run[i : i + 4], 16) for i in range(0, len(run), 4))
    for name, codes in used.items():
        yield from _of_font(fonts[name].get_object(), codes)


def _of_font(font: Any, codes: set[int]) -> Iterator[str]:
    descendant = font["/DescendantFonts"][0].get_object()
    if (font["/Encoding"], descendant["/CIDToGIDMap"]) != ("/Identity-H", "/Identity"):
        yield "6.2.11.3: how characters are told"
    if not re.fullmatch(r"/[A-Z]{6}\+\w+", font["/BaseFont"]) or "/ToUnicode" not in font:
        yield "6.2.11: the font"
    if "/FontFile2" not in descendant["/FontDescriptor"]:
        yield "6.2.11.4.1: a font is not embedded"
        return
    program = TTFont(BytesIO(descendant["/FontDescriptor"]["/FontFile2"].get_data()))
    order = program.getGlyphOrder()
    if 0 in codes or max(codes) >= len(order):
        yield "6.2.11.8: a glyph that is not there"
    widths = [program["hmtx"].metrics[name][0] for name in order]
    if descendant["/W"] != [0, widths]:
        yield "6.2.11.5: widths differ from the font's"


def _objects(reader: PdfReader) -> Iterator[tuple[int, Any]]:
    """Yield every object of the file, and what stands within it."""
    for number in range(1, int(reader.trailer["/Size"])):  # type: ignore[call-overload]
        pending = [IndirectObject(number, 0, reader).get_object()]
        while pending:
            value: Any = pending.pop()
            yield number, value
            if isinstance(value, DictionaryObject):
                pending += (part for part in value.values() if not isinstance(part, IndirectObject))
            elif isinstance(value, ArrayObject):
                pending += (part for part in value if not isinstance(part, IndirectObject))
