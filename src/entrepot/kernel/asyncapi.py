"""AsyncAPI 3.0 of the events: which are told, by whom, and who hears them. Generated, never written."""

from __future__ import annotations

from typing import Any

from entrepot import __version__
from entrepot.kernel.module import KERNEL_EVENTS, Catalogue
from entrepot.kernel.openapi import about, resolved
from entrepot.kernel.parameters import Json, SchemaOf, plain
from entrepot.pure.events import Envelope, Event

# CloudEvents 1.0 asks for the first four; the rest is ours and always there.
REQUIRED = ["specversion", "id", "type", "source", "subject", "time", "tenant", "version", "data"]


def asyncapi(catalogue: Catalogue) -> Json:
    """Every event as a channel: a `send` for the module that tells it here, a `receive` for every subscription."""
    modules = [*catalogue.modules.values(), *catalogue.elsewhere.values()]
    told = dict(sorted(catalogue.events.items()))

    def messages(schema_of: SchemaOf) -> Json:
        found = {name: _message(name, kind, schema_of) for name, kind in told.items()}
        return {"messages": found, "envelope": schema_of(Envelope)}

    content, schemas = resolved(messages)
    envelope = schemas["Envelope"]
    envelope["required"] = REQUIRED
    envelope["properties"]["specversion"] = {"const": "1.0"}
    for name in ("time", "id", "tenant", "actor", "entity"):
        envelope["properties"][name] = {"type": "string", "format": "date-time" if name == "time" else "uuid"}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Entrepot events",
            "version": __version__,
            "description": "What happened, in the past tense. Envelopes follow CloudEvents 1.0. Events of one subject "
            "are handled in the order they happened; each takes effect once.",
            "license": {"name": "Apache-2.0"},
            "tags": [{"name": module.title, "description": about(module)} for module in modules],
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            name: {"address": name, "messages": {"event": {"$ref": f"#/components/messages/{name}"}}} for name in told
        },
        "operations": _operations(catalogue),
        "components": {"messages": content["messages"], "schemas": schemas},
    }


def _message(name: str, kind: type[Event], schema_of: SchemaOf) -> Json:
    words = " ".join((kind.__doc__ or "").split()) if kind.__doc__ != Event.__doc__ else ""
    found: Json = {
        "name": name,
        "title": kind.__name__,
        "summary": words or kind.__name__,
        "contentType": "application/cloudevents+json",
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/Envelope"},
                {
                    "type": "object",
                    "properties": {
                        "type": {"const": name},
                        "version": {"const": kind.event_version},
                        "data": plain(schema_of(kind)),
                    },
                },
            ]
        },
        "x-about": kind.event_about,
    }
    if kind.event_aliases:
        found["x-aliases"] = list(kind.event_aliases)
    return found


def _operations(catalogue: Catalogue) -> Json:
    # What the kernel tells, it tells for every module.
    found: Json = {f"tell/{kind.event_name}": _on(kind.event_name, "send") for kind in KERNEL_EVENTS}
    for module in catalogue.modules.values():
        for kind in module.event_classes():
            found[f"tell/{kind.event_name}"] = {**_on(kind.event_name, "send"), "tags": [{"name": module.title}]}
    for reaction in catalogue.reactions:
        module = catalogue.modules[reaction.name.split(".", 1)[0]]
        words: Any = " ".join((reaction.handler.__doc__ or "").split()) or reaction.name
        for name in sorted(reaction.events):
            found[f"{reaction.name}/{name}"] = {
                **_on(name, "receive"),
                "summary": words,
                "tags": [{"name": module.title}],
            }
    return found


def _on(name: str, action: str) -> Json:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/event"}],
    }
