"""What tax does when others tell something."""

from entrepot.kernel.ctx import Ctx
from entrepot.kernel.relay import on
from entrepot.modules.identity.events import EntityCreated
from entrepot.modules.tax import commands


@on(EntityCreated)
async def give_starting_rates(ctx: Ctx, event: EntityCreated) -> None:
    """A business entity knows the rates of its country from the start."""
    await commands.start_with_rates(ctx, event.country)
