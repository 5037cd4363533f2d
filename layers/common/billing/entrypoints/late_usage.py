"""The policy for late usage, as an operator sets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from billing.domain.errors import InvalidParameterError, NotFoundError
from billing.domain.usage import LatePolicy
from billing.entrypoints.observability import logger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from billing.use_cases.late_usage import LateUsage

_LONGEST = 255
_MEMBERS = ("customer", "policy")


def late_usage(event: Mapping[str, Any], run: LateUsage) -> dict[str, object]:
    """Set {"customer": id, "policy": name}, or tell what holds without a policy; an error names the member.

    Raises
    ------
    UnavailableError
        The database does not answer.
    """
    try:
        customer, policy = _given(event)
        held = run(customer, policy)
    except (InvalidParameterError, NotFoundError) as error:
        return {"error": str(error)}
    facts: dict[str, object] = {
        "customer": customer,
        "before": held.before.value,
        "policy": held.policy.value,
    }
    if held.before is not held.policy:
        logger().info("the policy for late usage was changed", extra=facts)
    return facts


def _given(event: Mapping[str, Any]) -> tuple[str, LatePolicy | None]:
    for name in event:
        if name not in _MEMBERS:
            raise InvalidParameterError(name, "is not known here")
    customer, policy = event.get("customer"), event.get("policy")
    if not isinstance(customer, str) or not 0 < len(customer) <= _LONGEST or not customer.isprintable():
        raise InvalidParameterError("customer", "must be the id of a customer")
    if policy is None:
        return customer, None
    if not isinstance(policy, str) or policy not in set(LatePolicy):
        raise InvalidParameterError("policy", f"must be one of {', '.join(LatePolicy)}")
    return customer, LatePolicy(policy)
