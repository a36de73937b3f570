"""The JSON Schema of the wire, made from the types. ``python -m stream_guard.protocol.schema`` writes it anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from stream_guard.protocol.messages import (
    VERSION,
    Challenge,
    Engine,
    Event,
    FaultReport,
    Hello,
    Rehearsal,
    Scores,
    Session,
    Stats,
    Subscribe,
)

__all__ = ["PATH", "build", "render"]

PATH = Path(__file__).with_name("schema.json")
"""Where the schema lies in the package."""

_SERVER = (Hello, Engine, FaultReport, Scores, Event, Stats, Session, Challenge, Rehearsal)
_CLIENT = (Subscribe,)


def build() -> dict[str, Any]:
    """Return the schema (draft 2020-12): ``#/$defs/ServerMessage`` and ``#/$defs/ClientMessage`` are the entries.

    What the server says is described as it is written (every field is there), what a client says as it is read
    (fields with a default may be missing).
    """
    refs, shared = models_json_schema(
        [*((model, "serialization") for model in _SERVER), *((model, "validation") for model in _CLIENT)],
        ref_template="#/$defs/{model}",
    )
    for name, definition in shared["$defs"].items():
        if "properties" in definition and name not in {model.__name__ for model in _CLIENT}:
            definition["required"] = list(definition["properties"])
    definitions = {
        **shared["$defs"],
        "ServerMessage": {"oneOf": [refs[model, "serialization"] for model in _SERVER]},
        "ClientMessage": {"oneOf": [refs[model, "validation"] for model in _CLIENT]},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"stream-guard wire, version {VERSION}",
        "oneOf": [{"$ref": "#/$defs/ServerMessage"}, {"$ref": "#/$defs/ClientMessage"}],
        "$defs": dict(sorted(definitions.items())),
    }


def render() -> str:
    """Return the schema as the text of ``schema.json``."""
    return json.dumps(build(), indent=2) + "\n"


if __name__ == "__main__":
    PATH.write_text(render(), encoding="utf-8")
