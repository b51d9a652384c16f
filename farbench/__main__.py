"""`python -m farbench`."""

from __future__ import annotations

import sys

from farbench.cli import main

if __name__ == "__main__":
    sys.exit(main())
