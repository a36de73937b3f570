"""Time stamps that go back, wrap, jump or are not there: the time line of a file never goes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream_guard.errors import SourceEnded
from tests.hostile.bad_videos import read, write

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60), pytest.mark.usefixtures("nothing_left")]

PLAIN = {"bf": "0"}
WRAP_S = (1 << 33) / 90_000
"""MPEG-TS counts 90 kHz in 33 bits (ISO/IEC 13818-1, section 2.4.3.7): 26.5 hours."""


async def test_stamps_that_go_back(tmp_path: Path) -> None:
    """Three recordings one behind the other, each from its own zero."""
    part = write(tmp_path / "part.ts", frames=15, options=PLAIN)
    both = tmp_path / "three.ts"
    both.write_bytes(part.read_bytes() * 3)
    found = await read(both)
    assert len(found.frames) >= 43
    assert min(found.steps) >= 0
    assert found.frames[-1].media_s == pytest.approx(45 / 30, abs=0.2)


async def test_stamps_that_wrap(tmp_path: Path) -> None:
    began = WRAP_S - 0.5
    path = write(
        tmp_path / "night.ts",
        frames=30,
        options=PLAIN,
        container_options={"output_ts_offset": f"{began:.6f}", "avoid_negative_ts": "disabled"},
    )
    found = await read(path)
    assert len(found.frames) == 30
    assert found.steps == pytest.approx([1 / 30] * 29, abs=0.005)


async def test_stamps_that_jump(tmp_path: Path) -> None:
    """A file's word is taken: an hour of nothing is an hour."""
    times = [0, 33, 66, 3_600_066, 3_600_099, 400_000_000]
    found = await read(write(tmp_path / "jump.mkv", frames=6, times=times, options=PLAIN))
    assert isinstance(found.end, SourceEnded), found.end
    assert [round(frame.media_s * 1000) for frame in found.frames] == times


async def test_no_stamps_at_all(tmp_path: Path) -> None:
    for name, codec in (("raw.h264", "libx264"), ("raw.hevc", "libx265"), ("raw.mjpeg", "mjpeg")):
        options = {"libx264": PLAIN, "libx265": {"x265-params": "log-level=none:bframes=0"}}.get(codec, {})
        pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        found = await read(write(tmp_path / name, frames=10, codec=codec, pix_fmt=pixels, options=options))
        assert len(found.frames) == 10
        assert min(found.steps) > 0


@pytest.mark.parametrize("rate", ["0:0", "0:1", "1000:1", "1:1000", "30000:1001", "2147483647:1", "1:0"])
async def test_rates_that_headers_make_up(rate: str, tmp_path: Path) -> None:
    path = tmp_path / "rate.y4m"
    picture = b"FRAME\n" + bytes(32 * 16 * 3 // 2)
    path.write_bytes(f"YUV4MPEG2 W32 H16 F{rate} Ip A1:1 C420jpeg\n".encode() + picture * 5)
    found = await read(path)
    if found.frames:
        assert isinstance(found.end, SourceEnded), found.end
        assert len(found.frames) == 5
        assert min(found.steps) >= 0
        assert 0 <= found.source.transport().fps < float("inf")
    else:
        assert "\n" not in str(found.end)


async def test_a_rate_that_varies_wildly(tmp_path: Path) -> None:
    times = [0, 1, 2, 40, 41, 900, 905, 906, 3000, 3001]
    found = await read(write(tmp_path / "slides.mkv", frames=10, times=times, options=PLAIN))
    assert [round(frame.media_s * 1000) for frame in found.frames] == times


async def test_a_thousand_pictures_a_second(tmp_path: Path) -> None:
    found = await read(write(tmp_path / "fast.mp4", frames=50, rate=1000))
    assert isinstance(found.end, SourceEnded), found.end
    assert len(found.frames) == 50
    assert found.frames[-1].media_s == pytest.approx(0.049, abs=0.002)


async def test_an_avi_without_a_rate(tmp_path: Path) -> None:
    """Scale and rate of the stream's header, both zero."""
    path = write(tmp_path / "old.avi", frames=5, codec="mjpeg", pix_fmt="yuvj420p")
    data = bytearray(path.read_bytes())
    at = data.index(b"strh") + 8 + 20  # RIFF: AVISTREAMHEADER, dwScale and dwRate
    data[at : at + 8] = bytes(8)
    path.write_bytes(data)
    found = await read(path)
    assert len(found.frames) in {0, 5}
    assert not found.steps or min(found.steps) >= 0
