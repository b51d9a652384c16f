"""Lets these tests use the results folders that the tests of tables write."""

import sys
from pathlib import Path

TABLES = Path(__file__).parents[1] / "tables"
if str(TABLES) not in sys.path:
    sys.path.append(str(TABLES))
