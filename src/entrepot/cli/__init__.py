"""The `entrepot` command."""

from entrepot.cli.main import main

__all__ = ["main"]
