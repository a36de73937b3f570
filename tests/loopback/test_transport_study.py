"""Clips through a real call on this machine: what bitrate and packet loss do to them, and what is counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.errors import UnsupportedMedia
from stream_guard.evaluation.call import Delivery, send
from stream_guard.evaluation.clips import Clip, sample_frames
from stream_guard.evaluation.transport import SOURCE, Condition, carry
from stream_guard.testing.caller import Caller

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(90)]

FPS = 15.0

Pictures = list[NDArray[np.uint8]]


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    """Three seconds of a person who sways, with a sensor's noise."""
    caller = Caller(width=320, height=240)
    return [caller.frame(number / FPS) for number in range(45)]


async def call(sent: Pictures, *, kbps: int = 400, loss: float = 0.0, wanted: list[int] | None = None) -> Delivery:
    numbers = list(range(len(sent))) if wanted is None else wanted
    return await send(iter(sent), fps=FPS, kbps=kbps, loss=loss, wanted=numbers, rng=np.random.default_rng(3))


def likeness(sent: Pictures, delivery: Delivery) -> float:
    """Return the mean PSNR in dB."""
    # By their times: a newer picture may take the place of one that nobody has read yet.
    return float(np.mean([cv2.PSNR(sent[round(frame.media_s * FPS)], frame.rgb()) for frame in delivery.kept]))


async def test_every_picture_arrives_in_its_place(pictures: Pictures, nothing_left: None) -> None:
    sent = pictures[:20]
    delivery = await call(sent, wanted=[0, 7, 19])
    assert (delivery.sent, delivery.received, delivery.dropped) == (20, 20, 0)
    assert delivery.seconds == pytest.approx(20 / FPS)
    assert len(delivery.kept) == 3
    for number, frame in zip((0, 7, 19), delivery.kept, strict=True):
        nearest = np.argmin([np.abs(frame.rgb().astype(int) - other).mean() for other in sent])
        assert abs(int(nearest) - number) <= 1


async def test_bitrate_is_what_was_asked_for_and_matters(pictures: Pictures, nothing_left: None) -> None:
    rich, poor = await call(pictures, kbps=800), await call(pictures, kbps=100)
    assert rich.kbps == pytest.approx(800, rel=0.25)
    assert poor.kbps == pytest.approx(100, rel=0.25)
    assert likeness(pictures, rich) > likeness(pictures, poor) + 3


async def test_packets_are_lost_and_sent_again(pictures: Pictures, nothing_left: None) -> None:
    sent = pictures[:24]
    whole, lossy = await call(sent, kbps=800), await call(sent, kbps=800, loss=0.1)
    assert whole.dropped == 0
    assert 0.03 < lossy.dropped / lossy.packets < 0.2
    assert lossy.packets > whole.packets, "what was lost came again"
    assert lossy.received >= 0.8 * lossy.sent
    assert len(lossy.kept) >= 16


async def test_where_nothing_gets_through_nothing_arrives(pictures: Pictures, nothing_left: None) -> None:
    delivery = await call(pictures[:4], loss=1.0)
    assert (delivery.sent, delivery.received, delivery.kept) == (4, 0, ())
    assert delivery.dropped == delivery.packets > 0


async def test_a_clip_that_breaks_on_the_way_is_said(pictures: Pictures, nothing_left: None) -> None:
    def broken() -> Iterator[NDArray[np.uint8]]:
        yield from pictures[:3]
        raise UnsupportedMedia("cannot be decoded")

    with pytest.raises(UnsupportedMedia, match="cannot be decoded"):
        await send(broken(), fps=FPS, kbps=400, loss=0, wanted=[0], rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a second of a pair side by side: a real caller at the left, at the right the same moment swapped."""
    path = tmp_path_factory.mktemp("clips") / "pair.mp4"
    real, swapped = (Caller(width=322, height=241, swap_at_s=at) for at in (None, 0.0))
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=15, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = 644, 241, "yuv444p"
        for number in range(15):
            picture = np.hstack([one.frame(number / 15) for one in (real, swapped)])
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return path


class TestCarry:
    @pytest.fixture(autouse=True)
    def _nothing_blocks(self) -> None:
        """Leave the watch out: the loop runs inside `carry`, so whatever aiortc waits for would count as ours."""

    def test_a_clip_is_cut_to_its_region_and_even_sides_before_it_is_sent(self, tmp_path: Path, pair: Path) -> None:
        clip = Clip(pair, "fake", "swap", "right")
        kept = []
        for condition in (SOURCE, Condition(600)):
            carry(clip, condition, tmp_path / "b.mkv", frames=4, seconds=1, rng=np.random.default_rng(0))
            kept.append(list(sample_frames(Clip(tmp_path / "b.mkv", "fake", "swap"), 4)))
        source, arrived = kept
        assert [picture.shape for picture in source] == [(241, 322, 3)] * 4
        assert [picture.shape for picture in arrived] == [(240, 322, 3)] * 4
        for before, after in zip(source, arrived, strict=True):
            assert cv2.PSNR(np.ascontiguousarray(before[:240]), after) > 25


@pytest.mark.timeout(240)
def test_the_study_as_a_user_runs_it(pair: Path, tmp_path: Path) -> None:
    labels = pair.with_name("labels.csv")
    labels.write_text("path,label,group,region\npair.mp4,real,swap_real,left\npair.mp4,fake,swap,right\n")
    command = [sys.executable, "-m", "benchmarks.accuracy.transport", "--data", labels]
    command += ["--kbps", "300", "--loss", "5", "--frames", "3", "--seconds", "1"]
    command += ["--json", tmp_path / "out.json", "--picture", tmp_path / "out.png"]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=220,
        env={**os.environ, "COLUMNS": "160"},
    )
    assert done.returncode == 0, done.stderr
    assert "300 kb/s, 5 % loss" in done.stdout
    assert "change of clip AUC against the source" in done.stdout
    conditions = json.loads((tmp_path / "out.json").read_text())["conditions"]
    assert [one["name"] for one in conditions] == ["source", "300 kb/s, 5 % loss"]
    for one in conditions:
        assert [(clip["label"], clip["region"]) for clip in one["clips"]] == [("real", "left"), ("fake", "right")]
        assert [group["group"] for group in one["groups"]] == ["swap", "all"]
        assert one["groups"][0]["pairs_won"] in (0.0, 1.0)
    assert conditions[1]["measured"]["sent"] == 30
    assert conditions[1]["measured"]["dropped"] > 0
    assert cv2.imread(str(tmp_path / "out.png")).std() > 10
