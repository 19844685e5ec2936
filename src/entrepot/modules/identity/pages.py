"""Pages of identity: people, what they may do, keys and companies."""

from entrepot.kernel.ui.declare import (
    DetailPage,
    FormPage,
    ListPage,
    Lookup,
    PermissionMatrix,
    Related,
    Secret,
    Section,
)
from entrepot.modules.identity import queries
from entrepot.modules.identity.commands import people, pins, tenancy

ROLES = Lookup(queries.ROLES, value="code", text="name")

pages = [
    ListPage(
        queries.USERS,
        icon="users",
        menu="Settings",
        order=10,
        columns=["name", "email", "roles", "active", "created_at"],
        filters=["active", "created_at"],
        hint="email",
        offers=["user_id", "owner_id", "assignee_id", "created_by"],
        empty="Invite the people you work with and give each a role.",
        new=FormPage(
            people.create_user,
            title="New user",
            icon="user-plus",
            fields=["name", "email", "password", "roles", "locale", "entity_id"],
            widgets={"roles": ROLES, "password": Secret()},
            hints={"password": "At least 12 characters. Leave it empty to let them choose one themselves."},
        ),
        open=DetailPage(
            queries.get_user,
            sections=[Section("Person", ["name", "email", "roles", "locale", "entity_id", "active"])],
            actions=[
                FormPage(
                    people.change_user,
                    fields=["name", "roles", "locale", "password", "active"],
                    widgets={"roles": ROLES, "password": Secret()},
                    hints={"password": "Leave it empty to keep the one they have."},
                ),
                FormPage(
                    pins.set_pin,
                    title="PIN for the till",
                    icon="key",
                    fields=["pin"],
                    widgets={"pin": Secret()},
                    hints={"pin": "4 to 8 digits. Leave it empty to take the PIN away."},
                    done="The PIN is set",
                ),
            ],
        ),
    ),
    ListPage(
        queries.ROLES,
        icon="shield-check",
        menu="Settings",
        order=20,
        columns=["name", "code", "permissions"],
        hint="code",
        intro="A role is a set of permissions. A user may have several.",
        new=FormPage(people.create_role, title="New role", widgets={"permissions": PermissionMatrix()}),
        open=DetailPage(
            queries.get_role,
            sections=[Section("Role", ["name", "code"]), Section("What it allows", ["permissions"])],
            actions=[FormPage(people.change_role, widgets={"permissions": PermissionMatrix()})],
        ),
    ),
    ListPage(
        queries.KEYS,
        title="API keys",
        icon="key",
        menu="Settings",
        order=30,
        columns=["name", "hint", "scopes", "created_at", "expires_at", "revoked_at"],
        intro="A key lets a program in, with exactly the permissions you give it.",
        empty="Make a key for each program that talks to us, so that each can be stopped alone.",
        new=FormPage(
            people.create_api_key,
            title="New API key",
            fields=["name", "expires_at", "entity_id", "scopes"],
            widgets={"scopes": PermissionMatrix()},
            shows_result=True,
        ),
        open=DetailPage(
            queries.get_key,
            title="API key",
            actions=[
                FormPage(
                    people.revoke_api_key,
                    title="Revoke key",
                    icon="circle-x",
                    danger=True,
                    confirm="Programs that use this key are locked out at once. This cannot be undone.",
                    done="The key is revoked",
                    when={"revoked_at": None},
                )
            ],
        ),
    ),
    ListPage(
        queries.ENTITIES,
        title="Companies",
        icon="building",
        menu="Settings",
        order=40,
        columns=["code", "name", "country", "currency", "vat_number", "active"],
        hint="code",
        offers=["entity_id", "business_entity_id", "entity"],
        intro="Each company has books, numbers and settings of its own.",
        new=FormPage(
            tenancy.create_entity,
            title="New company",
            icon="building-store",
            fields=["code", "name", "legal_name", "country", "currency", "vat_number", "email", "address"],
        ),
        open=DetailPage(
            queries.get_entity,
            title="Company",
            sections=[
                Section("Company", ["code", "name", "legal_name", "active"]),
                Section("Where and how", ["country", "currency", "vat_number", "email", "address"]),
            ],
            related=[Related(queries.USERS, "entity_id", title="Its users")],
        ),
    ),
]
