"""Identity in one value."""

from entrepot.kernel.access import Access, LogIn
from entrepot.kernel.facade import offer
from entrepot.kernel.module import Module
from entrepot.modules.identity import api, commands, events, pages, queries, tables
from entrepot.modules.identity.commands import passkeys, pins, proving, sessions
from entrepot.modules.identity.contract import Identity

module = Module(
    name="identity",
    tier=1,
    title="Identity",
    permissions={
        "users.view": "See users and roles",
        "users.edit": "Create and change users and roles",
        "keys.view": "See API keys",
        "keys.edit": "Create and revoke API keys",
        "entities.edit": "Create and change business entities",
    },
    tables=tables,
    events=events,
    commands=commands,
    queries=queries,
    routes=api.routes,
    pages=pages.pages,
    jobs=[proving.send_reset],
    offers=[
        offer(Access, queries.authenticate, queries.tenant, queries.tenants),
        offer(
            LogIn,
            sessions.open_browser,
            sessions.close,
            proving.forgot,
            proving.reset,
            proving.factor,
            proving.set_factor,
            proving.drop_factor,
            pins.choose_pin,
            passkeys.passkeys,
            passkeys.passkey_offer,
            passkeys.add_passkey,
            passkeys.drop_passkey,
            passkeys.passkey_door,
            passkeys.open_by_passkey,
        ),
        offer(Identity, queries.entity, queries.entities, queries.names, queries.cashiers, pins.open_till),
    ],
)
