"""The words of the invoice in each language of billing.domain.documents.LOCALES.

A change here changes the PDF of a document that stays equal: raise TEMPLATE_VERSION with it.
"""

# ruff: noqa: RUF001 - typographic apostrophes and fullwidth marks are how French and Japanese are written

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Labels:
    """The words of one language; braces hold what is put in."""

    title: str
    number: str
    issued: str
    due_date: str
    paid_at: str
    voided_at: str
    service: str
    seller: str
    buyer: str
    tax_id: str
    colon: str
    item: str
    quantity: str
    unit_price: str
    amount: str
    line_discount: str
    named_discount: str
    discount_off: str
    proration: str
    carried: str
    brought: str
    items: str
    item_discount: str
    subtotal: str
    discount: str
    adjustment: str
    excluding_tax: str
    tax: str
    tax_on: str
    tax_included: str
    tax_included_on: str
    total: str
    balance: str
    paid: str
    due: str
    starting_balance: str
    reverse_charge: str
    exempt: str
    test_mode: str
    page: str
    statuses: tuple[str, str, str, str, str]  # draft, open, paid, uncollectible, void


LABELS = {
    "en": Labels(
        title="Invoice",
        number="Invoice number",
        issued="Date of issue",
        due_date="Date due",
        paid_at="Date paid",
        voided_at="Date voided",
        service="Service period",
        seller="From",
        buyer="Bill to",
        tax_id="Tax ID",
        colon=": ",
        item="Description",
        quantity="Quantity",
        unit_price="Unit price",
        amount="Amount",
        line_discount="Discount: {amount}",
        named_discount="Discount: {name}",
        discount_off="Discount: {name} ({off} off)",
        proration="Prorated",
        carried="Carried forward",
        brought="Brought forward",
        items="Sum of items",
        item_discount="Discounts on items",
        subtotal="Subtotal",
        discount="Discount",
        adjustment="Credits and adjustments",
        excluding_tax="Total excluding tax",
        tax="Tax",
        tax_on="{tax} on {amount}",
        tax_included="{tax}, included",
        tax_included_on="{tax} on {amount}, included",
        total="Total",
        balance="Applied balance",
        paid="Amount paid",
        due="Amount due",
        starting_balance="Account balance before this invoice",
        reverse_charge="Reverse charge: tax to be paid by the recipient.",
        exempt="Exempt from tax.",
        test_mode="Test mode: not a real invoice.",
        page="Page {page} of {pages}",
        statuses=("Draft", "Open", "Paid", "Uncollectible", "Void"),
    ),
    "de": Labels(
        title="Rechnung",
        number="Rechnungsnummer",
        issued="Rechnungsdatum",
        due_date="Fällig am",
        paid_at="Bezahlt am",
        voided_at="Storniert am",
        service="Leistungszeitraum",
        seller="Von",
        buyer="Rechnung an",
        tax_id="Steuer-ID",
        colon=": ",
        item="Beschreibung",
        quantity="Menge",
        unit_price="Einzelpreis",
        amount="Betrag",
        line_discount="Rabatt: {amount}",
        named_discount="Rabatt: {name}",
        discount_off="Rabatt: {name} ({off} Nachlass)",
        proration="Anteilig",
        carried="Übertrag",
        brought="Übertrag",
        items="Summe der Posten",
        item_discount="Rabatte auf Posten",
        subtotal="Zwischensumme",
        discount="Rabatt",
        adjustment="Gutschriften und Anpassungen",
        excluding_tax="Gesamtbetrag ohne Steuer",
        tax="Steuer",
        tax_on="{tax} auf {amount}",
        tax_included="{tax}, enthalten",
        tax_included_on="{tax} auf {amount}, enthalten",
        total="Gesamtbetrag",
        balance="Verrechnetes Guthaben",
        paid="Bezahlter Betrag",
        due="Fälliger Betrag",
        starting_balance="Kontostand vor dieser Rechnung",
        reverse_charge="Steuerschuldnerschaft des Leistungsempfängers.",
        exempt="Steuerfrei.",
        test_mode="Testmodus: keine echte Rechnung.",
        page="Seite {page} von {pages}",
        statuses=("Entwurf", "Offen", "Bezahlt", "Uneinbringlich", "Storniert"),
    ),
    "fr": Labels(
        title="Facture",
        number="Numéro de facture",
        issued="Date d’émission",
        due_date="Date d’échéance",
        paid_at="Date de paiement",
        voided_at="Date d’annulation",
        service="Période de service",
        seller="Émetteur",
        buyer="Facturé à",
        tax_id="Numéro fiscal",
        colon="\N{NO-BREAK SPACE}: ",
        item="Description",
        quantity="Quantité",
        unit_price="Prix unitaire",
        amount="Montant",
        line_discount="Remise : {amount}",
        named_discount="Remise : {name}",
        discount_off="Remise : {name} ({off} de réduction)",
        proration="Au prorata",
        carried="À reporter",
        brought="Report",
        items="Somme des lignes",
        item_discount="Remises sur lignes",
        subtotal="Sous-total",
        discount="Remise",
        adjustment="Avoirs et ajustements",
        excluding_tax="Total hors taxes",
        tax="Taxe",
        tax_on="{tax} sur {amount}",
        tax_included="{tax}, incluse",
        tax_included_on="{tax} sur {amount}, incluse",
        total="Total",
        balance="Solde imputé",
        paid="Montant payé",
        due="Montant dû",
        starting_balance="Solde du compte avant cette facture",
        reverse_charge="Autoliquidation : taxe due par le preneur.",
        exempt="Exonéré de taxe.",
        test_mode="Mode test : ceci n’est pas une vraie facture.",
        page="Page {page} sur {pages}",
        statuses=("Brouillon", "Ouverte", "Payée", "Irrécouvrable", "Annulée"),
    ),
    "es": Labels(
        title="Factura",
        number="Número de factura",
        issued="Fecha de emisión",
        due_date="Fecha de vencimiento",
        paid_at="Fecha de pago",
        voided_at="Fecha de anulación",
        service="Periodo de servicio",
        seller="De",
        buyer="Facturar a",
        tax_id="Número fiscal",
        colon=": ",
        item="Descripción",
        quantity="Cantidad",
        unit_price="Precio unitario",
        amount="Importe",
        line_discount="Descuento: {amount}",
        named_discount="Descuento: {name}",
        discount_off="Descuento: {name} ({off} de descuento)",
        proration="Prorrateado",
        carried="Suma y sigue",
        brought="Suma anterior",
        items="Suma de artículos",
        item_discount="Descuentos en artículos",
        subtotal="Subtotal",
        discount="Descuento",
        adjustment="Créditos y ajustes",
        excluding_tax="Total sin impuestos",
        tax="Impuesto",
        tax_on="{tax} sobre {amount}",
        tax_included="{tax}, incluido",
        tax_included_on="{tax} sobre {amount}, incluido",
        total="Total",
        balance="Saldo aplicado",
        paid="Importe pagado",
        due="Importe adeudado",
        starting_balance="Saldo de la cuenta antes de esta factura",
        reverse_charge="Inversión del sujeto pasivo.",
        exempt="Exento de impuestos.",
        test_mode="Modo de prueba: no es una factura real.",
        page="Página {page} de {pages}",
        statuses=("Borrador", "Abierta", "Pagada", "Incobrable", "Anulada"),
    ),
    "ja": Labels(
        title="請求書",
        number="請求書番号",
        issued="発行日",
        due_date="支払期限",
        paid_at="支払日",
        voided_at="無効日",
        service="サービス期間",
        seller="発行元",
        buyer="請求先",
        tax_id="税務登録番号",
        colon="：",
        item="内容",
        quantity="数量",
        unit_price="単価",
        amount="金額",
        line_discount="割引：{amount}",
        named_discount="割引：{name}",
        discount_off="割引：{name}（{off}引き）",
        proration="日割り",
        carried="次頁へ繰越",
        brought="前頁より繰越",
        items="明細合計",
        item_discount="明細の割引",
        subtotal="小計",
        discount="割引",
        adjustment="クレジットと調整",
        excluding_tax="税抜合計",
        tax="税",
        tax_on="{tax}（対象額 {amount}）",
        tax_included="{tax}（内税）",
        tax_included_on="{tax}（内税、対象額 {amount}）",
        total="合計",
        balance="適用残高",
        paid="支払済額",
        due="請求額",
        starting_balance="この請求前の口座残高",
        reverse_charge="リバースチャージ：税は受領者が納付します。",
        exempt="非課税。",
        test_mode="テストモード：正式な請求書ではありません。",
        page="{page} / {pages} ページ",
        statuses=("下書き", "未払い", "支払済み", "回収不能", "無効"),
    ),
}
