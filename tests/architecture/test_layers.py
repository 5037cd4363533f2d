"""What the layers may leave out."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_the_layer_keeps_what_the_functions_call_of_aws() -> None:
    """Given the code's boto3 clients, when the layer leaves services out of botocore, then none of those."""
    makefile = (PROJECT / "layers/common/Makefile").read_text()
    [kept] = re.findall(r"^SERVICES = (.+)$", makefile, re.MULTILINE)
    sources = [path.read_text() for path in (PROJECT / "layers/common/billing").rglob("*.py")]
    called = {name for source in sources for name in re.findall(r'\bclient\(\s*"([a-z0-9-]+)"', source)}
    # Powertools makes these clients itself: idempotency records, and flags from AppConfig.
    assert set(kept.split("|")) == called | {"appconfigdata", "dynamodb"}
