"""What may go wrong in the local cloud and is the developer's to mend: one sentence, no traceback."""

from __future__ import annotations


class LocalCloudError(Exception):
    """An expected failure; its message is one sentence that says what to do, and names the log if any."""
