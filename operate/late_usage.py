"""`make late-usage`: what becomes of a customer's usage that comes after its period was billed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from operate.cloud import OperateError

if TYPE_CHECKING:
    from operate.cloud import Cloud


def late_usage(cloud: Cloud, out: TextIO, customer: str, policy: str | None) -> int:
    """Set the policy, or show it where None is given; return 0.

    Raises
    ------
    OperateError
        The customer is not known, or the policy is none; the message names which.
    """
    asked = {"customer": customer} if policy is None else {"customer": customer, "policy": policy}
    answer = cloud.call("LateUsageFunctionName", asked)
    if "error" in answer:
        raise OperateError(str(answer["error"]))
    changed = answer["before"] != answer["policy"]
    out.write(f"{customer}: {answer['policy']}{' (was ' + answer['before'] + ')' if changed else ''}\n")
    return 0
