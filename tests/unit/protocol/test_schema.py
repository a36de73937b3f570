import json
from typing import Any

import jsonschema
import pytest

from stream_guard.protocol import codec, schema
from tests.unit.protocol import samples

pytestmark = pytest.mark.unit


def validator(entry: str) -> jsonschema.Draft202012Validator:
    built = schema.build()
    return jsonschema.Draft202012Validator({"$defs": built["$defs"], "$ref": f"#/$defs/{entry}"})


def written(name: str) -> Any:
    return json.loads(codec.encode({**samples.SERVER, **samples.CLIENT}[name]))


def test_the_file_in_the_package_is_what_the_types_give():
    assert schema.PATH.read_text(encoding="utf-8") == schema.render(), (
        "the messages changed: run python -m stream_guard.protocol.schema"
    )


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(schema.build())


@pytest.mark.parametrize("name", samples.SERVER)
def test_what_the_server_writes_is_a_server_message_and_no_client_message(name: str):
    validator("ServerMessage").validate(written(name))
    assert not validator("ClientMessage").is_valid(written(name))


@pytest.mark.parametrize("name", samples.CLIENT)
def test_what_a_client_writes_is_a_client_message(name: str):
    validator("ClientMessage").validate(written(name))


def test_clients_may_leave_things_out_and_servers_never_do():
    validator("ClientMessage").validate({"type": "subscribe"})
    event = written("event_cut")
    for key in event:
        if key in ("type", "v"):  # without a type it is nothing at all
            continue
        less = {name: value for name, value in event.items() if name != key}
        assert not validator("ServerMessage").is_valid(less), key


def test_values_out_of_range_and_unknown_fields_are_refused():
    scores = written("scores")
    scores["faces"][0]["authenticity"] = 1.2
    assert not validator("ServerMessage").is_valid(scores)
    assert not validator("ServerMessage").is_valid({**written("event_cut"), "more": 1})
