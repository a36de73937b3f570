"""Files that are no videos, or half of one: an answer in words each, whatever the damage."""

from __future__ import annotations

import contextlib
import os
import random
import re
import struct
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from stream_guard.errors import SourceEnded, SourceNotFound, UnsupportedMedia
from tests.hostile.bad_videos import read, shows_card, write, write_sound

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60), pytest.mark.usefixtures("nothing_left")]


def _text(path: Path) -> Path:
    path.write_text("this is a letter, not a film\n" * 200)
    return path


def _empty(path: Path) -> Path:
    path.touch()
    return path


def _subtitles(path: Path) -> Path:
    path.write_text("1\n00:00:00,000 --> 00:00:02,000\nHello\n\n2\n00:00:03,000 --> 00:00:04,000\nthere\n")
    return path


def _good_header(path: Path) -> Path:
    """Keep the first half a kilobyte of a film; noise follows."""
    head = write(path, frames=3).read_bytes()[:512]
    path.write_bytes(head + random.Random(1).randbytes(40_000))
    return path


def _no_frame(path: Path) -> Path:
    """A film that was begun and stopped at once: header and trailer, no packet."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        container.start_encoding()
    return path


def _bomb(path: Path) -> Path:
    """A PNG of a kilobyte that says it is 60000x60000: 10 GB of pixels."""
    data = bytearray(write(path, frames=1, codec="png", pix_fmt="rgb24").read_bytes())
    at = data.index(b"IHDR") + 4
    data[at : at + 8] = struct.pack(">II", 60_000, 60_000)
    path.write_bytes(data)
    return path


def _sleeve_alone(path: Path) -> Path:
    return write_sound(path, cover=True)


@pytest.mark.parametrize(
    ("make", "name", "said"),
    [
        (_text, "letter.mp4", "is not a video"),
        (_text, "letter.txt", "holds no video"),
        (_text, "letter.ts", "is not a video"),
        (_empty, "empty.mp4", "is not a video"),
        (_empty, "empty.mkv", "is not a video"),
        (_subtitles, "words.srt", "holds no video"),
        (_good_header, "noise.mp4", ""),
        (_good_header, "noise.mkv", "no frame that can be decoded|is not a video|holds no video"),
        (_no_frame, "begun.mp4", "holds no frame|is not a video|holds no video"),
        (_no_frame, "begun.mkv", "holds no frame|is not a video|holds no video"),
        (write_sound, "song.m4a", "sound but no video"),
        (_sleeve_alone, "sleeve.mp4", "sound but no video"),
        (_bomb, "bomb.png", "too large|no frame that can be decoded|is not a video"),
    ],
)
async def test_what_is_no_video(make: Callable[[Path], Path], name: str, said: str, tmp_path: Path) -> None:
    found = await read(make(tmp_path / name))
    assert not found.frames
    assert isinstance(found.end, UnsupportedMedia), repr(found.end)
    assert re.search(said, str(found.end)), str(found.end)
    assert name in str(found.end)


@pytest.mark.parametrize("kind", ["absent", "folder", "pipe", "device"])
async def test_what_is_no_file(kind: str, tmp_path: Path) -> None:
    """A pipe that nobody writes to would hold the reader for ever, beyond the reach of every limit."""
    path = tmp_path / "call.mp4"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "device":
            path = Path("/dev/zero")
    found = await read(path, limit_s=30)
    assert isinstance(found.end, SourceNotFound), repr(found.end)
    assert path.name in str(found.end)


@pytest.mark.parametrize(
    ("name", "codec", "options", "states_its_length"),
    [
        ("cut.mp4", "libx264", {"movflags": "faststart"}, True),
        ("fragments.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}, False),
        ("last.mov", "libx264", {}, False),
        ("cut.mkv", "libx264", {}, True),
        ("cut.ts", "libx264", {}, False),
        ("cut.webm", "libvpx", {}, True),
        ("cut.avi", "mjpeg", {}, True),
        ("cut.flv", "libx264", {}, True),
    ],
)
async def test_cut_off_anywhere(
    name: str, codec: str, options: dict[str, str], states_its_length: bool, tmp_path: Path
) -> None:
    """At sixteen places: what comes before the cut is read, and that something is missing is said."""
    quality = {"libx264": {"g": "5", "qp": "4"}, "libvpx": {"g": "5"}, "mjpeg": {}}[codec]
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = write(
        tmp_path / name, frames=60, codec=codec, pix_fmt=pixels, options=quality, container_options=options
    )
    whole = path.read_bytes()
    places = [0, 1, 7, 40, 300, *(len(whole) * n // 11 for n in range(1, 11)), len(whole) - 1]
    got = []
    for place in places:
        path.write_bytes(whole[:place])
        found = await read(path)
        got.append(len(found.frames))
        assert all(shows_card(frame.rgb(), tolerance=24) for frame in found.frames[:-1]), place
        if not found.frames:
            assert not isinstance(found.end, SourceEnded), place
        elif len(found.frames) < 40 and states_its_length:
            assert "ends early" in str(found.end), place
    assert got[0] == 0
    if name != "fragments.mp4":  # a fragment cut short may be dropped
        assert got == sorted(got)
    if name != "last.mov":  # its index comes last
        assert got[-1] > 50


@pytest.mark.parametrize("name", ["damaged.mp4", "damaged.mkv", "damaged.ts"])
async def test_damage_anywhere(name: str, tmp_path: Path) -> None:
    """Twelve films with thirty bytes written over: frames or words, nothing else."""
    path = write(tmp_path / name, frames=12, options={"g": "4"})
    whole, dice = path.read_bytes(), random.Random(7)
    for _ in range(12):
        broken = bytearray(whole)
        for _ in range(30):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        path.write_bytes(broken)
        found = await read(path)
        assert len(found.frames) <= 40


async def test_the_film_is_found_among_other_things(tmp_path: Path) -> None:
    """A record's sleeve, its sound and a film: the film is what is read."""
    path = tmp_path / "all.mp4"
    sleeve = write(tmp_path / "sleeve.mkv", codec="mjpeg", pix_fmt="yuvj420p", frames=1, size=(640, 480))
    film, song = write(tmp_path / "film.mkv"), write_sound(tmp_path / "song.m4a")
    with av.open(str(path), "w") as container, contextlib.ExitStack() as opened:
        inputs = [opened.enter_context(av.open(str(one))) for one in (sleeve, song, film)]
        streams = [container.add_stream_from_template(one.streams[0]) for one in inputs]
        streams[0].disposition = av.stream.Disposition.attached_pic
        for one, stream in zip(inputs, streams, strict=True):
            for packet in one.demux(one.streams[0]):
                if packet.size:
                    packet.stream = stream
                    container.mux(packet)
    with av.open(str(path)) as container:
        sleeves = [one.disposition & av.stream.Disposition.attached_pic for one in container.streams.video]
        assert sorted(map(bool, sleeves)) == [False, True]
    found = await read(path)
    assert isinstance(found.end, SourceEnded)
    assert len(found.frames) == 5
    assert all(shows_card(frame.rgb()) for frame in found.frames)


async def test_a_length_that_is_no_number(tmp_path: Path) -> None:
    """Matroska states it as text, which anybody may write."""
    path = write(tmp_path / "clip.mkv", frames=10)
    whole = path.read_bytes()
    at = whole.index(b"00:00:00.3")
    for said in (b"aa:bb:cc.3", b"-1:-1:-1.3", b"00:00:nan0", b"9:9:1e300:", b"\xc2\xb2:00:0000"):
        path.write_bytes(whole[:at] + said[:10].ljust(10) + whole[at + 10 :])
        found = await read(path)
        assert len(found.frames) == 10
        assert isinstance(found.end, SourceEnded), found.end


async def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    """Names are bytes: a line break or half a letter in one must not reach a terminal, or stop the printing."""
    for name in (b"two\nlines.mp4", b"\xff\xfe.mp4", b"\x1b[2Jwiped.mp4"):
        found = await read(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        assert isinstance(found.end, SourceNotFound)
        assert str(found.end).isprintable()
