"""From the tracker to what is said: a face too small to be judged says so, and why."""

from __future__ import annotations

import numpy as np
import pytest

from stream_guard.budget.plan import Plan
from stream_guard.evidence.playback import Playing
from stream_guard.face import Box, Reason
from stream_guard.faces.finder import Found
from stream_guard.faces.tracker import FaceTracker
from stream_guard.frame import Frame
from stream_guard.pipeline.looker import Looked
from stream_guard.pipeline.pipeline import _observation
from stream_guard.scoring.observation import State
from stream_guard.scoring.session import Session

pytestmark = pytest.mark.unit


class NoLandmarks:
    def measure(self, rgb: object, box: Box, *, tilt: float | None = None, tight: bool = False) -> None:
        raise AssertionError("a face this small is not measured")


def test_a_small_face_is_followed_and_cannot_be_judged() -> None:
    rgb = np.full((720, 1280, 3), 90, np.uint8)
    small = Found(Box(100, 100, 30, 36), 0.6, 0.0)
    tracker = FaceTracker(find=lambda _: [small], landmarker=NoLandmarks(), min_face_px=56)
    session = Session()
    for number in range(90):
        at_ns = number * 33_000_000
        frame = Frame.from_rgb(rgb, sequence=number, media_s=number / 30, arrived_ns=at_ns)
        tracked = tracker.update(rgb, at_ns, plan=Plan(faces=25))
        looked = Looked(tracked, (), np.empty((0, 1, 1, 3), np.uint8), Playing(), convert_ns=0, align_ns=0)
        update = session.receive(
            _observation(frame, at_ns, looked, np.empty(0, np.float32), rerouted=False, evidence=1.0)
        )
    (face,) = update.faces
    assert (face.state, face.reasons) == (State.CANNOT_JUDGE, (Reason.FACE_TOO_SMALL,))
