"""From footage and stills to what a manifest says. The model is a mean brightness, the people are made up."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

from stream_guard.evaluation.alarms import AlarmTable, alarm_rates
from stream_guard.evaluation.clips import Clip
from stream_guard.evaluation.footage import Footage
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.evaluation.population import noise
from stream_guard.models.calibration import track_settings
from stream_guard.models.manifest import Manifest
from stream_guard.testing.engines import brightness, make_manifest
from stream_guard.training.calibration import RECOMPRESSIONS, RealFootage, calibrated, watch_footage

pytestmark = pytest.mark.unit


class Middle(LargestFace):
    def __init__(self) -> None:
        pass

    def largest(self, rgb: np.ndarray) -> np.ndarray | None:
        height, width = rgb.shape[:2]
        return np.array([[width / 2 - 40, height / 2 - 40], [width / 2 + 40, height / 2 + 40]], np.float32)


def video(path: Path) -> Path:
    """One second of noise at ten frames a second, with an odd number of columns once decoded as written."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 161, 121, "bgr0"
        for _ in range(10):
            picture = rng.integers(60, 200, (121, 161, 3), np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return path


def clip(logits: np.ndarray) -> Footage:
    count = len(logits)
    return Footage(
        Clip(Path("made-up.mp4"), "real", "footage"),
        np.arange(count) / 10,
        logits,
        np.full(count, 120.0),
        tuple(() for _ in range(count)),
    )


def people(mean: float = -2.0) -> RealFootage:
    rng = np.random.default_rng(1)
    errors = noise(rng, calls=10, frames=80, rate=10, correlation_s=0.2)
    return RealFootage(
        [clip(own + 0.7 * error) for own, error in zip(rng.normal(mean, 0.8, 10), errors, strict=True)], []
    )


def stills() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(-2, 2, 800).astype(np.float32), rng.normal(2, 2, 800).astype(np.float32)


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Play few calls: what is tested here is what goes where."""

    def few(footage, people, independence, track, rng):  # type: ignore[no-untyped-def]
        table = AlarmTable(independence, track, rng, rises=(0.0, 0.85, 2.0, 3.2), calls=2, call_s=30)
        return alarm_rates(footage, people, independence, track, rng, rounds=10, table=table)

    monkeypatch.setattr("stream_guard.training.calibration.alarm_rates", few)


@pytest.mark.usefixtures("_small")
def test_a_manifest_gets_all_that_turns_logits_into_words(tmp_path: Path) -> None:
    told = calibrated(make_manifest(), *stills(), people(), stills="800 stills", videos="10 clips")
    assert told.calibration.fitted_on == "800 stills; bias and thresholds on 10 clips, plain and recompressed"
    assert told.independence is not None
    assert told.independence.correlation_s == pytest.approx(0.2, rel=0.4)
    assert [one.per_hour for one in told.alarms] == sorted((one.per_hour for one in told.alarms), reverse=True)
    assert told.alarms
    (tmp_path / "model.json").write_text(told.model_dump_json())
    assert Manifest.read(tmp_path / "model.json") == told
    mildest = told.alarms[0]
    assert track_settings(told, false_alarms_per_hour=mildest.per_hour).verdict.rise == max(0, mildest.rise)


def test_recompressed_footage_can_raise_the_bias_and_says_nothing_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream_guard.training.calibration.alarm_rates", lambda *_: ())
    plain = people(-4.0)
    milder = [clip(one.logits - 5) for one in plain.plain]
    worse = RealFootage(plain.plain, [milder, [clip(one.logits + 5) for one in plain.plain]])
    before, after = (
        calibrated(make_manifest(), *stills(), seen, stills="stills", videos="clips") for seen in (plain, worse)
    )
    assert after.calibration.bias > before.calibration.bias
    assert before.independence is not None
    assert after.independence is not None
    assert after.independence.correlation_s == before.independence.correlation_s


def test_milder_ways_of_seeing_do_not_make_up_for_the_worst() -> None:
    one_way = RealFootage(people(3.0).plain[:1], [])
    mixed = RealFootage(one_way.plain, [[clip(one.logits - 8) for one in one_way.plain]] * 4)
    alone, together = (
        calibrated(make_manifest(), *stills(), seen, stills="stills", videos="clip") for seen in (one_way, mixed)
    )
    assert together.calibration.bias == alone.calibration.bias > 1
    assert together.thresholds == alone.thresholds


def test_without_footage_nothing_is_said_of_time() -> None:
    told = calibrated(make_manifest(), *stills(), None, stills="stills")
    assert (told.independence, told.alarms) == (None, ())
    assert told.calibration.fitted_on == "stills"
    assert [one.false_alarm_rate for one in told.thresholds] == [0.1, 0.05, 0.01]


def test_every_clip_is_seen_plain_and_through_every_codec(tmp_path: Path) -> None:
    look = partial(watch_footage, brightness, landmarker=Middle(), manifest=make_manifest())
    seen = look(videos=[video(tmp_path / "noise.mkv")])
    assert [len(one.at_s) for one in seen.plain] == [10]
    assert [[len(one.at_s) for one in way] for way in seen.recompressed] == [[2]] * len(RECOMPRESSIONS)
    plain, vp8, h264 = (
        seen.plain[0].logits[5],
        seen.recompressed[0][0].logits[1],
        seen.recompressed[-1][0].logits[1],
    )
    assert len({round(float(value), 6) for value in (plain, vp8, h264)}) == 3
