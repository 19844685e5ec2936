"""Worlds with the trial module: one for the session, and fresh ones for tests that need the database for themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from entrepot.testing.world import Person, World, one_process, running
from tests.kernel.trial.manifest import module, statements

MakeWorld = Callable[..., Awaitable[World]]


@pytest.fixture(scope="session")
async def trial(server: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Identity, platform and the trial module in one house; a test is a tenant of its own in it."""
    home = tmp_path_factory.mktemp("home")
    made = await one_process(server, home, modules=["identity", "platform"], extra=[module], sql=statements())
    async with running(made) as world:
        yield world


@pytest.fixture
async def ada(trial: World) -> Person:
    """The administrator of a fresh tenant."""
    return await trial.tenant()


@pytest.fixture
async def make_world(server: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MakeWorld]:
    """Makes worlds with a database of their own, with the given settings."""
    async with AsyncExitStack() as stack:

        async def make(**options: Any) -> World:
            home = tmp_path_factory.mktemp("home")
            world = await one_process(
                server, home, modules=["identity", "platform"], extra=[module], sql=statements(), **options
            )
            return await stack.enter_async_context(running(world))

        yield make


@pytest.fixture
async def fresh(make_world: MakeWorld) -> World:
    """A world with a database of its own."""
    return await make_world()
