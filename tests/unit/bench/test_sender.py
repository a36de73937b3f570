"""What the sender says of a picture is what is drawn into it, also where it could not keep its pace."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from stream_guard.bench import clip, mark
from stream_guard.bench.relay import Impairment
from stream_guard.bench.sender import Plan, _Loop

pytestmark = pytest.mark.unit

SHAPE = clip.Shape(width=320, height=240, fps=10)


def test_pictures_that_were_left_out_shift_no_number(tmp_path: Path) -> None:
    path = tmp_path / "call.mp4"
    clip.make(path, SHAPE, seconds=0.6)
    hand_out = _Loop(clip.encode(path, SHAPE, codec="H264", kbps=300, count=4), SHAPE.fps)
    decoder = av.CodecContext.create("h264", "r")
    drawn, said, times = [], [], []
    for count in (0, 1, 5, 6, 9, 20):  # it was held up twice, and goes round once
        packet, number = hand_out(count)
        said.append(number)
        times.append(packet.pts)
        drawn += [mark.read(mark.luma(frame)) for frame in decoder.decode(av.Packet(bytes(packet)))]
    assert said == [0, 1, 2, 3, 0, 1]
    assert times == [count * 9000 for count in (0, 1, 5, 6, 9, 20)]
    assert drawn == said[: len(drawn)]
    assert len(drawn) >= 5


def test_a_plan_passes_through_the_command_line() -> None:
    plan = Plan(SHAPE, codec="H264", impairment=Impairment(loss=0.1, seed=9), sessions=3, encoded=True)
    assert Plan.from_json(plan.as_json()) == plan
