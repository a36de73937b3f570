"""What docs/protocol.md shows is what the program speaks."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import Path

import pytest

from stream_guard.budget.plan import DropCause
from stream_guard.face import Reason
from stream_guard.models import manifest
from stream_guard.protocol import codec
from stream_guard.protocol.messages import (
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
from stream_guard.scoring.observation import Cue, EventKind, State

pytestmark = pytest.mark.unit

DOCUMENT = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)```", DOCUMENT, flags=re.S)


def named_after(word: str) -> list[str]:
    """The codes listed in the sentence that begins with a word."""
    sentence = re.search(rf"\b{word}:(.*?)\.\s", DOCUMENT, flags=re.S)
    assert sentence is not None, f"no list of {word}"
    return re.findall(r"`(\w+)`", sentence.group(1))


def test_every_message_has_its_example() -> None:
    shown = [json.loads(text)["type"] for text in EXAMPLES]
    assert shown == [
        kind.model_fields["type"].default
        for kind in (Hello, Engine, FaultReport, Session, Scores, Event, Stats, Challenge, Rehearsal, Subscribe)
    ]


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: json.loads(text)["type"])
def test_an_example_is_a_whole_message(text: str) -> None:
    """No field is missing, and none is there that the program does not know."""
    decode = codec.decode_client if '"subscribe"' in text else codec.decode_server
    assert json.loads(codec.encode(decode(text))) == json.loads(text)


def test_hello_shows_the_model_that_ships() -> None:
    path = Path(manifest.__file__).with_name("default.json")
    shipped = json.loads(path.read_text(encoding="utf-8"))
    hello = codec.decode_server(EXAMPLES[0])
    assert isinstance(hello, Hello)
    shown = hello.model.model_dump(exclude={"sha256"})
    assert shown == {name: shipped[name] for name in shown}


@pytest.mark.parametrize(
    ("word", "codes"), [("Reasons", Reason), ("Causes", DropCause), ("Kinds", EventKind), ("Cues", Cue)]
)
def test_lists_name_every_code_and_no_other(word: str, codes: type[StrEnum]) -> None:
    assert named_after(word) == list(codes)


def test_every_state_is_named() -> None:
    row = next(line for line in DOCUMENT.splitlines() if line.startswith("| `faces[].state`"))
    assert re.findall(r"`(\w+)`", row) == list(State)
