"""What can go wrong, in the words of billing; entrypoints map these to HTTP, queues to retries."""


class BillingError(Exception):
    """Base of every error that this system raises on purpose.

    The message is safe to show to the caller: it never holds a secret or anything internal.
    """


class InvalidParameterError(BillingError):
    """A caller's value breaks a rule; `field` names it as the caller wrote it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class NotFoundError(BillingError):
    """The object does not exist, or belongs to somebody else: the caller cannot tell which."""


class EInvoiceIncompleteError(BillingError):
    """The invoice has no e-invoice; `missing` names what lacks for one, at least one thing."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        super().__init__(f"This invoice has no e-invoice; it lacks {', '.join(missing)}.")
        self.missing = missing


class UnauthenticatedError(BillingError):
    """No credentials, or credentials that do not hold."""


class MissingCredentialsError(UnauthenticatedError):
    """The request carries no credentials at all."""


class ForbiddenError(BillingError):
    """Valid credentials of the wrong role."""


class FeatureDisabledError(BillingError):
    """The feature is switched off by its flag."""

    def __init__(self, feature: str) -> None:
        super().__init__(f"The feature '{feature}' is switched off.")
        self.feature = feature


class UnavailableError(BillingError):
    """A part that this system stands on does not answer; trying again later may work.

    `dependency` is a short name for logs and metrics: database, queue, storage, stripe, secrets.
    """

    def __init__(self, dependency: str) -> None:
        super().__init__(f"The {dependency} does not answer.")
        self.dependency = dependency


class RefusedError(BillingError):
    """The database refuses one of several states; which one is found out by writing them one by one."""


class SignatureRejectedError(BillingError):
    """A webhook's signature is missing, malformed, wrong, too old or from the future."""


class PayloadRejectedError(BillingError):
    """A webhook's body is empty, oversized, not UTF-8, or not a JSON event."""


class ContentionError(BillingError):
    """An object kept changing while its state was settled; a later try will find it at rest."""
