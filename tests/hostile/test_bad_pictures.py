"""Pictures of every shape, depth and colour: delivered upright and in their colours, or refused in words."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from stream_guard.errors import SourceEnded, UnsupportedMedia
from tests.hostile.bad_videos import SIZE, card, read, shows_card, write

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60), pytest.mark.usefixtures("nothing_left")]

FULL, LIMITED = 2, 1
"""ITU-T H.273: video_full_range_flag, as FFmpeg counts it."""

TAGS = {0: None, 3: None, 8: "YCgCo", 10: None, 11: "Y'D'zD'x", 12: None, 14: "ICtCp", 99: None, 255: None}
"""Values of the three tags, and the matrix's name where it is one that cannot be converted."""

PLAIN = {"bf": "0"}

SD = {"colorspace": 6}
"""BT.601, said aloud: of a large picture that says nothing BT.709 is believed."""


@pytest.mark.parametrize(
    ("size", "codec", "pix_fmt", "name"),
    [
        ((1, 1), "ffv1", "yuv420p", "one.mkv"),
        ((1, 1), "png", "rgb24", "one.png"),
        ((2, 2), "libx264", "yuv420p", "two.mp4"),
        ((1, 480), "libx264", "yuv444p", "hair.mkv"),
        ((17, 1081), "libx264", "yuv444p", "tall.mp4"),
        ((17, 1081), "libvpx", "yuv420p", "tall.webm"),
        ((1919, 3), "libvpx-vp9", "yuv420p", "flat.webm"),
        ((7680, 4320), "mjpeg", "yuvj420p", "8k.mkv"),
    ],
)
async def test_any_size(size: tuple[int, int], codec: str, pix_fmt: str, name: str, tmp_path: Path) -> None:
    frames = 1 if codec == "png" or size[0] > 7000 else 2
    path = write(tmp_path / name, size=size, codec=codec, pix_fmt=pix_fmt, frames=frames, tags=SD)
    found = await read(path)
    assert isinstance(found.end, SourceEnded), found.end
    assert [(frame.width, frame.height) for frame in found.frames] == [size] * len(found.frames)
    assert len(found.frames) == frames
    assert (found.source.transport().width, found.source.transport().height) == size
    if min(size) >= 16:
        assert shows_card(found.frames[-1].rgb(), tolerance=14)


async def test_more_than_8k_is_refused_before_there_is_a_picture(tmp_path: Path) -> None:
    found = await read(
        write(tmp_path / "wide.mkv", size=(16000, 2400), codec="mjpeg", pix_fmt="yuvj420p", frames=1)
    )
    assert not found.frames
    assert "too large" in str(found.end)
    assert "16000x2400" in str(found.end)


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "name"),
    [
        ("libx265", "yuv420p10le", "ten.mp4"),
        ("libx264", "yuv422p10le", "ten_422.mp4"),
        ("ffv1", "yuv444p12le", "twelve.mkv"),
        ("ffv1", "yuv420p16le", "sixteen.mkv"),
        ("ffv1", "yuv410p", "410.mkv"),
        ("ffv1", "yuv411p", "411.mkv"),
        ("libx264", "yuv422p", "422.mp4"),
        ("ffv1", "yuv440p", "440.mkv"),
        ("libvpx-vp9", "yuva420p", "alpha.webm"),
        ("prores_ks", "yuva444p10le", "alpha.mov"),
        ("png", "rgba", "alpha.png"),
        ("png", "rgb48be", "deep.png"),
        ("apng", "rgba", "moving.apng"),
        ("qtrle", "argb", "alpha_animation.mov"),
        ("ffv1", "bgra", "rgb.mkv"),
        ("libvpx-vp9", "gbrp", "rgb.webm"),
        ("gif", "rgb8", "few.gif"),
    ],
)
async def test_any_depth_and_chroma(codec: str, pix_fmt: str, name: str, tmp_path: Path) -> None:
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    frames = 1 if codec == "png" else 5
    found = await read(write(tmp_path / name, codec=codec, pix_fmt=pix_fmt, options=options, frames=frames))
    assert isinstance(found.end, SourceEnded), found.end
    assert len(found.frames) == frames
    # Eight shades a channel in a GIF, dithered.
    assert all(shows_card(frame.rgb(), tolerance=24 if codec == "gif" else 12) for frame in found.frames)


@pytest.mark.parametrize(
    ("codec", "pix_fmt"), [("libx264", "gray"), ("ffv1", "gray16le"), ("libx264", "gray10le"), ("png", "ya8")]
)
async def test_grey(codec: str, pix_fmt: str, tmp_path: Path) -> None:
    name = "grey.png" if codec == "png" else "grey.mkv"
    # FFmpeg makes grey of full range.
    path = write(tmp_path / name, codec=codec, pix_fmt=pix_fmt, frames=1, tags={"color_range": FULL})
    found = await read(path)
    assert isinstance(found.end, SourceEnded), found.end
    assert all(shows_card(frame.rgb(), tolerance=10, grey=True) for frame in found.frames)


@pytest.mark.parametrize(
    "tags",
    [
        {"color_range": FULL},
        {"color_range": LIMITED, "colorspace": 1},
        {"color_range": FULL, "colorspace": 1},
        {"color_range": LIMITED, "colorspace": 9, "color_primaries": 9, "color_trc": 16},
        {"color_range": LIMITED, "colorspace": 9, "color_primaries": 9, "color_trc": 18},
        {"color_range": FULL, "colorspace": 7},
    ],
    ids=["full", "709", "709-full", "2020-PQ", "2020-HLG", "240M"],
)
async def test_what_a_stream_says_of_its_colours_is_believed(tags: dict[str, int], tmp_path: Path) -> None:
    found = await read(write(tmp_path / "tagged.mkv", codec="ffv1", pix_fmt="yuv444p", tags=tags))
    assert isinstance(found.end, SourceEnded), found.end
    assert len(found.frames) == 5
    assert shows_card(found.frames[0].rgb(), tolerance=3)


@pytest.mark.parametrize("field", ["matrix_coefficients", "transfer_characteristics", "colour_primaries"])
async def test_tags_that_mean_nothing_stop_nobody(field: str, tmp_path: Path) -> None:
    """Reserved values are as good as none (ITU-T H.273); matrices that no conversion is known for are refused."""
    path = write(tmp_path / "plain.h264", frames=2, options=PLAIN)
    whole = path.read_bytes()
    for value, name in TAGS.items():
        path.write_bytes(tagged(whole, field, value))
        found = await read(path)
        if field == "matrix_coefficients" and name is not None:
            assert isinstance(found.end, UnsupportedMedia)
            assert name in str(found.end)
        else:
            assert len(found.frames) == 2, value
            assert shows_card(found.frames[0].rgb(), tolerance=30), value


def tagged(stream: bytes, field: str, value: int) -> bytes:
    """Return an H.264 stream with another colour tag, by FFmpeg's own filter for that."""
    command = ["ffmpeg", "-v", "error", "-f", "h264", "-i", "-", "-c", "copy"]
    command += ["-bsf:v", f"h264_metadata={field}={value}", "-f", "h264", "-"]
    return subprocess.run(command, input=stream, capture_output=True, check=True, timeout=30).stdout


async def test_interlaced_pictures_are_delivered_whole(tmp_path: Path) -> None:
    for name, codec, options in (
        ("fields.mp4", "libx264", {"x264-params": "interlaced=1"}),
        ("fields.mpg", "mpeg2video", {"flags": "+ilme+ildct", "q": "2"}),
    ):
        found = await read(write(tmp_path / name, codec=codec, options=options, frames=10))
        assert len(found.frames) == 10
        assert all(shows_card(frame.rgb(), tolerance=14) for frame in found.frames)


@pytest.mark.parametrize("degrees", [90, 180, 270, -90, 45])
async def test_pictures_lying_down_stand_upright(degrees: int, tmp_path: Path) -> None:
    """PyAV counts counterclockwise, as the note in the file does; 45 degrees is no way to hold a phone."""
    found = await read(write(tmp_path / "phone.mp4", rotation=degrees))
    assert isinstance(found.end, SourceEnded)
    turned = (degrees % 360 // 90) % 4 if degrees % 90 == 0 else 0
    for frame in found.frames:
        assert (frame.width, frame.height) == (SIZE if turned % 2 == 0 else SIZE[::-1])
        assert shows_card(frame.rgb(), turns=turned) or degrees == 45


async def test_raw_pictures_of_many_kinds(tmp_path: Path) -> None:
    """YUV4MPEG2 by hand, a picture each: what its header says of chroma and rate, however odd."""
    for chroma, share in {"420jpeg": 1.5, "420mpeg2": 1.5, "411": 1.5, "422": 2, "444": 3, "mono": 1}.items():
        size = 32 * 16
        body = bytes([120]) * size + bytes([128]) * round(size * (share - 1))
        path = tmp_path / f"{chroma}.y4m"
        path.write_bytes(f"YUV4MPEG2 W32 H16 F0:0 Ip A0:0 C{chroma}\n".encode() + (b"FRAME\n" + body) * 3)
        found = await read(path)
        assert len(found.frames) == 3, chroma
        assert np.ptp(found.frames[0].rgb()) <= 2, "grey"
        assert min(found.steps) > 0


def test_the_card_shows_how_it_is_turned() -> None:
    assert shows_card(card())
    assert not any(shows_card(np.rot90(card((96, 96)), turns)) for turns in (1, 2, 3))
    assert shows_card(np.ascontiguousarray(np.rot90(card(), 1)), turns=1)
