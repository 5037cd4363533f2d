# ruff: noqa: RUF001 - fullwidth marks are how Japanese is written
"""Six invoices that are hard to draw: each has something of which a layout breaks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from billing.domain.documents import Seller, invoice_document
from billing.domain.invoices import DiscountAmount, Invoice, InvoiceLine, InvoiceStatus, Tax
from billing.domain.money import Money
from billing.domain.parties import Address, TaxId
from billing.domain.periods import Period

if TYPE_CHECKING:
    from collections.abc import Iterator

    from billing.domain.documents import InvoiceDocument

_ISSUED = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
_MONTH = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
_HALF = Period(datetime(2026, 10, 17, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))

SELLER = Seller(
    name="Nordlicht Software GmbH",
    address=Address("Speicherstadt 7", "Haus C", "Hamburg", None, "20457", "DE"),
    email="rechnung@nordlicht.example",
    tax_ids=(TaxId("eu_vat", "DE811907980"),),
    registration="Amtsgericht Hamburg, HRB 100001",
    accent_color="1c4e80",
    payment_note="IBAN DE02 1203 0000 0000 2020 51 · BIC BYLADEM1001",
    footer="Nordlicht Software GmbH · Geschäftsführerin: Dr. Ines Petersen · www.nordlicht.example",
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture: documents beside each other, and which of their pages (None for all)."""

    name: str
    documents: tuple[InvoiceDocument, ...]
    pages: tuple[int, ...] | None = None


def samples() -> Iterator[Sample]:
    """Yield the documents of the six pictures of invoices."""
    yield Sample("long-names", (_long_names(),))
    yield Sample("300-lines", (_many_lines(),), (0, 1, -1))
    yield Sample("currencies", (_dinars(), _pesos()))
    yield Sample("japanese", (_japanese(),))
    yield Sample("negative-lines", (_negative(),))
    yield Sample("seven-rates", (_seven_rates(),))


def a_line(amount: int, currency: str, description: str, **fields: Any) -> InvoiceLine:
    """Return a line over the month of the pictures."""
    ordinary: dict[str, Any] = {
        "id": "il_1",
        "quantity": Decimal(1),
        "unit_amount": Decimal(amount),
        "period": _MONTH,
        "proration": False,
        "price": None,
        "product": None,
        "subscription": None,
    }
    return InvoiceLine(description=description, amount=Money(amount, currency), **ordinary | fields)


def a_tax(amount: int, taxable: int, currency: str, percentage: str, name: str, **fields: Any) -> Tax:
    """Return a tax of a value added tax's rate."""
    ordinary: dict[str, Any] = {"behavior": "exclusive", "reason": "standard_rated", "tax_type": "vat"}
    return Tax(
        amount=Money(amount, currency),
        taxable_amount=Money(taxable, currency),
        percentage=Decimal(percentage),
        name=name,
        **{"rate": f"txr_{name}_{percentage}"} | ordinary | fields,
    )


def an_invoice(currency: str, *lines: InvoiceLine, taxes: tuple[Tax, ...] = (), **fields: Any) -> Invoice:
    """Return an open invoice over the lines whose sums follow from them."""
    none = Money(0, currency)
    gross = sum((line.amount for line in lines), start=none)
    discounts = tuple(discount for line in lines for discount in line.discounts)
    subtotal = gross - sum((discount.amount for discount in discounts), start=none)
    added = sum((tax.amount for tax in taxes if tax.behavior == "exclusive"), start=none)
    total = subtotal + added
    contained = sum((tax.amount for tax in taxes), start=none)
    paid = fields.pop("paid", none)
    ordinary: dict[str, Any] = {
        "id": "in_picture",
        "livemode": True,
        "created": _ISSUED,
        "customer": "cus_1",
        "subscription": None,
        "number": "NL-2026-00417",
        "status": InvoiceStatus.OPEN,
        "collection_method": "send_invoice",
        "billing_reason": None,
        "description": None,
        "footer": None,
        "customer_name": "Tyne & Wear Bakeries Ltd",
        "customer_email": None,
        "customer_address": Address("14 Quayside", None, "Newcastle upon Tyne", None, "NE1 3DX", "GB"),
        "customer_tax_ids": (),
        "customer_tax_exempt": "none",
        "starting_balance": none,
        "period": Period(_ISSUED, _ISSUED),
        "due_date": _ISSUED + timedelta(days=14),
        "finalized_at": _ISSUED,
        "paid_at": None,
        "voided_at": None,
        "marked_uncollectible_at": None,
    }
    return Invoice(
        currency=currency,
        lines=lines,
        taxes=taxes,
        discounts=discounts,
        subtotal=subtotal,
        total=total,
        total_excluding_tax=total - contained,
        amount_due=total,
        amount_paid=paid,
        amount_remaining=total - paid,
        **ordinary | fields,
    )


def _long_names() -> InvoiceDocument:
    word = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetzesfolgenabschätzung"
    return invoice_document(
        an_invoice(
            "eur",
            a_line(
                59051,
                "eur",
                f"{word} als Dienst, mit einer Beschreibung, die über mehrere Zeilen geht, weil sie sagt, "
                "was geleistet wurde, für wen und warum",
                quantity=Decimal("1234567.890123456789"),
                unit_amount=Decimal("0.047831234567"),
            ),
            a_line(12000, "eur", "Grundgebühr", discounts=(DiscountAmount(Money(1200, "eur"), "di_1"),)),
            taxes=(a_tax(13270, 69851, "eur", "19", "MwSt."),),
            customer_name="Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft "
            "mit beschränkter Haftung und Compagnie Kommanditgesellschaft",
            customer_email="buchhaltung.kreditoren.eingangsrechnungen@donaudampfschifffahrtsgesellschaft.example",
            customer_address=Address(
                "Straße der Freundschaft zwischen den Völkern und Nationen 1234, Aufgang 17",
                "Hinterhaus, 4. Obergeschoss links, bei der Hauptbuchhaltung klingeln",
                "Hellschen-Heringsand-Unterschaar",
                None,
                "25764",
                "DE",
            ),
            customer_tax_ids=(TaxId("eu_vat", "DE123456789"),),
            description="Bitte geben Sie bei der Überweisung die Rechnungsnummer an.",
        ),
        None,
        SELLER,
        "de",
    )


def _many_lines() -> InvoiceDocument:
    lines = tuple(
        a_line(
            125 * number,
            "usd",
            f"API calls, project {number:03}",
            quantity=Decimal(number * 1000),
            unit_amount=Decimal("0.125"),
            period=_HALF if number % 9 == 0 else _MONTH,
            proration=number % 9 == 0,
        )
        for number in range(1, 301)
    )
    sold = sum(line.amount.amount for line in lines)
    tax = a_tax(sold * 8875 // 100_000, sold, "usd", "8.875", "Sales tax", tax_type="sales_tax")
    source = an_invoice(
        "usd",
        *lines,
        taxes=(tax,),
        customer_name="Hudson Freight Inc.",
        customer_address=Address("200 Water Street", "Floor 12", "New York", "NY", "10038", "US"),
    )
    paid = replace(
        source,
        status=InvoiceStatus.PAID,
        amount_paid=source.total,
        amount_remaining=Money(0, "usd"),
        paid_at=_ISSUED,
    )
    return invoice_document(paid, None, SELLER, "en")


def _dinars() -> InvoiceDocument:
    source = an_invoice(
        "kwd",
        a_line(1234567, "kwd", "Platform, yearly", quantity=Decimal(1)),
        a_line(45, "kwd", "Storage, GB", quantity=Decimal("0.5"), unit_amount=Decimal("90.000000000001")),
        customer_name="Gulf Analytics W.L.L.",
        customer_address=Address("Al Shuhada Street", None, "Kuwait City", None, "13001", "KW"),
        paid=Money(5000, "kwd"),
    )
    return invoice_document(source, None, SELLER, "en")


def _pesos() -> InvoiceDocument:
    source = an_invoice(
        "clp",
        a_line(1189990, "clp", "Plan anual", quantity=Decimal(1)),
        a_line(-120000, "clp", "Tiempo no utilizado del plan mensual", period=_HALF, proration=True),
        taxes=(a_tax(170839, 1069990, "clp", "19", "IVA", behavior="inclusive"),),
        status=InvoiceStatus.VOID,
        voided_at=_ISSUED,
        customer_name="Viñedos del Maipo S.A.",
        customer_address=Address("Av. Providencia 1208", None, "Santiago", None, "7500571", "CL"),
        customer_tax_ids=(TaxId("cl_tin", "76.123.456-K"),),
    )
    return invoice_document(source, None, SELLER, "es")


def _japanese() -> InvoiceDocument:
    source = an_invoice(
        "jpy",
        a_line(
            198000,
            "jpy",
            "プロプラン（年間契約）サーバー監視・自動復旧・二十四時間電話サポートを含む、全拠点分",
        ),
        a_line(24750, "jpy", "追加ユーザー", quantity=Decimal(15), unit_amount=Decimal(1650), proration=True),
        a_line(3240, "jpy", "弁当（軽減税率対象）", quantity=Decimal(3), unit_amount=Decimal(1080)),
        taxes=(
            a_tax(22275, 222750, "jpy", "10", "消費税", tax_type="jct"),
            a_tax(259, 3240, "jpy", "8", "消費税（軽減税率）", tax_type="jct"),
        ),
        customer_name="株式会社桜花商事 東日本統括本部 情報システム部",
        customer_address=Address(
            "神田神保町2丁目3番地1", "岩波書店ビル8階", "千代田区", "東京都", "101-0051", "JP"
        ),
        customer_email="keiri@oka.example",
        description="毎度ありがとうございます。",
    )
    seller = replace(
        SELLER,
        name="北光ソフトウェア株式会社",
        address=Address("北一条西4丁目", None, "札幌市", "北海道", "060-0001", "JP"),
        tax_ids=(TaxId("jp_trn", "T1234567890123"),),
        registration=None,
        payment_note="お振込先：北洋銀行 本店 普通 1234567",
        footer="北光ソフトウェア株式会社",
    )
    return invoice_document(source, None, seller, "ja")


def _negative() -> InvoiceDocument:
    source = an_invoice(
        "eur",
        a_line(-4500, "eur", "Temps non utilisé : forfait Équipe", period=_HALF, proration=True),
        a_line(9000, "eur", "Temps restant : forfait Entreprise", period=_HALF, proration=True),
        a_line(
            -12000,
            "eur",
            "Geste commercial",
            period=Period(_ISSUED, _ISSUED),
            quantity=Decimal(-2),
            unit_amount=Decimal(6000),
        ),
        status=InvoiceStatus.DRAFT,
        number=None,
        finalized_at=None,
        due_date=None,
        customer_name="Boulangerie de l'Étang SARL",
        customer_address=Address("3 rue de l'Église", None, "Étretat", None, "76790", "FR"),
        customer_tax_ids=(TaxId("eu_vat", "FRAB123456789"),),
        customer_tax_exempt="reverse",
    )
    return invoice_document(source, None, SELLER, "fr")


def _seven_rates() -> InvoiceDocument:
    rates = (("25", "Moms"), ("21", "BTW"), ("20", "TVA"), ("19", "MwSt."), ("13.5", "VAT"), ("7.7", "MWST"))
    lines = tuple(a_line(10000, "eur", f"Licences delivered in region {n}") for n in range(1, 8))
    taxes = (
        *(
            a_tax(int(Decimal(percentage) * 100), 10000, "eur", percentage, name)
            for percentage, name in rates
        ),
        a_tax(455, 10000, "eur", "4.76", "Superreduced value added tax of the region", behavior="inclusive"),
    )
    return invoice_document(an_invoice("eur", *lines, taxes=taxes), None, SELLER, "en")
