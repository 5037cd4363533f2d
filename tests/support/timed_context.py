"""A Lambda context that tells how much time is left."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.support.lambdas import lambda_context


class TimedContext(LambdaContext):
    """A context with so many milliseconds left."""

    left = 300_000

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """Return how many milliseconds are left."""
        return TimedContext.left


def timed_context() -> TimedContext:
    """Return a context as the runtime gives it."""
    made = TimedContext()
    made.__dict__.update(lambda_context().__dict__)
    return made
