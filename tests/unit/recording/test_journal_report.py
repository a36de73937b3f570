"""A report from what a journal holds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from stream_guard.cli import app
from stream_guard.errors import ConfigError
from stream_guard.face import Box
from stream_guard.frame import Frame
from stream_guard.models.store import default_model
from stream_guard.protocol.messages import Event
from stream_guard.recording.archive import kept_sessions
from stream_guard.recording.document import Report
from stream_guard.recording.journal_report import JournalReport
from stream_guard.recording.line import Line
from stream_guard.recording.moments import MomentKind
from stream_guard.recording.report import render
from stream_guard.recording.signing import make_keys
from stream_guard.scoring.observation import EventKind, State
from tests.unit.recording.journals import HELLO, event, journal, scores, session

pytestmark = pytest.mark.unit


def alarm(t: float, kind: EventKind = EventKind.ALARM_RAISED) -> Event:
    return Event(session="c1", t=t, kind=kind, face=1, state=State.SYNTHETIC, authenticity=0.1)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A journal's folder with one session, an alarm in it, and the face at that moment."""
    folder = tmp_path / "journal"

    async def write() -> None:
        async with journal(folder, keep_evidence=True) as writing:
            writing.take(session(label="<b>call</b>"))
            for number in range(90):
                writing.take(scores(number))
            writing.take(alarm(2.0))
            frame = Frame.from_rgb(np.full((100, 160, 3), 77, np.uint8))
            writing.keep_face("c1", face=1, t=2.0, frame=frame, box=Box(0.2, 0.2, 0.4, 0.6))
            writing.take(session("ended", label="<b>call</b>"))

    asyncio.run(write())
    return folder


def test_a_journal_gives_the_same_kind_of_report(kept: Path) -> None:
    made = JournalReport(kept_sessions(kept)[0].path).report()
    (one,) = made.recordings
    assert (one.label, one.kind, one.source) == ("<b>call</b>", "webrtc", "journal")
    assert one.verdict.state is State.SYNTHETIC
    assert one.verdict.frames == sum(one.faces[0].series.frames) > 10
    (moment,) = one.moments
    assert (moment.kind, moment.t, moment.face) == (MomentKind.ALARM_RAISED, 2.0, 1)
    assert moment.wide is not None
    assert made.manifest is None, "this model is not at hand"
    assert made.model_sha256 == HELLO.model.sha256


def test_lines_that_were_lost_are_told(kept: Path) -> None:
    path = kept_sessions(kept)[0].path
    assert JournalReport(path).report().recordings[0].broken is None
    part = sorted(path.glob("*.jsonl"))[0]
    lines = part.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join([*lines[:5], *lines[7:9], lines[9][9:], *lines[10:-1], lines[-1][:-9]]))
    made = JournalReport(path).report()
    assert made.recordings[0].broken == "lines missing from its journal: 4"
    assert "<th>incomplete</th><td>lines missing from its journal: 4</td>" in render(made)


def test_the_manifest_is_taken_only_if_it_is_that_models(kept: Path) -> None:
    _, manifest = default_model()
    read = JournalReport(kept_sessions(kept)[0].path)
    assert read.report(manifest).manifest is None
    same = manifest.model_copy(update={"sha256": HELLO.model.sha256})
    assert read.report(same).manifest == same


def test_a_journals_alarm_is_a_graph_report(kept: Path) -> None:
    (report,) = JournalReport(kept_sessions(kept)[0].path).graph()
    assert report.participant == "face 1"
    assert report.body["overallConfidence"] == 0.9


def test_an_alarm_that_was_soon_over_is_taken_back_when_that_is_due(tmp_path: Path) -> None:
    async def write() -> None:
        async with journal(tmp_path) as writing:
            writing.take(session())
            writing.take(alarm(2.0))
            writing.take(alarm(5.0, EventKind.ALARM_CLEARED))
            for number in range(6, 90):
                writing.take(scores(number, fps=1))

    asyncio.run(write())
    raised, cleared = JournalReport(kept_sessions(tmp_path)[0].path).graph()
    assert raised.body["detections"][0]["segment"]["endTimeSec"] == 2
    assert cleared.body["detections"][0]["segment"]["endTimeSec"] == 62, "a minute after the first"


def test_what_came_before_the_first_scores_is_no_way_of_the_picture(tmp_path: Path) -> None:
    async def write() -> None:
        async with journal(tmp_path) as writing:
            writing.take(session())
            writing.take(event(0))
            writing.take(scores(1))

    asyncio.run(write())
    (way,) = JournalReport(kept_sessions(tmp_path)[0].path).report().recordings[0].transports
    assert (way.transport.codec, way.transport.width) == ("VP8", 640)


def test_a_path_in_a_journal_opens_nothing_but_its_own_pictures(kept: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(cv2.imencode(".jpg", np.zeros((9, 9, 3), np.uint8))[1].tobytes())
    path = kept_sessions(kept)[0].path
    (path / "evidence" / "0000002.000s-face1.jpg").unlink(missing_ok=True)
    for picture in (path / "evidence").iterdir():
        picture.unlink()
    part = sorted(path.glob("*.jsonl"))[0]
    for name in ("../../secret.jpg", str(secret), "evidence/../../../secret.jpg"):
        with part.open("ab") as file:
            file.write(Line(n=500, at="2026-11-22T09:30:00+00:00", evidence=name).encode())
    assert JournalReport(path).report().recordings[0].moments[0].wide is None


def test_the_command_writes_signs_and_prints(kept: Path, tmp_path: Path) -> None:
    make_keys(tmp_path / "me.key")
    page, data = tmp_path / "r.html", tmp_path / "r.json"
    arguments = ["--journal", str(kept), "--sign", str(tmp_path / "me.key"), "--graph"]
    name = kept_sessions(kept)[0].name
    done = CliRunner().invoke(app, ["sessions", "report", name, "--out", str(page), "--out", str(data), *arguments])
    assert done.exit_code == 0, done.output
    assert '"overallConfidence": 0.9' in done.output
    assert "&lt;b&gt;call&lt;/b&gt;" in page.read_text()
    assert Report.model_validate_json(data.read_bytes()).recordings[0].label == "<b>call</b>"
    checked = CliRunner().invoke(app, ["verify", str(page), "--key", str(tmp_path / "me.pub")])
    assert (checked.exit_code, checked.output.count("\n")) == (0, 1)
    assert checked.output.startswith("verified: the report is unchanged")


def test_without_a_place_to_write_to_it_says_so(kept: Path) -> None:
    done = CliRunner().invoke(app, ["sessions", "report", kept_sessions(kept)[0].name, "--journal", str(kept)])
    assert done.exit_code == 2
    assert "--out" in done.output


def test_a_folder_without_a_journal_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        JournalReport(tmp_path)
