"""SAM's own word on the template; the local cloud's fixture builds and deploys it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_the_template_is_valid_to_sam_and_clean_to_its_linter() -> None:
    """Given the template, when `sam validate --lint` reads it, then it finds nothing."""
    sam = os.environ.get("SAM", str(PROJECT / ".local/tools/sam/bin/sam"))
    validated = subprocess.run(  # noqa: S603 -- the project's own tool
        [sam, "validate", "--lint", "--region", "eu-west-1", "--template", "template.yaml"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert validated.returncode == 0, validated.stdout + validated.stderr
    assert "is a valid SAM Template" in validated.stdout
