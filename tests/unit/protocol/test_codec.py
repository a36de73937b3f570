import json
from pathlib import Path

import pytest

from stream_guard.errors import ProtocolError
from stream_guard.face import Box, Reason
from stream_guard.protocol import codec
from stream_guard.protocol.messages import BudgetReport, ServerMessage, Subscribe, TransportReport
from stream_guard.scoring.observation import Cue, Driver, EventKind, FaceScore, ScoreEvent, State, Update
from tests.unit.protocol import samples

pytestmark = pytest.mark.unit

GOLDEN = Path(__file__).parents[2] / "golden"


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.json").read_text(encoding="utf-8").removesuffix("\n")


@pytest.mark.parametrize("name", samples.SERVER)
def test_golden_server_messages_are_read_and_written_alike(name: str):
    message: ServerMessage = samples.SERVER[name]
    assert codec.decode_server(golden(name)) == message
    assert codec.encode(message) == golden(name)


@pytest.mark.parametrize("name", samples.CLIENT)
def test_golden_client_messages_are_read_and_written_alike(name: str):
    message = samples.CLIENT[name]
    assert codec.decode_client(golden(name)) == message
    assert codec.encode(message) == golden(name)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ('{"type": "weather", "v": 1, "session": "c1"}', False),
        ('{"type": "scores", "v": 1}', True),
        ('{"type": 7}', True),
        ("[]", True),
        ("nonsense", True),
        ("[" * 100_000, True),
    ],
)
def test_what_only_a_newer_server_says_is_told_from_what_is_wrong(text: str, known: bool):
    assert codec.is_known(text) is known


def test_every_golden_message_has_its_sample():
    assert {path.stem for path in GOLDEN.glob("*.json")} == {*samples.SERVER, *samples.CLIENT}


def test_a_client_may_leave_out_what_it_does_not_care_for():
    assert codec.decode_client('{"type":"subscribe"}') == Subscribe(sessions=None, types=None, max_rate=None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Invalid JSON"),
        ("not json", "Invalid JSON"),
        ("[]", "object"),
        ('{"type":"scores"}', "type"),
        ('{"type":"subscribe","v":2}', "v"),
        ('{"type":"subscribe","max_rate":0}', "max_rate"),
        ('{"type":"subscribe","max_rate":NaN}', "max_rate"),
        ('{"type":"subscribe","max_rate":1e999}', "max_rate"),
        ('{"type":"subscribe","types":["hello"]}', "types.0"),
        ('{"type":"subscribe","sessions":["' + "x" * 65 + '"]}', "sessions.0"),
        ('{"type":"subscribe","extra":1}', "extra"),
        ('{"type":"subscribe","' + "long\\n" * 200 + '":1}', "long"),
        ('{"type":"subscribe","' + "ü\u2028" * 200 + '":1}', "u2028"),
        ('{"type":"subscribe","sessions":["\\ud800"]}', "JSON"),
        ("[" * 10_000, "JSON"),
    ],
)
def test_nonsense_is_refused_in_one_line(text: str, says: str):
    with pytest.raises(ProtocolError) as refused:
        codec.decode_client(text)
    assert says in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value).encode()) <= 123  # it must fit into a closing frame


def test_a_client_message_may_be_16_kib_and_no_byte_more():
    head, tail = '{"type":"subscribe"', "}"
    fits = head + " " * (codec.MAX_CLIENT_BYTES - len(head) - len(tail)) + tail
    assert codec.decode_client(fits) == codec.decode_client(fits.encode())
    for over in (fits + " ", (fits + " ").encode(), head + "é" * 8200):
        with pytest.raises(ProtocolError, match="limit is 16384"):
            codec.decode_client(over)


def test_a_server_message_of_an_unknown_type_is_refused():
    with pytest.raises(ProtocolError):
        codec.decode_server('{"type":"subscribe"}')
    with pytest.raises(ProtocolError, match=r"scores.faces"):
        codec.decode_server(golden("scores").replace('"faces":[{', '"faces":[7,{'))


SCORE = FaceScore(
    id=3,
    box=Box(0.1234567, 0.2, 0.3, 0.4),
    authenticity=0.93149,
    interval=(0.88091, 0.97201),
    state=State.AUTHENTIC,
    reasons=(Reason.BLURRED,),
    frame_score=0.9,
    coverage=0.95678,
)


def test_a_face_is_rounded_to_what_can_be_seen_and_its_interval_outwards():
    report = codec.face_report(SCORE)
    assert report.box == (0.1235, 0.2, 0.3, 0.4)
    assert report.authenticity == 0.931
    assert report.interval == (0.88, 0.973)
    assert report.coverage == 0.957
    assert (report.id, report.state, report.reasons, report.frame_score) == (
        3, State.AUTHENTIC, (Reason.BLURRED,), 0.9,
    )  # fmt: skip


def test_what_is_not_known_stays_unknown():
    report = codec.face_report(FaceScore(1, SCORE.box, None, None, State.STALE, (), None, 0.0))
    assert (report.authenticity, report.interval, report.frame_score) == (None, None, None)


def test_an_event_keeps_all_it_says():
    event = ScoreEvent(
        EventKind.STATE_CHANGED, 12_345_678_901, 3, State.AUTHENTIC, State.SYNTHETIC, 0.12345, (Reason.DARK,),
        (Driver(Cue.CHANGED, 11_000_400_000),),
    )  # fmt: skip
    message = codec.event_message("c1", event)
    assert json.loads(codec.encode(message)) == {
        "type": "event", "v": 1, "session": "c1", "t": 12.346, "kind": "state_changed", "face": 3,
        "previous": "authentic", "state": "synthetic", "authenticity": 0.123, "reasons": ["dark"],
        "drivers": [{"cue": "changed", "since": 11.0}],
    }  # fmt: skip


def test_scores_carry_the_update():
    message = codec.scores_message(
        "c1",
        Update(faces=(SCORE,)),
        frame=7,
        t=1.23456,
        age_ms=12.3456,
        budget=BudgetReport(target_ms=33, p95_ms=None),
        transport=TransportReport(codec="", width=0, height=0, fps=0),
    )
    assert (message.session, message.frame, message.t, message.age_ms) == ("c1", 7, 1.235, 12.3)
    assert message.faces == (codec.face_report(SCORE),)
