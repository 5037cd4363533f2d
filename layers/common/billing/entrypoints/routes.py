"""Every route of the HTTP API, once: the handlers, the authorizer and the tests read this table."""

from __future__ import annotations

from dataclasses import dataclass

from billing.domain.features import Feature
from billing.domain.principals import Role, Via


@dataclass(frozen=True, slots=True)
class Route:
    """One route; `path` is written as API Gateway does, and `role` is None where anyone may call.

    `via` is how the caller must have authenticated, None where either way will do.
    """

    method: str
    path: str
    role: Role | None
    feature: Feature | None
    via: Via | None = None

    @property
    def key(self) -> str:
        """API Gateway's routeKey."""
        return f"{self.method} {self.path}"


GET_FEATURES = Route("GET", "/api/v1/meta/features", role=None, feature=None)
GET_INFO = Route("GET", "/api/v1/meta/info", role=None, feature=None)
LIST_INVOICES = Route("GET", "/api/v1/billing/invoices", Role.CUSTOMER, Feature.INVOICES)
GET_INVOICE = Route("GET", "/api/v1/billing/invoices/{id}", Role.CUSTOMER, Feature.INVOICES)
GET_INVOICE_PDF = Route("GET", "/api/v1/billing/invoices/{id}/pdf", Role.CUSTOMER, Feature.INVOICE_PDF)
GET_INVOICE_XML = Route("GET", "/api/v1/billing/invoices/{id}/xml", Role.CUSTOMER, Feature.EINVOICE)
GET_CREDIT_NOTE_PDF = Route(
    "GET", "/api/v1/billing/credit-notes/{id}/pdf", Role.CUSTOMER, Feature.CREDIT_NOTE_PDF
)
INGEST_USAGE = Route("POST", "/api/v1/billing/usage/events", Role.CUSTOMER, Feature.USAGE_INGEST, Via.API_KEY)
GET_ALERTS = Route("GET", "/api/v1/billing/alerts", Role.CUSTOMER, Feature.ALERTS)
PUT_ALERTS = Route("PUT", "/api/v1/billing/alerts", Role.CUSTOMER, Feature.ALERTS)
GET_CURRENT_USAGE = Route("GET", "/api/v1/billing/usage/current", Role.CUSTOMER, Feature.USAGE)
GET_USAGE_HISTORY = Route("GET", "/api/v1/billing/usage/history", Role.CUSTOMER, Feature.USAGE)

ROUTES = {
    route.key: route
    for route in (
        GET_FEATURES,
        GET_INFO,
        LIST_INVOICES,
        GET_INVOICE,
        GET_INVOICE_PDF,
        GET_INVOICE_XML,
        GET_CREDIT_NOTE_PDF,
        GET_CURRENT_USAGE,
        GET_USAGE_HISTORY,
        INGEST_USAGE,
        GET_ALERTS,
        PUT_ALERTS,
    )
}
