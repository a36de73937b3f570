"""A clip from moment to moment. No model and no MediaPipe: the face is a made-up box, the logit a brightness."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stream_guard.errors import UnsupportedMedia
from stream_guard.evaluation.clips import Clip
from stream_guard.evaluation.footage import Footage, watch
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.face import Reason
from stream_guard.models.manifest import Calibration
from stream_guard.testing.engines import brightness, make_manifest

pytestmark = pytest.mark.unit


class Middle(LargestFace):
    """Sees a face in the middle of every picture but black ones."""

    def __init__(self) -> None:
        pass

    def largest(self, rgb: np.ndarray) -> np.ndarray | None:
        if rgb.mean() < 10:
            return None
        height, width = rgb.shape[:2]
        return np.array([[width / 2 - 40, height / 2 - 40], [width / 2 + 40, height / 2 + 40]], np.float32)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Two seconds at 30 frames a second: left half brightening, right half dark, three black frames at the end."""
    path, rng = tmp_path / "clip.mp4", np.random.default_rng(0)
    texture = rng.integers(0, 100, (160, 160, 1), np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 160, "yuv420p"
        stream.time_base = Fraction(1, 30)
        for number in range(60):
            picture = np.zeros((160, 320, 3), np.uint8)
            if number < 57:
                picture[:, :160] = 60 + number + texture
                picture[:, 160:] = 20 + texture // 10
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return path


def looked(clip: Clip, **options: object) -> Footage:
    return watch(clip, brightness, Middle(), make_manifest(), **options)  # type: ignore[arg-type]


def test_every_tick_is_looked_at_in_the_clips_own_time(video: Path) -> None:
    series = looked(Clip(video, "real", "x", "left"))
    assert series.at_s == pytest.approx(np.arange(20) / 10, abs=1e-6)
    assert series.seconds == pytest.approx(2.0)
    assert (np.diff(series.logits[:19]) > 0).all()
    assert series.judged.tolist() == [True] * 19 + [False]  # the last tick is black
    assert series.sides[0] == pytest.approx(80)


def test_a_rate_the_clip_does_not_have_gives_every_frame(video: Path) -> None:
    assert len(looked(Clip(video, "real", "x", "left"), rate=100).at_s) == 60


def test_frames_are_refused_by_the_gate_and_where_no_face_is(video: Path) -> None:
    dark = looked(Clip(video, "fake", "x", "right"), rate=30)
    assert dark.reasons[0] == (Reason.DARK,)
    assert np.isfinite(dark.logits[0])
    assert dark.reasons[-1] == (Reason.COVERED,)
    assert np.isnan(dark.logits[-1])
    assert not dark.judged.any()
    assert np.isfinite(dark.logits).sum() == 57  # scored nevertheless


def test_what_frames_go_through_comes_in_sequences(video: Path) -> None:
    lengths: list[int] = []

    def darken(frames: list[np.ndarray]) -> list[np.ndarray]:
        lengths.append(len(frames))
        return [frame // 2 for frame in frames]

    clip = Clip(video, "real", "x", "left")
    assert looked(clip, passage=darken).logits[0] < 0.6 * looked(clip).logits[0]
    assert lengths == [10, 10]


def test_what_is_kept_is_read_back_and_calibrated(video: Path) -> None:
    clip = Clip(video, "real", "x", "left")
    series = looked(clip, rate=30)
    back = Footage.from_json(clip, json.loads(json.dumps(series.as_json())))
    np.testing.assert_allclose(back.logits, series.logits, atol=1e-5)
    assert (back.reasons, back.clip) == (series.reasons, clip)
    ratios = back.calibrated(Calibration(temperature=2.0, bias=0.5))
    np.testing.assert_allclose(ratios.logits, (back.logits - 0.5) / 2, atol=1e-6)


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"no video")
    with pytest.raises(UnsupportedMedia):
        looked(Clip(path, "real", "x"))
