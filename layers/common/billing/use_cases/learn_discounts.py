"""Know what the discounts of documents are called, also those that no event of this system's webhook told.

Stripe returns no discount by its id, and tells of a customer's discounts only in events. So it is asked for
the document once more, with its discounts and their coupons in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.errors import BillingError, RefusedError, UnavailableError
from billing.domain.lifecycles import kind_of
from billing.domain.mirror import ObjectKind
from billing.domain.recovery import NotAllowedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from billing.domain.credit_notes import CreditNote
    from billing.domain.invoices import Invoice
    from billing.domain.mirror import Observation
    from billing.domain.recovery import ObjectPage
    from billing.use_cases.mirror_ports import Mirror, StripeObjects

    type Document = Invoice | CreditNote
    type Fetch = Callable[[Document], Sequence[Observation]]

_REMEMBERED = 10_000


class LearnDiscounts:
    """Fetches the discounts that the mirror lacks, all of a document in one call.

    It remembers which it saw to, so that a document's later events cost nothing. What cannot be learned, as
    Stripe does not tell it or the database refuses it, is remembered too, and asked for again by the next
    process.
    """

    def __init__(self, mirror: Mirror, stripe: StripeObjects) -> None:
        self._mirror = mirror
        self._stripe = stripe
        self._seen: set[str] = set()

    def __call__(
        self,
        *documents: Document,
        each: Callable[[Fetch, Sequence[Document]], Iterable[Sequence[Observation]]] = map,
    ) -> None:
        """Return when the mirror holds every discount of the documents that Stripe tells.

        `each` is as the built-in map, and may ask Stripe in other threads.

        Raises
        ------
        UnavailableError
            The database or Stripe does not answer; nothing was learned.
        """
        named = [(document, _named(document) - self._seen) for document in documents]
        wanted = {discount for _, discounts in named for discount in discounts}
        if not wanted:
            return
        left, asked = set(self._mirror.unknown_discounts(wanted)), []
        for document, discounts in named:
            # A discount of a subscription is on many invoices, and one of them tells it.
            if discounts & left:
                asked.append(document)
                left -= discounts
        self._write([seen for found in each(self._fetch, asked) for seen in found])
        if len(self._seen) + len(wanted) > _REMEMBERED:
            self._seen.clear()
        self._seen |= wanted

    def coupons(self, page: ObjectPage) -> None:
        """Return when the mirror holds the coupons of the discounts of a page, as far as the page tells them.

        Raises
        ------
        UnavailableError
            The database does not answer.
        """
        if page.coupons and self._mirror.unknown_discounts([seen.state.id for seen in page.observations]):
            self._write(page.coupons)

    def _fetch(self, document: Document) -> Sequence[Observation]:
        try:
            return self._stripe.fetch_discounts(kind_of(document), document.id)
        except BillingError as error:
            if isinstance(error, UnavailableError) and not isinstance(error, NotAllowedError):
                raise
            # Another try would end alike, and the document stands: its discounts have no names.
            return ()

    def _write(self, found: Sequence[Observation]) -> None:
        for seen in found:
            if self._is_known(seen):
                continue
            try:
                self._mirror.apply_all([(None, seen)])
            except RefusedError:
                # As above; the others may have theirs.
                continue

    def _is_known(self, seen: Observation) -> bool:
        """Return whether the mirror has a coupon of this id, which may be another one that took it since."""
        kind = kind_of(seen.state)
        return kind is ObjectKind.COUPON and self._mirror.standing(kind, seen.state.id) is not None


def _named(document: Document) -> set[str]:
    amounts = (*document.discounts, *(amount for line in document.lines for amount in line.discounts))
    return {amount.discount for amount in amounts}
