"""The `entrepot` command."""

import gc

__all__ = ["main"]


def main() -> None:
    """The entry point. Nothing that is loaded at the start is garbage, and looking for it takes a sixth of that time:
    `settle_down` takes it up again."""
    gc.disable()
    from entrepot.cli.main import app

    app()
