"""Fixtures of every test."""

from entrepot.testing.world import ctx, house_world, server, tenant, world

pytest_plugins = ["entrepot.testing.covers"]
__all__ = ["ctx", "house_world", "server", "tenant", "world"]
