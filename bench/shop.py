"""What the load knows of the system: the folder everything is in, and where to sell what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Shop:
    """A tenant to sell in: a token of its administrator, its SKUs and its customers."""

    tenant: str
    slug: str
    token: str
    skus: list[str]
    customers: list[str]
