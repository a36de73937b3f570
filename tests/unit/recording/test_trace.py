from __future__ import annotations

import numpy as np
import pytest

from stream_guard.face import Reason
from stream_guard.protocol.messages import TransportReport
from stream_guard.recording.compose import face_record
from stream_guard.recording.trace import STEP_S, FaceTrace, Trace, around, cues_in, reasons_in
from stream_guard.scoring.observation import Cue, Driver, State
from tests.unit.recording.scenes import face_score

pytestmark = pytest.mark.unit


def way(kbps: float | None = None, codec: str = "VP8") -> TransportReport:
    return TransportReport(codec=codec, width=1280, height=720, fps=30, kbps=kbps)


def test_frames_of_a_fifth_of_a_second_are_one_point() -> None:
    trace = FaceTrace(1)
    for number, value in enumerate((0.9, 0.3, 0.6)):
        trace.add(0.05 * number, face_score(value=value))
    trace.add(0.25, face_score(value=0.5))
    first, second = trace.points()
    assert (first["t"], first["frames"], first["scored"]) == (0.0, 3, 3)
    assert first["authenticity"] == pytest.approx(0.6), "what stood at its end"
    assert first["frame_sum"] == pytest.approx(1.8)
    assert first["frame_low"] == pytest.approx(0.3)
    assert second["t"] == pytest.approx(STEP_S)


def test_no_score_is_remembered_where_none_was_given() -> None:
    trace = FaceTrace(1)
    trace.add(0.0, face_score(value=0.9, state=State.CANNOT_JUDGE, reasons=(Reason.DARK, Reason.BLURRED)))
    trace.add(0.3, face_score(value=0.9, state=State.STALE))
    points = trace.points()
    assert np.isnan(points["authenticity"]).all()
    assert np.isnan(points["low"]).all()
    assert set(reasons_in(int(points["reasons"][0]))) == {Reason.DARK, Reason.BLURRED}


def test_what_drove_a_score_is_remembered() -> None:
    trace = FaceTrace(1)
    trace.add(0.0, face_score(drivers=(Driver(Cue.CHANGED, 0),)))
    trace.add(0.1, face_score())
    assert cues_in(int(trace.points()["cues"][0])) == (Cue.CHANGED,)


def test_a_silence_is_no_look() -> None:
    trace = FaceTrace(1)
    trace.add(0.0, face_score())
    trace.add(0.1, face_score(state=State.STALE), looked=False)
    (point,) = trace.points()
    assert (point["frames"], point["scored"]) == (1, 1)
    assert np.isnan(point["authenticity"])


def test_a_long_call_becomes_coarser_and_loses_no_frame_and_no_dip() -> None:
    trace = FaceTrace(1)
    frames = 40_000
    for number in range(frames):
        trace.add(number * 0.2, face_score(value=0.05 if number == 777 else 0.9))
    points = trace.points()
    assert len(points) <= 16_384
    assert trace.step_s == pytest.approx(0.8)
    assert points["frames"].sum() == frames
    assert np.diff(points["t"]).min() > 0.39, "no point twice"
    assert points["t"][-1] == pytest.approx((frames - 1) * 0.2, abs=1)
    dip = points[np.argmin(points["frame_low"])]
    assert dip["frame_low"] == pytest.approx(0.05)
    assert dip["t"] == pytest.approx(777 * 0.2, abs=0.8)
    assert face_record(1, points).seconds == pytest.approx(frames * 0.2, rel=0.01)


def test_many_faces_leave_the_newest() -> None:
    trace = Trace()
    for number in range(100):
        trace.add(float(number), [face_score(number)], (), way())
    assert sorted(trace.faces) == list(range(36, 100))
    assert trace.faces_seen == 100


def test_another_way_here_is_noted_and_a_wandering_bitrate_only_widens_it() -> None:
    trace = Trace()
    trace.add(0.0, (), (), way())
    for number in range(1, 20):
        trace.add(number / 10, (), (), way(2000 + 10 * number))
    trace.add(2.0, (), (), way(2000, codec="H264"))
    first, second = trace.transports
    assert (first.t, first.kbps, first.transport.kbps) == (0.0, (2010, 2190), 2010)
    assert (second.t, second.transport.codec) == (2.0, "H264")


def test_the_scores_around_a_moment_are_those_and_no_others() -> None:
    trace = FaceTrace(1)
    for number in range(200):
        unseen = number == 100
        state = State.CANNOT_JUDGE if unseen else State.AUTHENTIC
        trace.add(number * 0.2, face_score(value=None if unseen else 0.9, state=state))
    near = around(trace.points(), 20.0, span_s=2.0)
    assert near["t"][0] == pytest.approx(-2.0)
    assert near["t"][-1] == pytest.approx(2.0)
    assert near["authenticity"][near["t"].index(0.0)] is None
    assert near["state"].count("cannot_judge") == 1
