"""What discounts are called on a document, and what each took off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.adapters.pdf.labels import LABELS
from billing.domain.document_lines import summed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from billing.adapters.pdf.formats import Formats
    from billing.domain.document_lines import DocumentLine, NamedDiscount, Totals
    from billing.domain.money import Money


def discount_sums(totals: Totals, locale: str, formats: Formats) -> Iterator[tuple[str, Money]]:
    """Yield label and amount of each named discount of the whole document, and of the others in one."""
    yield from _named(totals.discounts, locale, formats)
    rest = _unnamed(totals.discount, totals.discounts)
    if rest.amount:
        yield LABELS[locale].discount, -rest


def line_discounts(line: DocumentLine, locale: str, formats: Formats) -> Iterator[str]:
    """Yield what stands below a line: each named discount of it, and the others in one."""
    for label, amount in _named(line.discounts, locale, formats):
        yield f"{label} · {formats.money(amount)}"
    rest = _unnamed(line.discount, line.discounts)
    if rest.amount:
        yield LABELS[locale].line_discount.format(amount=formats.money(-rest))


def _named(discounts: Sequence[NamedDiscount], locale: str, formats: Formats) -> Iterator[tuple[str, Money]]:
    labels = LABELS[locale]
    for each in discounts:
        if not (each.name and each.amount.amount):
            continue
        off = _off(each, formats)
        label = labels.discount_off if off else labels.named_discount
        yield label.format(name=each.name, off=off), -each.amount


def _off(discount: NamedDiscount, formats: Formats) -> str:
    if discount.percent_off is not None:
        return formats.percent(discount.percent_off)
    return "" if discount.amount_off is None else formats.money(discount.amount_off)


def _unnamed(whole: Money, discounts: Sequence[NamedDiscount]) -> Money:
    return whole - summed((each.amount for each in discounts if each.name), whole.currency)
