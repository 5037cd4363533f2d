"""Where everything of a document stands: one column, from who and when down to what is due."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from billing.adapters.pdf.credit_note_labels import CREDIT_NOTE_LABELS, status_of, title_of
from billing.adapters.pdf.discounts import line_discounts
from billing.adapters.pdf.formats import Formats
from billing.adapters.pdf.labels import LABELS
from billing.adapters.pdf.sums import sums
from billing.adapters.pdf.typography import Block, Column, Pages, Row, Style, rows
from billing.domain.credit_notes import CreditNoteStatus
from billing.domain.invoices import InvoiceStatus
from billing.domain.money import Money

if TYPE_CHECKING:
    from collections.abc import Iterator

    from billing.adapters.pdf.typography import Ruler
    from billing.domain.document_lines import DocumentLine
    from billing.domain.documents import InvoiceDocument
    from billing.domain.parties import Address, TaxId

_TITLE = Style(20, bold=True, accent=True)
_ALERT = Style(14, bold=True, alert=True)
_HEADLINE = Style(12, bold=True)
_STRONG = Style(bold=True)
_TEXT = Style()
_QUIET = Style(grey=100)
_SMALL = Style(8, grey=100)

_GAP = 4.0
_LOGO = (60.0, 16.0)  # at most
_DESCRIPTION_AT_LEAST = 50.0
_NOT_VALID = (InvoiceStatus.DRAFT, InvoiceStatus.VOID, CreditNoteStatus.VOID)


class InvoiceLayout:
    """Lays one document out on pages of `width` by `height`, the margins taken off."""

    def __init__(self, document: InvoiceDocument, width: float, height: float, ruler: Ruler) -> None:
        self._document = document
        self._width = width
        self._height = height
        self._ruler = ruler
        self._labels = LABELS[document.locale]
        self._formats = Formats(document.locale)
        footer = (document.seller.footer or "", _SMALL)
        self._colophon = tuple(rows([Column(0, width)], [footer], ruler))
        self._words = CREDIT_NOTE_LABELS[document.locale]
        self._title_text = title_of(document)
        self._status = status_of(document)

    def pages(self) -> Pages:
        """Return the pages, at least one."""
        pages = Pages(self._height - self.footer_height, self._running())
        for block in (*self._logo(), self._title(), self._facts(), self._parties(), self._headline()):
            pages.put(block)
        heading, *items = self._table()
        last = len(items) - 1
        room = self._carry(last)[0].height
        # A heading alone at the foot of a page says nothing: it goes with the first item.
        pages.put_together(heading, *items[:1], reserve=room if last > 0 else 0)
        for number, block in enumerate(items[1:], start=1):
            reserve = room if number < last else 0
            pages.put(block, heading, reserve=reserve, carry=partial(self._carry, number))
        pages.put(self._totals())
        for block in self._notes():
            pages.put(block)
        return pages

    def footer(self, page: int, pages: int) -> Block:
        """Return what stands below the text of a page."""
        number = self._labels.page.format(page=page, pages=pages)
        test = "" if self._document.livemode else self._labels.test_mode
        half = self._width / 2
        columns = [Column(0, half), Column(half, half, right=True)]
        return Block((*self._colophon, *rows(columns, [(test, _SMALL), (number, _SMALL)], self._ruler)))

    @property
    def footer_height(self) -> float:
        """How much higher than one row the footer is: the seller may have something to say on every page."""
        return Block(self._colophon).height

    @property
    def watermark(self) -> str:
        """What stands large behind every page; empty for a valid invoice."""
        return self._status.upper() if self._document.status in _NOT_VALID else ""

    def _sides(self, share: float) -> list[Column]:
        left = self._width * share
        return [Column(0, left - _GAP), Column(left, self._width - left, right=True)]

    def _logo(self) -> Iterator[Block]:
        logo = self._document.seller.logo
        if logo is not None:
            scale = min(_LOGO[0] / logo.width, _LOGO[1] / logo.height)
            width, height = logo.width * scale, logo.height * scale
            yield Block((Row((), height=height + _GAP, picture=(width, height)),))

    def _title(self) -> Block:
        alert = self._document.status in _NOT_VALID
        status = (self._status.upper(), _ALERT) if alert else (self._status, _HEADLINE)
        return Block(tuple(rows(self._sides(0.6), [(self._title_text, _TITLE), status], self._ruler)))

    def _running(self) -> Block:
        document = self._document
        name = " · ".join((self._title_text, document.number or document.id, document.seller.name))
        status = self._status.upper() if document.status in _NOT_VALID else ""
        texts = [(name, _SMALL), (status, Style(9, bold=True, alert=True))]
        return Block((*rows(self._sides(0.7), texts, self._ruler), Row((), height=_GAP)))

    def _facts(self) -> Block:
        document, labels, formats = self._document, self._labels, self._formats
        kind = labels if document.corrects is None else self._words
        facts = [
            (kind.number, document.number),
            (kind.issued, formats.day(document.issued)),
            *self._correction(),
            (labels.due_date, document.due_date and formats.day(document.due_date)),
            (labels.paid_at, document.paid_at and formats.day(document.paid_at)),
            (labels.voided_at, document.voided_at and formats.day(document.voided_at)),
            (labels.service, document.service and formats.span(document.service)),
        ]
        shown = [(name, value) for name, value in facts if value]
        label = max(self._ruler.width(self._ruler.printable(name), _QUIET) for name, _ in shown) + _GAP
        columns = [Column(0, label), Column(label, self._width - label)]
        lines = [
            row
            for name, value in shown
            for row in rows(columns, [(name, _QUIET), (value, _TEXT)], self._ruler)
        ]
        return Block((Row((), height=2), *lines), by_column=False)

    def _correction(self) -> Iterator[tuple[str, str | None]]:
        correction, words = self._document.corrects, self._words
        if correction is None:
            return
        number, issued = correction.invoice_number, correction.invoice_issued
        if number and issued:
            number = words.dated.format(number=number, day=self._formats.day(issued))
        yield words.corrects, number
        yield words.reason, words.reasons.get(correction.reason or "")

    def _parties(self) -> Block:
        seller, buyer, labels = self._document.seller, self._document.buyer, self._labels
        left = [
            (labels.seller, _QUIET),
            (seller.name, _STRONG),
            *((line, _TEXT) for line in self._address(seller.address)),
            *(
                (line, _TEXT)
                for line in (seller.email, *self._tax_ids(seller.tax_ids), seller.registration)
                if line
            ),
        ]
        right = [
            ((labels if self._document.corrects is None else self._words).buyer, _QUIET),
            *((line, _STRONG) for line in (buyer.name,) if line),
            *((line, _TEXT) for line in self._address(buyer.address)),
            *((line, _TEXT) for line in (buyer.email, *self._tax_ids(buyer.tax_ids)) if line),
        ]
        half = self._width / 2
        sides = [
            [row for text in side for row in rows([Column(x, half - _GAP)], [text], self._ruler)]
            for x, side in ((0, left), (half, right))
        ]
        empty = Row((), height=_TEXT.height)
        paired = [
            Row(one.cells + other.cells, height=_TEXT.height)
            for one, other in (
                (side[i] if i < len(side) else empty for side in sides) for i in range(max(map(len, sides)))
            )
        ]
        return Block((Row((), height=6), *paired))

    def _address(self, address: Address) -> list[str]:
        seller, buyer = self._document.seller.address.country, self._document.buyer.address.country
        return self._formats.address(address, home=seller if seller == buyer else None)

    def _tax_ids(self, tax_ids: tuple[TaxId, ...]) -> list[str]:
        return [f"{self._labels.tax_id}{self._labels.colon}{tax_id.value}" for tax_id in tax_ids]

    def _headline(self) -> Block:
        document = self._document
        if document.corrects is not None:
            amount, label = document.totals.total, self._words.credited
        elif document.status in (InvoiceStatus.VOID, InvoiceStatus.PAID):
            amount, label = document.totals.total, self._labels.total
        else:
            amount, label = document.totals.due, self._labels.due
        text = f"{label}{self._labels.colon}{self._formats.money(amount)}"
        lines = rows([Column(0, self._width)], [(text, _HEADLINE)], self._ruler, above=6)
        return Block((*lines, Row((), height=3)))

    def _table(self) -> Iterator[Block]:
        labels, currency = self._labels, self._document.currency.upper()
        head = (labels.item, labels.quantity, labels.unit_price, f"{labels.amount} ({currency})")
        body = [self._figures(line) for line in self._document.lines]
        columns = self._columns([head[1:], *body])
        heading = rows(columns, [(text, _QUIET) for text in head], self._ruler)
        yield Block((*heading, Row((), height=2, above=0.5, rule=(0, self._width))))
        for line, figures in zip(self._document.lines, body, strict=True):
            texts = [(line.description or "-", _TEXT), *((figure, _TEXT) for figure in figures)]
            small = [
                row
                for text in self._particulars(line)
                for row in rows(columns[:1], [(text, _SMALL)], self._ruler)
            ]
            yield Block((*rows(columns, texts, self._ruler), *small, Row((), height=2)))

    def _carry(self, number: int) -> tuple[Block, Block]:
        """Return what ends a page before the line of this number, and what begins the next."""
        currency = self._document.currency
        amount = sum((line.amount for line in self._document.lines[:number]), start=Money(0, currency))
        texts = [
            (label, self._formats.money(amount)) for label in (self._labels.carried, self._labels.brought)
        ]
        columns = self._sides(0.6)
        carried, brought = (
            rows(columns, [(label, _QUIET), (figure, _QUIET)], self._ruler, above=0.5)
            for label, figure in texts
        )
        return Block(tuple(carried), by_column=False), Block((*brought, Row((), height=2)), by_column=False)

    def _figures(self, line: DocumentLine) -> tuple[str, str, str]:
        formats, currency = self._formats, self._document.currency
        return (
            "" if line.quantity is None else formats.number(line.quantity),
            "" if line.unit_amount is None else formats.unit_price(line.unit_amount, currency),
            formats.money(line.amount),
        )

    def _particulars(self, line: DocumentLine) -> Iterator[str]:
        period = "" if line.period is None else self._formats.span(line.period)
        marks = [part for part in (period, self._labels.proration if line.proration else "") if part]
        if marks:
            yield " · ".join(marks)
        # A discount of the whole invoice is spread over its lines too: it is told once, below.
        if self._document.totals.item_discount.amount:
            yield from line_discounts(line, self._document.locale, self._formats)

    def _columns(self, figures: list[tuple[str, ...]]) -> list[Column]:
        at_most = (self._width - _DESCRIPTION_AT_LEAST) / 3 - _GAP
        widths = [
            min(at_most, max(self._ruler.width(self._ruler.printable(text), _TEXT) for text in column))
            for column in zip(*figures, strict=True)
        ]
        columns: list[Column] = []
        x = self._width
        for width in reversed(widths):
            columns.insert(0, Column(x - width, width, right=True))
            x -= width + _GAP
        return [Column(0, x), *columns]

    def _totals(self) -> Block:
        lines = [
            (row.label, self._formats.money(row.amount), _STRONG if row.strong else _TEXT)
            for row in sums(self._document, self._formats)
        ]
        amount = max(self._ruler.width(self._ruler.printable(text), style) for _, text, style in lines)
        left = self._width * 0.42
        columns = [
            Column(left, self._width - left - amount - _GAP),
            Column(self._width - amount, amount, right=True),
        ]
        placed = [
            row
            for label, text, style in lines
            for row in rows(columns, [(label, style), (text, style)], self._ruler, above=1)
        ]
        return Block((Row((), height=2, above=1, rule=(0, self._width)), *placed), by_column=False)

    def _without_tax(self) -> str:
        reasons = {tax.reason for tax in self._document.totals.taxes}
        exempt = self._document.buyer.tax_exempt
        if exempt == "reverse" or "reverse_charge" in reasons:
            return self._labels.reverse_charge
        if exempt == "exempt" or reasons & {"customer_exempt", "product_exempt"}:
            return self._labels.exempt
        return ""

    def _notes(self) -> Iterator[Block]:
        document, labels = self._document, self._labels
        balance = self._formats.money(document.starting_balance)
        payable = document.status is InvoiceStatus.OPEN and document.totals.due.amount > 0
        notes = [
            f"{labels.starting_balance}{labels.colon}{balance}" if document.starting_balance.amount else "",
            self._without_tax(),
            (payable and document.seller.payment_note) or "",
            *(
                self._words.note_later.format(
                    number=credit.number,
                    day=self._formats.day(credit.issued),
                    amount=self._formats.money(credit.after),
                )
                for credit in document.credits
                if credit.after.amount
            ),
            document.memo or "",
            document.footer or "",
        ]
        for note in notes:
            if note.strip():
                yield Block(tuple(rows([Column(0, self._width)], [(note, _TEXT)], self._ruler, above=4)))
