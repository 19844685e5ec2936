"""Routes of audit."""

from entrepot.kernel.routes import get, listing, post
from entrepot.modules.audit import commands, queries

routes = [
    listing("/audit/trail", queries.TRAIL),
    listing("/events", queries.EVENTS),
    get("/events/parked", queries.list_parked),
    post("/events/parked/retry", commands.retry_parked),
    post("/events/parked/skip", commands.skip_parked),
    post("/events/replay", commands.replay_range),
    get("/events/{event_id}", queries.get_event),
    post("/events/{event_id}/replay", commands.replay_event),
    listing("/jobs", queries.JOBS),
    listing("/holds", queries.HOLDS),
    post("/holds", commands.place_hold, created=True),
    post("/holds/{hold_id}/release", commands.release_hold),
    listing("/overdue", queries.OVERDUE),
    post("/status/change", commands.change_status),
    get("/status/{entity_type}/{entity_id}/history", queries.get_history),
]
