"""`python -m operate …`: what the Makefile calls."""

from __future__ import annotations

import sys

from operate.cli import main

sys.exit(main())
