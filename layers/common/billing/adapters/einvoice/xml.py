"""An e-invoice as Factur-X / ZUGFeRD XML (UN/CEFACT Cross Industry Invoice), profile EN 16931.

drafthorse loads only when an XML is made. Its own `serialize` is not used: it compiles the XML schema anew
for every document and needs lxml for it; lines are written without it altogether. Tests hold what is written
to the schema and to the schematron.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from billing.adapters.einvoice.lines import WrittenLine
from billing.adapters.einvoice.values import written_amount, written_number, written_text
from billing.domain.vat import VatCategory

if TYPE_CHECKING:
    from billing.domain.einvoice import Days, EInvoice, EInvoiceTotals, Party, VatBreakdown
    from billing.domain.vat import Vat

GUIDELINE = "urn:cen.eu:en16931:2017"
"""BT-24."""
COMMERCIAL_INVOICE, CREDIT_NOTE = "380", "381"
"""BT-3, codes of UNTDID 1001."""
EMAIL = "EM"
"""Scheme of an electronic address that is an e-mail address (the CEF's EAS list)."""


def einvoice_xml(invoice: EInvoice) -> bytes:
    """Return the XML in UTF-8: the same invoice gives the same bytes."""
    from drafthorse.models.document import Document

    document = Document()
    document.context.guideline_parameter.id = GUIDELINE
    document.header.id = written_text(invoice.number)
    document.header.type_code = COMMERCIAL_INVOICE if invoice.preceding is None else CREDIT_NOTE
    document.header.issue_date_time = invoice.issued
    if invoice.note:
        _add_note(document, invoice.note)
    _write_party(document.trade.agreement.seller, invoice.seller)
    _write_party(document.trade.agreement.buyer, invoice.buyer)
    # The schema wants the delivery, the schematron nothing empty: BT-80.
    document.trade.delivery.ship_to.address.country_id = _country(invoice.buyer)
    for line in invoice.lines:
        document.trade.items.children.append(WrittenLine(line))
    _write_settlement(document.trade.settlement, invoice)
    written: bytes = ET.tostring(document.to_etree(), "utf-8", xml_declaration=True)
    return written


def _add_note(document: Any, text: str) -> None:
    from drafthorse.models.note import IncludedNote

    document.header.notes.add(IncludedNote(content=written_text(text)))


def _write_party(place: Any, party: Party) -> None:
    from drafthorse.models.party import TaxRegistration

    place.name = written_text(party.name)
    address = party.address
    if party.registration:
        place.legal_organization.id = written_text(party.registration)
    place.address.postcode = written_text(address.postal_code)
    place.address.line_one = written_text(address.line1)
    place.address.line_two = written_text(address.line2)
    place.address.city_name = written_text(address.city)
    place.address.country_id = _country(party)
    place.address.country_subdivision = written_text(address.state)
    if party.email:
        place.electronic_address.uri_ID = (EMAIL, written_text(party.email))
    if party.vat_id:
        place.tax_registrations.add(TaxRegistration(id=("VA", party.vat_id)))


def _write_settlement(place: Any, invoice: EInvoice) -> None:
    from drafthorse.models.payment import PaymentTerms

    place.currency_code = invoice.currency
    for group in invoice.breakdown:
        place.trade_tax.add(_breakdown(group))
    if invoice.period is not None:
        _write_days(place.period, invoice.period)
    if invoice.due_date is not None:
        place.terms.add(PaymentTerms(due=invoice.due_date))
    elif invoice.terms:
        place.terms.add(PaymentTerms(description=written_text(invoice.terms)))
    _write_totals(place.monetary_summation, invoice.totals, invoice.currency)
    if invoice.preceding is not None:
        place.invoice_referenced_document.issuer_assigned_id = written_text(invoice.preceding.number)
        place.invoice_referenced_document.issue_date_time = invoice.preceding.issued


def _breakdown(group: VatBreakdown) -> Any:
    from drafthorse.models.accounting import ApplicableTradeTax

    tax = ApplicableTradeTax(
        calculated_amount=written_amount(group.tax), basis_amount=written_amount(group.taxable)
    )
    _write_vat(tax, group.vat)
    if group.reason is not None:
        code, text = group.reason
        tax.exemption_reason = text
        if code is not None:
            tax.exemption_reason_code = code
    return tax


def _write_vat(place: Any, vat: Vat) -> None:
    category, rate = vat
    place.type_code = "VAT"
    place.category_code = category.value
    if category is not VatCategory.OUT_OF_SCOPE:  # BR-O-05
        place.rate_applicable_percent = written_number(rate)


def _write_totals(place: Any, totals: EInvoiceTotals, currency: str) -> None:
    place.line_total = written_amount(totals.net)
    place.tax_basis_total = (written_amount(totals.net), None)
    place.tax_total = (written_amount(totals.tax), currency)
    if totals.rounding:
        place.rounding_amount = written_amount(totals.rounding)
    place.grand_total = (written_amount(totals.gross), None)
    if totals.paid:
        place.prepaid_total = written_amount(totals.paid)
    place.due_amount = written_amount(totals.due)


def _write_days(place: Any, days: Days) -> None:
    place.start = days.first
    place.end = days.last


def _country(party: Party) -> str:
    return written_text(party.address.country).upper()
