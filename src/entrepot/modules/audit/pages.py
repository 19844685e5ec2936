"""Pages of audit: who changed what, what modules told each other, what is parked, and work in the background."""

from entrepot.kernel.ui.declare import DetailPage, FormPage, ListPage, ReportPage, Section
from entrepot.modules.audit import commands, queries

pages = [
    ListPage(
        queries.TRAIL,
        title="Audit trail",
        icon="history",
        menu="System",
        order=10,
        columns=["entity_type", "action", "actor_name", "at", "new"],
        filters=["entity_type", "action", "actor_name", "at"],
        searched=False,
        intro="Who changed what, when, and from where. Nobody can change this list.",
        empty="Every change anybody makes appears here, with who, when and what.",
    ),
    ListPage(
        queries.EVENTS,
        icon="webhook",
        menu="System",
        order=20,
        columns=["name", "at", "subject", "source"],
        filters=["name", "subject", "at"],
        searched=False,
        intro="What the parts of the system told each other, in order.",
        empty="What modules tell each other appears here.",
        open=DetailPage(
            queries.get_event,
            title="Event",
            name="type",
            by="id",
            sections=[
                Section("Event", ["type", "time", "subject", "source", "correlation"]),
                Section("What it says", ["data"]),
            ],
            actions=[
                FormPage(
                    commands.replay_event,
                    title="Replay event",
                    icon="refresh",
                    hints={"subscription": "Whose handler runs again, such as orders.cancel_short_orders."},
                    done="It is handled again",
                )
            ],
        ),
    ),
    ReportPage(
        queries.list_parked,
        path="/events/parked",
        title="Parked events",
        icon="alert-triangle",
        menu="System",
        order=30,
        columns=["name", "subscription", "attempts", "next_at", "error"],
        drill="/events/parked/{subscription}/{event_id}/retry",
        intro="Events whose handler failed. Each is tried again by itself; you can also try it now, or skip it.",
        empty="Nothing is parked: every event was handled.",
    ),
    FormPage(
        commands.retry_parked,
        path="/events/parked/{subscription}/{event_id}/retry",
        title="Try again now",
        icon="refresh",
        intro="Or skip it, if it must never be handled.",
        done="It is tried again now",
        then="/events/parked",
    ),
    FormPage(
        commands.skip_parked,
        path="/events/parked/{subscription}/{event_id}/skip",
        title="Skip parked event",
        icon="x",
        danger=True,
        done="It is skipped",
        then="/events/parked",
    ),
    ListPage(
        queries.JOBS,
        icon="clock",
        menu="System",
        order=40,
        columns=["name", "state", "run_at", "attempts", "error"],
        filters=["state", "name", "created_at"],
        searched=False,
        empty="Work that runs in the background appears here.",
    ),
]
