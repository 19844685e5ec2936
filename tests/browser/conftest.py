"""Lets the tests of this folder share `shopping` and its fixtures."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from shopping import chromium, shop

__all__ = ["chromium", "shop"]
