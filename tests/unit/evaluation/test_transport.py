from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from stream_guard.errors import UnsupportedMedia
from stream_guard.evaluation import transport
from stream_guard.evaluation.call import Delivery
from stream_guard.evaluation.clips import Clip, sample_frames
from stream_guard.evaluation.comparison import ClipScore
from stream_guard.evaluation.transport import SOURCE, Condition, Measured, Outcome, as_json, carry, changes, under

pytestmark = pytest.mark.unit


def write_video(path: Path, *, frames: int, fps: int, size: tuple[int, int] = (64, 48)) -> Path:
    """Each frame is as bright as its number; the right half is 100 brighter."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps), options={"qp": "0"})
        (stream.width, stream.height), stream.pix_fmt = size, "yuv444p"
        for number in range(frames):
            picture = np.full((size[1], size[0], 3), number, np.uint8)
            picture[:, size[0] // 2 :] += 100
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def delivery(kbps: float, *, seconds: float = 4.0, **others: int) -> Delivery:
    counts = {"sent": 100, "received": 98, "freezes": 1, "packets": 300, "dropped": 6} | others
    return Delivery(kept=(), frozen_s=0.5, seconds=seconds, kbps=kbps, **counts)


def kept(clip: Clip, to: Path, **options: float) -> list[np.ndarray]:
    assert carry(clip, SOURCE, to, **{"frames": 4, "seconds": 2.0} | options, rng=np.random.default_rng(0)) is None
    return list(sample_frames(Clip(to, clip.label, clip.group), 99))


def test_the_source_gives_the_first_seconds_bit_for_bit(tmp_path):
    clip = Clip(write_video(tmp_path / "a.mp4", frames=60, fps=10), "fake", "g", "right")
    pictures = kept(clip, tmp_path / "b.mkv")
    every = list(sample_frames(clip, 60))
    assert len(pictures) == 4
    for number, picture in zip((0, 6, 13, 19), pictures, strict=True):
        np.testing.assert_array_equal(picture, every[number])


def test_more_than_thirty_frames_a_second_are_thinned_out(tmp_path):
    clip = Clip(write_video(tmp_path / "a.mp4", frames=120, fps=60), "real", "g", "left")
    pictures = kept(clip, tmp_path / "b.mkv", seconds=1.0, frames=3)
    np.testing.assert_allclose([picture.mean() for picture in pictures], [0, 28, 58], atol=2)  # 0, 14 and 29 of 30


def test_a_short_clip_gives_all_it_has(tmp_path):
    clip = Clip(write_video(tmp_path / "a.mp4", frames=3, fps=10), "real", "g")
    assert len(kept(clip, tmp_path / "b.mkv", frames=12)) == 3


def test_what_is_sent_fits_a_call(tmp_path, monkeypatch):
    sent = {}

    async def send(pictures, **options):
        sent.update(options, shapes=[picture.shape for picture in pictures])
        return delivery(600)

    monkeypatch.setattr(transport, "send", send)
    clip = Clip(write_video(tmp_path / "a.mp4", frames=9, fps=50, size=(1920, 1080)), "real", "g", "left")
    with pytest.raises(UnsupportedMedia, match=r"no frame .* arrived"):
        carry(clip, Condition(600, 0.02), tmp_path / "b.mkv", frames=3, seconds=4, rng=np.random.default_rng(0))
    assert sent["shapes"] == [(1080, 960, 3)] * 4, "every other frame of the left half, which is small enough"
    whole = Clip(clip.path, "real", "g")
    with pytest.raises(UnsupportedMedia, match=r"no frame .* arrived"):
        carry(whole, Condition(600, 0.02), tmp_path / "b.mkv", frames=3, seconds=4, rng=np.random.default_rng(0))
    assert sent["shapes"] == [(720, 1280, 3)] * 4
    assert (sent["fps"], sent["kbps"], sent["loss"], sent["wanted"]) == (25, 600, 0.02, [0, 2, 3])


def test_what_is_no_video_is_said(tmp_path):
    (tmp_path / "a.mp4").write_text("not a video")
    with pytest.raises(UnsupportedMedia, match="cannot be decoded"):
        kept(Clip(tmp_path / "a.mp4", "real", "g"), tmp_path / "b.mkv")


def test_scores_belong_to_the_clip_and_not_to_its_copy(tmp_path):
    """The halves of a pair, a clip without a face, and one that is no video."""
    pair = write_video(tmp_path / "pair.mp4", frames=20, fps=10, size=(128, 96))
    dark = write_video(tmp_path / "dark.mp4", frames=1, fps=10)
    (tmp_path / "no.mp4").write_text("not a video")
    clips = [
        Clip(pair, "real", "swap_real", "left"),
        Clip(pair, "fake", "swap", "right"),
        Clip(dark, "real", "still", "left"),
        Clip(tmp_path / "no.mp4", "real", "still"),
    ]
    points = np.random.default_rng(0).uniform(20, 40, (478, 2)).astype(np.float32)
    landmarker = SimpleNamespace(largest=lambda rgb: points if rgb.max() > 1 else None)
    manifest = SimpleNamespace(size=32, margin=1.4, calibration=SimpleNamespace(bias=1.0, temperature=2.0))
    done = []
    outcome = under(
        clips,
        SOURCE,
        lambda crops: crops.mean((1, 2, 3)).astype(np.float32),
        landmarker,
        manifest,
        frames=5,
        seconds=2,
        rng=np.random.default_rng(0),
        progress=done.append,
    )
    assert done == clips
    assert [score.clip for score in outcome.scores] == clips[:2]
    assert outcome.unscored == clips[2:]
    assert outcome.measured is None
    # The first frame is black on the left: no face. The right half is 100 brighter, half a hundred in logits.
    assert [len(score.frames) for score in outcome.scores] == [4, 5]
    assert outcome.scores[1].frames[0] == pytest.approx((100 - 1) / 2, abs=1)
    assert next(row for row in outcome.rows if row.group == "swap").pairs_won == 1.0


def test_measurements_add_up_and_say_when_the_target_was_missed():
    good, large = delivery(590), delivery(800, seconds=2.0, sent=50, received=50)
    measured = Measured.of([good, large], 600)
    assert measured.kbps == pytest.approx((590 * 4 + 800 * 2) / 6)
    assert (measured.lowest_kbps, measured.highest_kbps) == (590, 800)
    assert (measured.clips, measured.sent, measured.received) == (2, 150, 148)
    assert (measured.packets, measured.dropped, measured.freezes) == (600, 12, 2)
    assert (measured.clips_off_target, measured.off_target) == (1, False)
    assert Measured.of([large], 600).off_target
    assert Measured.of([delivery(440)], 600).off_target


def outcome(condition: Condition, shift: float, *, missing: int = 0) -> Outcome:
    rng = np.random.default_rng(1)
    scores = [
        ClipScore(Clip(Path(f"{label}{number}.mp4"), label, label), (float(rng.normal(mean)), shift * mean))
        for label, mean in (("real", 0.0), ("fake", 2.0))
        for number in range(20)
    ]
    measured = Measured.of([delivery(600)], 600) if condition.kbps else None
    return Outcome(condition, scores[missing:], [score.clip for score in scores[:missing]], measured)


def test_a_change_is_zero_against_itself_and_negative_for_what_is_lost():
    source = outcome(SOURCE, 1)
    for estimate in changes(source, source).values():
        assert (estimate.value, estimate.low, estimate.high) == (0, 0, 0)
    worse = changes(source, outcome(Condition(250), -0.5))
    assert set(worse) == {"fake", "all"}
    assert worse["all"].high < 0
    assert worse["all"].value == pytest.approx(
        outcome(Condition(250), -0.5).rows[-1].auc.value - source.rows[-1].auc.value
    )


def test_a_change_counts_only_clips_that_were_scored_both_times():
    source, fewer = outcome(SOURCE, 1), outcome(Condition(600), 1, missing=5)
    assert changes(source, fewer)["all"].value == 0


def test_an_outcome_as_json_says_all(tmp_path):
    source, other = outcome(SOURCE, 1), outcome(Condition(600, 0.02), 0.5, missing=1)
    first, second = (json.loads(json.dumps(as_json(one, source))) for one in (source, other))
    assert (first["name"], second["name"]) == ("source", "600 kb/s, 2 % loss")
    assert (first["measured"], second["measured"]["packets"]) == (None, 300)
    assert "change" not in first["groups"][0]
    assert {"auc", "frames", "change", "pairs_won"} <= set(second["groups"][0])
    assert len(second["clips"]) == 39
    assert [clip["path"] for clip in second["unscored"]] == ["real0.mp4"]
