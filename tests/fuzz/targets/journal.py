"""A session's files, up to three: `stream_guard.recording.replay`, and what `stream-guard sessions` shows."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from stream_guard.cli import sessions
from stream_guard.protocol.messages import Event, ModelReport, Session
from stream_guard.recording.archive import part_path
from stream_guard.recording.line import Header, Line
from stream_guard.recording.replay import Replay
from stream_guard.scoring.observation import EventKind
from tests.fuzz.target import Run, Target

_AT = "2026-01-02T03:04:05.678+00:00"
_SPLIT = b"\n----\n"
_MODEL = ModelReport(name="m", version="1", status="preview", sha256="0" * 64, min_face_px=48)
_LINES = b"".join(
    line.encode()
    for line in (
        Line(n=0, at=_AT, header=Header(session="c1", server="s", engine="e", model=_MODEL)),
        Line(n=0, at=_AT, message=Session(session="c1", state="live", kind="file", label="x")),
        Line(n=1, at=_AT, message=Event(session="c1", t=1.5, kind=EventKind.ALARM_RAISED, face=1)),
        Line(n=2, at=_AT, evidence="evidence/x.jpg"),
        Line(n=3, at=_AT, message=Session(session="c1", state="ended", kind="file", label="x", reason="over")),
    )
)


def _read(folder: Path, data: bytes) -> None:
    for old in folder.iterdir():
        old.unlink()
    for number, content in enumerate(data.split(_SPLIT)[:3], 1):
        part_path(folder, number).write_bytes(content)
    replay = Replay(folder)
    lines = list(replay)
    assert replay.lines == len(lines)
    assert replay.missing >= 0
    # Every line is read, or counted as torn; what is longer than a line may be is counted more than once.
    assert len(lines) + replay.torn >= sum(len(part.splitlines()) > 0 for part in data.split(_SPLIT)[:3])
    for line in lines:
        assert Line.decode(line.encode()) == line
        assert line.encode().count(b"\n") == 1
    shown = io.StringIO()
    Console(file=shown, width=200).print(sessions._events(Replay(folder)))
    assert not set(shown.getvalue()) & {"\x1b", "\x07", "\x9b", "\r"}, "a terminal would obey"


@contextmanager
def opened() -> Iterator[Run]:
    with tempfile.TemporaryDirectory() as folder:
        yield lambda data: _read(Path(folder), data)


TARGET = Target(
    "journal",
    opened,
    (
        _LINES,
        _LINES + _SPLIT + _LINES,
        b'{"n":0,"at":"0001-01-01T00:00:00+14:00","message":{"type":"session","session":"c",'
        b'"state":"live","kind":"x","label":"\\u001b[2J"}}\n',
    ),
    ("stream_guard.recording.replay", "stream_guard.recording.line", "stream_guard.cli.sessions"),
    (
        _SPLIT,
        b'"n":',
        b'"at":"',
        b"9999-12-31T23:59:59-12:00",
        b"\\u001b",
        b"\\u009b",
        b"[/red]",
        b"[link=x]",
        b'"header":',
    ),
)
