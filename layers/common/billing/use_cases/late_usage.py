"""An operator says what becomes of a customer's late usage, or looks at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.domain.errors import NotFoundError

if TYPE_CHECKING:
    from billing.domain.usage import LatePolicy
    from billing.use_cases.usage_ports import UsagePolicies


@dataclass(frozen=True, slots=True)
class LateUsageHeld:
    """The policy that holds now, and the one before; the same where nothing was changed."""

    before: LatePolicy
    policy: LatePolicy


@dataclass(frozen=True, slots=True)
class LateUsage:
    """Sets the policy for usage that comes from now on; what has come stays where it counts."""

    policies: UsagePolicies

    def __call__(self, customer: str, policy: LatePolicy | None) -> LateUsageHeld:
        """Return what holds; None changes nothing.

        Raises
        ------
        NotFoundError
            The mirror has no such customer.
        UnavailableError
            The database does not answer.
        """
        if policy is None:
            before = self.policies.late_policy(customer)
        else:
            before = self.policies.set_late_policy(customer, policy)
        if before is None:
            raise NotFoundError(f"customer: {customer} is not known")
        return LateUsageHeld(before, policy or before)
