"""Pictures that change their size or format in mid-stream: each is delivered as what it is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.hostile.bad_videos import SIZE, card, read, shows_card, write

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60), pytest.mark.usefixtures("nothing_left")]

PLAIN = {"bf": "0"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"size": (160, 96)}, {"size": (320, 180)}),
        ({"size": (320, 180)}, {"size": (64, 48)}),
        ({"pix_fmt": "yuv420p"}, {"pix_fmt": "yuv444p"}),
        ({"pix_fmt": "yuv420p10le"}, {"pix_fmt": "yuv420p"}),
        ({"pix_fmt": "gray"}, {"pix_fmt": "yuv422p"}),
    ],
)
async def test_another_size_or_format_in_mid_stream(
    first: dict[str, object], second: dict[str, object], tmp_path: Path
) -> None:
    """Two recordings one behind the other, as a broadcast changes its encoder: new parameter sets, H.264."""
    parts = [
        write(tmp_path / f"{n}.ts", frames=10, options=PLAIN, **part)  # type: ignore[arg-type]
        for n, part in enumerate((first, second))
    ]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    found = await read(both)
    assert len(found.frames) >= 19
    sizes = [(frame.width, frame.height) for frame in found.frames]
    assert {sizes[0], sizes[-1]} == {first.get("size", SIZE), second.get("size", SIZE)}
    assert sizes == sorted(sizes, key=sizes.index)
    assert shows_card(found.frames[-1].rgb(), tolerance=14)
    assert (found.source.transport().width, found.source.transport().height) == sizes[-1]
    assert min(found.steps) >= 0


async def test_a_size_that_changes_with_every_key_frame(tmp_path: Path) -> None:
    """VP8 in WebM, as a browser records a call whose network gets worse: six sizes in one track."""
    path = tmp_path / "call.webm"
    sizes = [(320, 180), (160, 90), (80, 44), (17, 31), (160, 90), (640, 360)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", rate=30)
        stream.width, stream.height, stream.pix_fmt = *sizes[0], "yuv420p"
        container.start_encoding()
        number, packets = 0, []
        for size in sizes:
            encoder: Any = av.CodecContext.create("libvpx", "w")
            encoder.width, encoder.height, encoder.pix_fmt = *size, "yuv420p"
            encoder.time_base = Fraction(1, 30)
            for _ in range(3):
                frame = av.VideoFrame.from_ndarray(card(size), format="rgb24").reformat(format="yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, 30)
                number += 1
                packets += encoder.encode(frame)
            packets += encoder.encode(None)
        for packet in packets:
            packet.stream = stream
            container.mux(packet)
    found = await read(path)
    assert [(frame.width, frame.height) for frame in found.frames] == [size for size in sizes for _ in range(3)]
    assert all(shows_card(frame.rgb(), tolerance=30) for frame in found.frames if frame.width >= 80)
