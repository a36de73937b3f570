"""The report as data, and as a table."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from stream_guard.errors import ConfigError
from stream_guard.face import Reason
from stream_guard.models.store import default_model
from stream_guard.pipeline.observers import SessionInfo, Ticked
from stream_guard.recording.compose import recording, report, settings
from stream_guard.recording.document import Recording, Report
from stream_guard.recording.formats import encode, format_of
from stream_guard.recording.moments import MomentKind
from stream_guard.recording.session_record import SessionRecord
from stream_guard.recording.table import COLUMNS, csv_table
from stream_guard.scoring.observation import EventKind, FaceScore, State, Update
from tests.unit.recording.scenes import FILE, LIVE, event, face_score, record, scored, swapped_call

pytestmark = pytest.mark.unit


def made(*recordings: Recording) -> Report:
    _, manifest = default_model()
    return report(
        recordings,
        model="default 0.1.0",
        model_sha256=manifest.sha256,
        manifest=manifest,
        settings=settings(manifest, false_alarms_per_hour=1.0, engine="scripted"),
    )


def rows(one: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_table(one))))


def said(*faces: FaceScore, seconds: int = 4, info: SessionInfo = LIVE) -> SessionRecord:
    session = record(info)
    for number in range(seconds * 10):
        session.scored(scored(number / 10, *faces))
    return session


def test_json_read_back_is_the_same_report() -> None:
    before = made(recording(swapped_call().snapshot(), sha256="ab" * 32, size=7))
    after = Report.model_validate_json(encode(before, "json"))
    assert after == before
    assert after.format == "stream-guard report"
    assert after.v == 1


def test_a_faces_time_is_divided_into_judged_and_not() -> None:
    one = recording(swapped_call().snapshot())
    (face,) = one.faces
    assert face.seconds == pytest.approx(8.0)
    assert face.judged_s == pytest.approx(7.0)
    assert face.unjudged == {Reason.DARK: pytest.approx(1.0)}
    assert (face.lowest, face.lowest_t) == (0.1, 5.0)
    assert [moment.kind for moment in one.moments] == [
        MomentKind.FIRST_LOOK,
        MomentKind.ALARM_RAISED,
        MomentKind.LOWEST,
    ]
    assert [moment.n for moment in one.moments] == [1, 2, 3]


@pytest.mark.parametrize(
    ("face", "state"),
    [
        (face_score(value=0.9), State.AUTHENTIC),
        (face_score(value=0.4, state=State.SUSPICIOUS), State.SUSPICIOUS),
        (face_score(value=None, state=State.CANNOT_JUDGE, reasons=(Reason.DARK,)), State.CANNOT_JUDGE),
    ],
)
def test_a_live_sessions_verdict_is_what_was_said_of_it(face: FaceScore, state: State) -> None:
    verdict = recording(said(face).snapshot()).verdict
    assert (verdict.state, verdict.authenticity, verdict.frames, verdict.faces) == (state, None, 40, 1)


def test_one_alarm_makes_a_live_session_synthetic_for_good() -> None:
    session = said(face_score())
    session.scored(scored(4.0, face_score(), events=(event(EventKind.ALARM_RAISED, 4.0),)))
    assert recording(session.snapshot()).verdict.state is State.SYNTHETIC


def test_an_alarm_is_not_forgotten_with_the_events_of_a_long_call() -> None:
    session = said(face_score())
    session.scored(scored(4.0, face_score(), events=(event(EventKind.ALARM_RAISED, 4.0),)))
    for number in range(2100):
        at_s = 5 + number / 10
        session.ticked(Ticked(at_s, Update((), (event(EventKind.SCENE_CUT, at_s, face=None),))))
    one = recording(session.snapshot())
    assert EventKind.ALARM_RAISED not in {told.kind for told in one.events}, "so long a call"
    assert one.verdict.state is State.SYNTHETIC


def test_a_silence_adds_no_frames() -> None:
    session = said(face_score())
    session.ticked(Ticked(6.0, Update((face_score(state=State.STALE),), ())))
    one = recording(session.snapshot())
    assert sum(one.faces[0].series.frames) == one.verdict.frames == 40
    assert one.verdict.scored == 40


def test_uneven_arrival_is_measured_as_rfc_3550_does() -> None:
    session = record(LIVE)
    for number in range(400):
        late_ns = 20_000_000 * (number % 2)
        frame = scored(number / 10).frame
        frame.arrived_ns += late_ns
        session.received(frame, 0)
    snapshot = session.snapshot()
    assert snapshot.jitter_ms == pytest.approx(20, abs=0.1)
    assert record(FILE).snapshot().jitter_ms is None


def test_alarms_become_graph_reports_once_a_minute() -> None:
    session = record(LIVE)
    for number in range(0, 130, 5):
        kind = EventKind.ALARM_RAISED if number % 10 == 0 else EventKind.ALARM_CLEARED
        result = scored(number, face_score(), events=(event(kind, number),))
        session.received(result.frame, 1)
        session.scored(result)
    reports = session.graph_reports()
    assert {one.participant for one in reports} == {"face 1"}
    assert len(reports) <= 3
    streaming = reports[0].body["contentMetadata"]["streamingMetadata"]
    assert streaming["latencyMs"] == 40


def test_the_table_has_a_row_a_second_and_face_in_which_it_was_looked_at() -> None:
    table = rows(made(recording(swapped_call().snapshot(), sha256="ab" * 32)))
    assert tuple(table[0]) == COLUMNS
    assert [row["second"] for row in table] == [str(second) for second in range(8)]
    assert [row["frames"] for row in table] == ["10"] * 8
    assert table[0]["frame_mean"] == "0.900"
    dark = table[3]
    assert (dark["state"], dark["authenticity"], dark["scored"], dark["reasons"]) == (
        "cannot_judge",
        "",
        "0",
        "dark",
    )
    assert table[7]["authenticity"] == "0.100"
    assert {row["recording_sha256"] for row in table} == {"ab" * 32}


def test_live_rows_have_the_time_of_day() -> None:
    table = rows(made(recording(said(face_score()).snapshot())))
    assert [row["time"] for row in table][:2] == ["2026-11-22T09:30:00+00:00", "2026-11-22T09:30:01+00:00"]


@pytest.mark.parametrize("name", ['=HYPERLINK("http://evil.example")', "+1", "-1", "@x", "a,b\r\n=c", '"q"'])
def test_a_name_is_no_formula_and_breaks_no_row(name: str) -> None:
    one = recording(said(face_score()).snapshot()).model_copy(update={"label": name})
    table = rows(made(one))
    assert len(table) == 4
    assert not table[0]["recording"].startswith(("=", "+", "-", "@"))


def test_half_a_surrogate_pair_in_a_name_stops_no_report() -> None:
    odd = SessionInfo(id="c1", kind="file", label="call \udce4.mp4", live=False)
    one = recording(said(face_score(), info=odd).snapshot(), broken="cannot read call \udce4.mp4")
    assert one.label == "call ?.mp4"
    assert b"call ?.mp4" in encode(made(one), "html")
    assert b"call ?.mp4" in encode(made(one), "json")
    assert b"call ?.mp4" in encode(made(one), "csv")


def test_the_ending_says_what_is_written() -> None:
    assert [format_of(Path(name)) for name in ("a.html", "a.HTM", "a.json", "a.csv")] == [
        "html",
        "html",
        "json",
        "csv",
    ]
    with pytest.raises(ConfigError, match=r"\.html, \.json or \.csv"):
        format_of(Path("report.pdf"))
