"""Routes of identity."""

from entrepot.kernel.routes import delete, get, listing, patch, post, put
from entrepot.modules.identity import queries
from entrepot.modules.identity.commands import people, pins, sessions, tenancy
from entrepot.modules.identity.tables import Role, User

routes = [
    post("/auth/token", sessions.log_in, public=True),
    post("/auth/refresh", sessions.refresh, public=True),
    post("/auth/logout", sessions.log_out),
    get("/me", queries.me),
    put("/me/pin", pins.set_own_pin),
    listing("/users", queries.USERS),
    post("/users", people.create_user, then=queries.get_user, created=True),
    get("/users/{user_id}", queries.get_user),
    patch("/users/{user_id}", people.change_user, then=queries.get_user, table=User),
    put("/users/{user_id}/pin", pins.set_pin),
    listing("/roles", queries.ROLES),
    post("/roles", people.create_role, then=queries.get_role, created=True),
    get("/roles/{role_id}", queries.get_role),
    patch("/roles/{role_id}", people.change_role, then=queries.get_role, table=Role),
    listing("/api-keys", queries.KEYS),
    post("/api-keys", people.create_api_key, created=True),
    get("/api-keys/{key_id}", queries.get_key),
    delete("/api-keys/{key_id}", people.revoke_api_key, then=queries.get_key),
    listing("/business-entities", queries.ENTITIES),
    post("/business-entities", tenancy.create_entity, then=queries.get_entity, created=True),
    get("/business-entities/{entity_id}", queries.get_entity),
]
