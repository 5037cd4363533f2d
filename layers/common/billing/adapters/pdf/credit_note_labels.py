"""The words of credit notes and of what is credited, in each language of billing.domain.documents.LOCALES.

A change here changes the PDF of a document that stays equal: raise TEMPLATE_VERSION with it.
"""

# ruff: noqa: RUF001 - typographic apostrophes and fullwidth marks are how French and Japanese are written

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.adapters.pdf.labels import LABELS
from billing.domain.credit_notes import CreditNoteStatus
from billing.domain.invoices import InvoiceStatus

if TYPE_CHECKING:
    from billing.domain.documents import InvoiceDocument


@dataclass(frozen=True, slots=True)
class CreditNoteLabels:
    """The words of one language; braces hold what is put in.

    `corrects` names the invoice, `dated` is a number with its day. `note` is a credit note on an invoice,
    `note_later` one of what was paid. `reasons` are by Stripe's names; another reason is not told.
    """

    title: str
    number: str
    issued: str
    buyer: str
    corrects: str
    dated: str
    reason: str
    reasons: dict[str, str]
    void: str
    credited: str
    total: str
    refunded: str
    to_balance: str
    out_of_band: str
    off_invoice: str
    off_any_invoice: str
    note: str
    note_later: str
    payment: str


def title_of(document: InvoiceDocument) -> str:
    """Return what kind of document it is, in its language."""
    words = LABELS if document.corrects is None else CREDIT_NOTE_LABELS
    return words[document.locale].title


def status_of(document: InvoiceDocument) -> str:
    """Return the document's status in its language; an issued credit note has none that is worth a word."""
    if isinstance(document.status, InvoiceStatus):
        return LABELS[document.locale].statuses[_STATUSES.index(document.status)]
    return CREDIT_NOTE_LABELS[document.locale].void if document.status is CreditNoteStatus.VOID else ""


_STATUSES = (
    InvoiceStatus.DRAFT,
    InvoiceStatus.OPEN,
    InvoiceStatus.PAID,
    InvoiceStatus.UNCOLLECTIBLE,
    InvoiceStatus.VOID,
)

CREDIT_NOTE_LABELS = {
    "en": CreditNoteLabels(
        title="Credit note",
        number="Credit note number",
        issued="Date of issue",
        buyer="To",
        corrects="Corrects invoice",
        dated="{number} of {day}",
        reason="Reason",
        reasons={
            "duplicate": "Duplicate",
            "fraudulent": "Fraudulent",
            "order_change": "Order change",
            "product_unsatisfactory": "Product unsatisfactory",
        },
        void="Void",
        credited="Amount credited",
        total="Total credited",
        refunded="Refunded",
        to_balance="Credited to your balance",
        out_of_band="Credited otherwise",
        off_invoice="Taken off invoice {number}",
        off_any_invoice="Taken off the invoice",
        note="Credit note {number} of {day}",
        note_later="Credit note {number} of {day} gives back {amount} of what was paid.",
        payment="Payment of {day}",
    ),
    # Not "Gutschrift": in German VAT law that is an invoice which the recipient writes (section 14 (2) UStG),
    # and the word on a correction may make its tax owed once more (section 14c UStG).
    "de": CreditNoteLabels(
        title="Rechnungskorrektur",
        number="Nummer der Korrektur",
        issued="Ausstellungsdatum",
        buyer="An",
        corrects="Korrigiert Rechnung",
        dated="{number} vom {day}",
        reason="Grund",
        reasons={
            "duplicate": "Doppelt berechnet",
            "fraudulent": "Betrug",
            "order_change": "Änderung der Bestellung",
            "product_unsatisfactory": "Mangelhafte Leistung",
        },
        void="Storniert",
        credited="Gutgeschriebener Betrag",
        total="Summe der Korrektur",
        refunded="Erstattet",
        to_balance="Ihrem Guthaben gutgeschrieben",
        out_of_band="Anderweitig gutgeschrieben",
        off_invoice="Abgezogen von Rechnung {number}",
        off_any_invoice="Abgezogen von der Rechnung",
        note="Rechnungskorrektur {number} vom {day}",
        note_later="Rechnungskorrektur {number} vom {day}: {amount} des gezahlten Betrags zurückgegeben.",
        payment="Zahlung vom {day}",
    ),
    "fr": CreditNoteLabels(
        title="Avoir",
        number="Numéro d’avoir",
        issued="Date d’émission",
        buyer="Destinataire",
        corrects="Rectifie la facture",
        dated="{number} du {day}",
        reason="Motif",
        reasons={
            "duplicate": "Facturé en double",
            "fraudulent": "Fraude",
            "order_change": "Modification de la commande",
            "product_unsatisfactory": "Produit non satisfaisant",
        },
        void="Annulé",
        credited="Montant crédité",
        total="Total crédité",
        refunded="Remboursé",
        to_balance="Crédité sur votre solde",
        out_of_band="Crédité par un autre moyen",
        off_invoice="Déduit de la facture {number}",
        off_any_invoice="Déduit de la facture",
        note="Avoir {number} du {day}",
        note_later="L’avoir {number} du {day} rend {amount} du montant payé.",
        payment="Paiement du {day}",
    ),
    # What Spanish law calls a document that corrects an invoice (Real Decreto 1619/2012, art. 15).
    "es": CreditNoteLabels(
        title="Factura rectificativa",
        number="Número de rectificativa",
        issued="Fecha de emisión",
        buyer="Destinatario",
        corrects="Rectifica la factura",
        dated="{number} del {day}",
        reason="Motivo",
        reasons={
            "duplicate": "Facturado dos veces",
            "fraudulent": "Fraude",
            "order_change": "Cambio del pedido",
            "product_unsatisfactory": "Producto insatisfactorio",
        },
        void="Anulada",
        credited="Importe abonado",
        total="Total abonado",
        refunded="Reembolsado",
        to_balance="Abonado a su saldo",
        out_of_band="Abonado por otro medio",
        off_invoice="Descontado de la factura {number}",
        off_any_invoice="Descontado de la factura",
        note="Factura rectificativa {number} del {day}",
        note_later="La factura rectificativa {number} del {day} devuelve {amount} de lo pagado.",
        payment="Pago del {day}",
    ),
    "ja": CreditNoteLabels(
        title="クレジットノート",
        number="クレジットノート番号",
        issued="発行日",
        buyer="宛先",
        corrects="訂正対象の請求書",
        dated="{number}（{day}）",
        reason="理由",
        reasons={
            "duplicate": "重複",
            "fraudulent": "不正",
            "order_change": "注文の変更",
            "product_unsatisfactory": "商品への不満",
        },
        void="無効",
        credited="減額合計",
        total="減額合計",
        refunded="返金額",
        to_balance="お客様の残高に加算",
        out_of_band="その他の方法で返金",
        off_invoice="請求書 {number} から減額",
        off_any_invoice="請求書から減額",
        note="クレジットノート {number}（{day}）",
        note_later="クレジットノート {number}（{day}）により、支払済額から {amount} を返金しました。",
        payment="{day} のお支払い",
    ),
}
