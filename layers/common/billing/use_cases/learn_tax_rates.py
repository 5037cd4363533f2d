"""Know the tax rates that documents name, also those that are older than this system's webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.domain.errors import BillingError, UnavailableError
from billing.domain.mirror import ObjectKind
from billing.domain.recovery import NotAllowedError

if TYPE_CHECKING:
    from billing.domain.credit_notes import CreditNote
    from billing.domain.invoices import Invoice
    from billing.use_cases.mirror_ports import Mirror, StripeObjects

_REMEMBERED = 10_000


class LearnTaxRates:
    """Fetches the rates that the mirror lacks.

    It remembers which it saw to, so that most invoices cost nothing. What cannot be learned, as Stripe does
    not tell it or the database refuses it, is remembered too, and asked for again by the next process.
    """

    def __init__(self, mirror: Mirror, stripe: StripeObjects) -> None:
        self._mirror = mirror
        self._stripe = stripe
        self._seen: set[str] = set()

    def __call__(self, document: Invoice | CreditNote) -> None:
        """Return when the mirror holds every rate of the document that Stripe knows.

        Raises
        ------
        UnavailableError
            The database or Stripe does not answer; what was learned before stays.
        """
        # The totals name every rate of every line, also of lines that the payload leaves out.
        taxes = (*document.taxes, *(tax for line in document.lines for tax in line.taxes))
        named = {tax.rate for tax in taxes if tax.rate is not None} - self._seen
        if not named:
            return
        for rate in sorted(self._mirror.unknown_tax_rates(named)):
            self._learn(rate)
        if len(self._seen) + len(named) > _REMEMBERED:
            self._seen.clear()
        self._seen |= named

    def _learn(self, rate: str) -> None:
        try:
            found = self._stripe.fetch(ObjectKind.TAX_RATE, rate)
            if found is not None:
                self._mirror.apply_all([(None, found)])
        except BillingError as error:
            if isinstance(error, UnavailableError) and not isinstance(error, NotAllowedError):
                raise
            # Another try would end alike, and the document stands: its rate has no name.
