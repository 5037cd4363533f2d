"""Know what the discounts of documents are called, also those that no event of this system's webhook told.

Stripe returns no discount by its id, and tells of a customer's discounts only in events. So it is asked for
the document once more, with its discounts and their coupons in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.errors import RefusedError
from billing.domain.mirror import ObjectKind, kind_of
from billing.domain.recovery import NotAllowedError

if TYPE_CHECKING:
    from billing.domain.credit_notes import CreditNote
    from billing.domain.invoices import Invoice
    from billing.domain.mirror import Observation
    from billing.use_cases.ports import Mirror, StripeObjects

_REMEMBERED = 10_000


class LearnDiscounts:
    """Fetches the discounts that the mirror lacks, all of a document in one call.

    It remembers which it saw to, so that a document's later events cost nothing. What Stripe does not tell,
    or the database refuses, is remembered too, and asked for again by the next process.
    """

    def __init__(self, mirror: Mirror, stripe: StripeObjects) -> None:
        self._mirror = mirror
        self._stripe = stripe
        self._seen: set[str] = set()

    def __call__(self, document: Invoice | CreditNote) -> None:
        """Return when the mirror holds every discount of the document that Stripe tells.

        Raises
        ------
        UnavailableError
            The database or Stripe does not answer; nothing was learned.
        """
        amounts = (*document.discounts, *(amount for line in document.lines for amount in line.discounts))
        named = {amount.discount for amount in amounts} - self._seen
        if not named:
            return
        if self._mirror.unknown_discounts(named):
            self._learn(document)
        if len(self._seen) + len(named) > _REMEMBERED:
            self._seen.clear()
        self._seen |= named

    def _learn(self, document: Invoice | CreditNote) -> None:
        try:
            found = self._stripe.fetch_discounts(kind_of(document), document.id)
            self._mirror.apply_all([(None, each) for each in found if not self._is_known(each)])
        except (NotAllowedError, RefusedError):
            # Another try would end alike, and the document stands: its discounts have no names.
            return

    def _is_known(self, found: Observation) -> bool:
        """Return whether the mirror has a coupon of this id, which may be another one that took it since."""
        kind = kind_of(found.state)
        return kind is ObjectKind.COUPON and self._mirror.standing(kind, found.state.id) is not None
