from __future__ import annotations

import re

import cv2
import numpy as np
import pytest

from stream_guard.budget.plan import Plan
from stream_guard.face import Box
from stream_guard.faces.result import Tracked
from stream_guard.frame import Frame
from stream_guard.models.store import default_model
from stream_guard.pipeline.observers import Scored
from stream_guard.recording.report import render
from stream_guard.recording.trace import FileTrace
from stream_guard.scoring.clip import Summary
from stream_guard.scoring.observation import EventKind, FaceScore, ScoreEvent, State, Update
from stream_guard.sources.base import Transport

pytestmark = pytest.mark.unit


def scored(number: int, value: float | None, *, state: State = State.AUTHENTIC, shade: int = 0) -> Scored:
    face = FaceScore(
        id=1,
        box=Box(0.25, 0.25, 0.5, 0.5),
        authenticity=value,
        interval=None if value is None else (max(0.0, value - 0.1), min(1.0, value + 0.1)),
        state=state,
        reasons=(),
        frame_score=value,
        coverage=1.0,
    )
    events = (ScoreEvent(EventKind.ALARM_RAISED, at_ns=number * 10**9, face=1),) if state is State.SYNTHETIC else ()
    pixels = np.full((80, 120, 3), shade, np.uint8)
    return Scored(
        Frame.from_rgb(pixels, sequence=number),
        float(number),
        0,
        Update((face,), events),
        Plan(1),
        Transport(),
        Tracked((), False, 0, 0, 0, 0),
    )


def trace() -> FileTrace:
    made = FileTrace("<b>call</b>.mp4")
    for number, (value, shade) in enumerate([(0.9, 10), (None, 20), (0.2, 200), (0.6, 30)]):
        state = State.SYNTHETIC if value == 0.2 else State.AUTHENTIC
        made.add(scored(number, value, state=state, shade=shade))
    return made


def test_the_lowest_moment_is_kept_with_its_picture() -> None:
    face = trace().faces[1]
    assert (face.worst, face.worst_s) == (0.2, 2.0)
    crop = cv2.imdecode(np.frombuffer(face.crop, np.uint8), cv2.IMREAD_COLOR)
    assert max(crop.shape) == 224
    assert abs(int(crop.mean()) - 200) < 3, "the picture of that frame, no other"
    assert np.isnan(face.authenticity[1])


def test_the_report_stands_alone_and_says_what_was_seen() -> None:
    _, manifest = default_model()
    summary = Summary(authenticity=0.4, state=State.SYNTHETIC, faces=1, frames=4, scored=3)
    page = render([(trace(), summary)], manifest=manifest, engine="scripted")
    assert "Likely synthetic, authenticity 0.40" in page
    assert "lowest: 0.20 at 2.0 s" in page
    assert "alarm raised" in page
    assert "<svg" in page
    assert "&lt;b&gt;call&lt;/b&gt;.mp4" in page
    assert "<b>" not in page
    assert manifest.limits[0][:30] in page
    loaded = re.findall(r'(?:src|href)=["\']((?!data:|#)[^"\']+)', page)
    assert [url for url in loaded if not url.startswith("#")] == [], "nothing is loaded from elsewhere"
    assert "<script" not in page


def test_a_file_without_faces_has_a_report_too() -> None:
    _, manifest = default_model()
    summary = Summary(authenticity=None, state=State.CANNOT_JUDGE, faces=0, frames=9, scored=0)
    page = render([(FileTrace("wall.mp4"), summary)], manifest=manifest, engine="scripted")
    assert "Cannot be judged</p>" in page
    assert "0 faces" in page
