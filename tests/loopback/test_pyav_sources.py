"""Files made on the spot, and streams that a real ffmpeg sends over 127.0.0.1."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from stream_guard.errors import SourceEnded, SourceError, SourceNotFound, UnsupportedMedia
from stream_guard.frame import Frame
from stream_guard.sources.base import Source
from stream_guard.sources.inputs import Input, file_input, network_input, screen_input
from stream_guard.sources.pyav import PyAvSource

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60), pytest.mark.usefixtures("nothing_left")]

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the ffmpeg program is not installed")

TOP, BOTTOM = (200, 60, 30), (20, 80, 180)


def make_clip(
    path: Path,
    *,
    frames: int = 60,
    fps: int = 30,
    size: tuple[int, int] = (160, 96),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    times: list[int] | None = None,
) -> Path:
    """Write a clip: one colour above, another below. ``times`` in milliseconds make it of variable rate."""
    width, height = size
    picture = np.empty((height, width, 3), np.uint8)
    picture[: height // 2], picture[height // 2 :] = TOP, BOTTOM
    with av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as container:
        stream = container.add_stream(codec, rate=fps, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pix_fmt)
            if times is not None:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def shows_the_colours(frame: Frame, tolerance: int = 8) -> bool:
    rgb = frame.rgb().astype(int)
    above, below = rgb[frame.height // 4, frame.width // 2], rgb[3 * frame.height // 4, frame.width // 2]
    return bool(abs(above - TOP).max() <= tolerance and abs(below - BOTTOM).max() <= tolerance)


async def read_all(source: Source) -> tuple[list[Frame], SourceError]:
    frames = []
    async with source:
        while True:
            try:
                frames.append(await asyncio.wait_for(source.recv(), 15))
            except SourceError as end:
                with pytest.raises(type(end)):
                    await source.recv()
                return frames, end


async def failure(path: Path | str) -> SourceError:
    with pytest.raises(SourceError) as raised:
        await PyAvSource(file_input(str(path))).open()
    assert "\n" not in str(raised.value)
    return raised.value


async def test_a_file_is_delivered_whole_however_slow_the_reader(tmp_path: Path) -> None:
    source = PyAvSource(file_input(str(make_clip(tmp_path / "clip.mp4"))))
    assert (source.live, source.kind, source.name) == (False, "file", "clip.mp4")
    frames = []
    async with source:
        await asyncio.sleep(0.3)
        while True:
            try:
                frames.append(await source.recv())
            except SourceEnded:
                break
            await asyncio.sleep(0.005)
        transport = source.transport()
    assert [frame.sequence for frame in frames] == list(range(60))
    assert [frame.media_s for frame in frames] == pytest.approx([n / 30 for n in range(60)])
    assert source.overwritten == 0
    assert all(shows_the_colours(frame) for frame in (frames[0], frames[-1]))
    assert (transport.codec, transport.width, transport.height, transport.fps) == ("H264", 160, 96, 30.0)
    assert transport.decode_errors == 0


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("ten_bit.mkv", "libx265", "yuv420p10le"),
        ("full_range.mkv", "mjpeg", "yuvj420p"),
        ("four_four_four.mkv", "libx264", "yuv444p"),
        ("alpha.mkv", "ffv1", "yuva420p"),
        ("vp9.webm", "libvpx-vp9", "yuv420p"),
    ],
)
async def test_pixel_formats(tmp_path: Path, name: str, codec: str, pix_fmt: str) -> None:
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    clip = make_clip(tmp_path / name, frames=5, codec=codec, pix_fmt=pix_fmt, options=options)
    frames, end = await read_all(PyAvSource(file_input(str(clip))))
    assert isinstance(end, SourceEnded), end
    assert len(frames) == 5
    assert frames[0].rgb().shape == (96, 160, 3)
    assert shows_the_colours(frames[0], 12)


async def test_variable_frame_rate(tmp_path: Path) -> None:
    times = [0, 40, 100, 900, 910, 2900]
    clip = make_clip(tmp_path / "slides.mkv", frames=6, times=times, options={"bf": "0"})
    frames, end = await read_all(PyAvSource(file_input(str(clip))))
    assert isinstance(end, SourceEnded), end
    assert [round(frame.media_s * 1000) for frame in frames] == times


async def test_no_time_stamps(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "raw.h264", frames=30, options={"bf": "0"})
    frames, _ = await read_all(PyAvSource(file_input(str(clip))))
    assert len(frames) == 30
    steps = np.diff([frame.media_s for frame in frames])
    assert steps.min() > 0
    assert frames[-1].media_s == pytest.approx(29 / 30, abs=0.3)


@needs_ffmpeg
@pytest.mark.parametrize("rotate", [90, 180, 270])
async def test_phones_lying_down(tmp_path: Path, rotate: int) -> None:
    """The picture is stored lying down; a note in the file says how to hold it."""
    clip, turned = make_clip(tmp_path / "clip.mp4", frames=5), tmp_path / "turned.mp4"
    ffmpeg_now("-i", clip, "-c", "copy", "-metadata:s:v:0", f"rotate={rotate}", turned)
    frames, _ = await read_all(PyAvSource(file_input(str(turned))))
    rgb = frames[0].rgb().astype(int)
    assert rgb.shape[:2] == (frames[0].height, frames[0].width) == ((96, 160) if rotate == 180 else (160, 96))
    upright = tmp_path / "upright.png"
    ffmpeg_now("-i", turned, "-frames:v", 1, upright)  # ffmpeg turns pictures as players do
    with av.open(str(upright)) as container:
        expected = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert rgb.shape == expected.shape
    assert abs(rgb - expected).mean() < 4


async def test_real_time_play_keeps_the_pace_and_the_newest(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=45)
    source = PyAvSource(file_input(str(clip), realtime=True))
    assert source.live
    frames = []
    began = time.monotonic()  # the reader's thread goes on while the loop wakes
    async with source:
        while True:
            try:
                frames.append(await source.recv())
            except SourceEnded:
                break
            await asyncio.sleep(0.15)
        took = time.monotonic() - began
    assert took > 1.3
    assert len(frames) + source.overwritten == 45
    assert source.overwritten > 20
    assert all(a.sequence < b.sequence for a, b in pairwise(frames))


async def test_what_is_no_video(tmp_path: Path) -> None:
    text, empty, folder = tmp_path / "text.mp4", tmp_path / "empty.mp4", tmp_path / "folder.mp4"
    text.write_text("this is a letter, not a film\n" * 100)
    empty.touch()
    folder.mkdir()
    notes = tmp_path / "notes.txt"
    notes.write_text("FFmpeg would paint this as a terminal\n" * 100)
    assert isinstance(await failure(tmp_path / "nothere.mp4"), SourceNotFound)
    assert str(await failure(tmp_path / "nothere.mp4")) == "no such file: nothere.mp4"
    for path in (text, empty, notes):
        assert isinstance(await failure(path), UnsupportedMedia), path
    assert isinstance(await failure(folder), SourceNotFound)


async def test_sound_alone(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    error = await failure(path)
    assert isinstance(error, UnsupportedMedia)
    assert str(error) == "song.wav holds sound but no video"


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv"])
async def test_a_clip_that_was_cut_off(tmp_path: Path, name: str) -> None:
    clip = make_clip(tmp_path / name, frames=150, options={"g": "10", "qp": "0"})
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 6 // 10])
    frames, end = await read_all(PyAvSource(file_input(str(clip))))
    assert 30 < len(frames) < 150
    assert all(shows_the_colours(frame) for frame in frames[-3:])
    assert not isinstance(end, SourceEnded)
    assert "ends early" in str(end)
    assert " of 5.0 s" in str(end)


async def test_a_clip_without_its_index(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mov")  # the index comes last
    clip.write_bytes(clip.read_bytes()[:-2000])
    assert "cut off before its index" in str(await failure(clip))


async def test_damage_in_the_middle_is_counted(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", frames=90, options={"g": "10", "qp": "0"})
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = bytes(300)
    clip.write_bytes(data)
    source = PyAvSource(file_input(str(clip)))
    frames, _ = await read_all(source)
    assert 60 < len(frames) <= 90
    assert shows_the_colours(frames[-1])


async def test_closing_a_file_half_read(tmp_path: Path) -> None:
    source = PyAvSource(file_input(str(make_clip(tmp_path / "clip.mp4"))))
    await source.open()
    await source.recv()
    await source.close()
    await source.close()
    with pytest.raises(SourceEnded):
        await source.recv()


# Streams


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(type=kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ffmpeg_now(*arguments: object) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True, timeout=30)


@contextmanager
def ffmpeg_sending(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Send a red picture at its own pace until the block ends."""
    source = ["-re", "-f", "lavfi", "-i", "color=c=0xc83c1e:s=320x180:r=30"]
    encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "15", "-pix_fmt", "yuv420p"]
    process = subprocess.Popen(["ffmpeg", "-v", "quiet", *source, *encoder, *arguments])
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


@asynccontextmanager
async def opened(source: Source) -> AsyncIterator[Source]:
    async with asyncio.timeout(25):
        async with source:
            yield source


async def opening(source: Source, port: int) -> asyncio.Task[None]:
    """Start opening a source that listens, and wait until it does."""
    task = asyncio.create_task(source.open())
    for _ in range(750):
        await asyncio.sleep(0.02)
        listening = await asyncio.to_thread(Path("/proc/net/tcp").read_text)
        if f":{port:04X} 00000000:0000 0A" in listening:
            return task
    raise AssertionError("it does not listen")


def is_red(frame: Frame) -> bool:
    return bool(abs(frame.rgb()[90, 160].astype(int) - TOP).max() < 8)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("url", "kind", "muxer"),
    [
        ("rtmp://127.0.0.1:{port}/live/secretkey?listen=1", "rtmp", "flv"),
        ("tcp://127.0.0.1:{port}?listen=1", "tcp", "mpegts"),
        ("rtsp://127.0.0.1:{port}/live?listen=1", "rtsp", "rtsp"),
    ],
)
async def test_waiting_for_a_sender(url: str, kind: str, muxer: str) -> None:
    port = free_port()
    url = url.format(port=port)
    source = PyAvSource(network_input(url))
    assert (source.live, source.kind) == (True, kind)
    assert "secretkey" not in source.name
    task = await opening(source, port)
    with ffmpeg_sending("-f", muxer, url.partition("?")[0]) as sender:
        await asyncio.wait_for(task, 20)
        frames = [await asyncio.wait_for(source.recv(), 10) for _ in range(45)]
        assert is_red(frames[-1])
        assert frames[-1].media_s == pytest.approx(frames[-1].sequence / 30, abs=0.3)
        transport = source.transport()
        assert (transport.codec, transport.width, transport.height) == ("H264", 320, 180)
        assert transport.fps > 5
        assert transport.kbps is not None
        assert transport.kbps > 1
        sender.terminate()
        assert isinstance(await asyncio.wait_for(read_to_end(source), 12), SourceEnded)
    await source.close()


@needs_ffmpeg
async def test_mpegts_over_udp_and_a_slow_reader() -> None:
    port = free_port(socket.SOCK_DGRAM)
    with ffmpeg_sending("-f", "mpegts", f"udp://127.0.0.1:{port}?pkt_size=1316"):
        async with opened(PyAvSource(network_input(f"udp://127.0.0.1:{port}"))) as source:
            assert is_red(await source.recv())
            await asyncio.sleep(1.0)
            frame = await source.recv()
            assert time.monotonic_ns() - frame.arrived_ns < 800_000_000  # out of a queue it would be 0.97 s old
            assert source.overwritten >= 3


@pytest.mark.parametrize(
    "url",
    [
        "udp://127.0.0.1:{port}",
        "rtmp://127.0.0.1:{port}/live/key?listen=1",
        "tcp://127.0.0.1:{port}?listen=1",
        "rtsp://127.0.0.1:{port}/live?listen=1",
    ],
)
async def test_closing_while_nobody_comes(url: str) -> None:
    source = PyAvSource(network_input(url.format(port=free_port())))
    task = asyncio.create_task(source.open())
    await asyncio.sleep(0.4)
    assert not task.done()
    began = time.monotonic()
    await source.close()
    assert time.monotonic() - began < 2.0
    with pytest.raises(SourceError):
        await task


@pytest.mark.parametrize(
    "url", ["rtsp://127.0.0.1:{port}/x", "rtmp://127.0.0.1:{port}/a/b", "tcp://127.0.0.1:{port}"]
)
async def test_closing_while_a_server_is_silent(url: str) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        source = PyAvSource(network_input(url.format(port=server.getsockname()[1])))
        task = asyncio.create_task(source.open())
        await asyncio.sleep(0.4)
        assert not task.done()
        began = time.monotonic()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await source.close()
        assert time.monotonic() - began < 2.0


@needs_ffmpeg
async def test_closing_when_the_sender_has_fallen_silent() -> None:
    port = free_port(socket.SOCK_DGRAM)
    source = PyAvSource(network_input(f"udp://127.0.0.1:{port}"))
    with ffmpeg_sending("-f", "mpegts", f"udp://127.0.0.1:{port}?pkt_size=1316"):
        await asyncio.wait_for(source.open(), 20)
        await source.recv()
    waiting = asyncio.create_task(read_to_end(source))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    began = time.monotonic()
    await source.close()
    assert time.monotonic() - began < 2.0
    assert isinstance(await waiting, SourceEnded)


async def read_to_end(source: Source) -> SourceError:
    try:
        while True:
            await source.recv()
    except SourceError as end:
        return end


async def test_what_network_errors_say() -> None:
    port = free_port()
    for url in (f"rtsp://user:hush@127.0.0.1:{port}/x?token=hush", f"rtmp://127.0.0.1:{port}/live/hush"):
        with pytest.raises(SourceError, match="nothing answers at") as raised:
            await PyAvSource(network_input(url)).open()
        assert raised.value.retryable
        assert "hush" not in str(raised.value)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        url = f"tcp://127.0.0.1:{taken.getsockname()[1]}?listen=1"
        with pytest.raises(SourceError, match="in use"):
            await PyAvSource(network_input(url)).open()


@contextmanager
def virtual_screen() -> Iterator[str]:
    """Start a display of its own and give its name."""
    readable, writable = os.pipe()
    arguments = ["Xvfb", "-displayfd", str(writable), "-screen", "0", "320x200x24", "-nolisten", "tcp"]
    xvfb = subprocess.Popen(arguments, pass_fds=[writable], stderr=subprocess.DEVNULL)
    os.close(writable)
    try:
        with os.fdopen(readable) as told:
            yield f":{told.readline().strip()}"
    finally:
        xvfb.terminate()
        xvfb.wait(10)


@pytest.mark.skipif(shutil.which("Xvfb") is None and os.environ.get("CI") != "true", reason="no Xvfb here")
async def test_a_screen() -> None:
    with virtual_screen() as display:
        url = f"screen:?display={display}&size=160x120&at=8,4&fps=20"
        async with opened(PyAvSource(screen_input(url, platform="linux"))) as source:
            frames = [await source.recv() for _ in range(10)]
            assert frames[-1].rgb().shape == (120, 160, 3)
            assert frames[-1].media_s > 0.3
            assert (source.kind, source.live) == ("screen", True)


async def test_devices_that_are_not_there() -> None:
    camera = Input("/dev/video99", "camera", "/dev/video99", "v4l2")
    with pytest.raises(SourceNotFound, match="there is no camera at /dev/video99"):
        await PyAvSource(camera).open()
    screen = Input(":99", "screen", "screen :99", "x11grab")
    with pytest.raises(SourceNotFound, match="DISPLAY"):
        await PyAvSource(screen).open()
