"""The whole loop: OBS plays a call, sends it to stream-guard, and the script shows the score in the same OBS."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest

from stream_guard.obs.sending import ENCODER
from stream_guard.testing.caller import Caller
from tests.obs.studio import Studio, until

pytestmark = [pytest.mark.obs, pytest.mark.timeout(240)]

SCORE = "Stream Guard score"
FPS, REAL_S, SWAP_S = 30, 8, 8
SIZE = (960, 540)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's caller as a file: a public-domain portrait that sways, and half-way a swap that is made here."""
    path = tmp_path_factory.mktemp("clip") / "call.mp4"
    caller = Caller(width=SIZE[0], height=SIZE[1], swap_at_s=REAL_S)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "16"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range((REAL_S + SWAP_S) * FPS):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(caller.frame(number / FPS), format="rgb24")))
        container.mux(stream.encode(None))
    return path


@contextmanager
def serving(source: str, folder: Path) -> Iterator[str]:
    """Run ``stream-guard serve`` and yield its address."""
    log = folder / "server.txt"
    program = "from stream_guard.cli import main; main()"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", program, "serve", "--port", "0", "--source", source],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "COLUMNS": "200"},
        )
    try:

        def address() -> str | None:
            assert process.poll() is None, log.read_text()
            found = re.search(r"http://127\.0\.0\.1:(\d+)/overlay", log.read_text())
            return f"127.0.0.1:{found[1]}" if found else None

        yield until(address, "the server has not started", 60)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(type=kind) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def send_to(studio: Studio, address: str, key: str) -> None:
    """Start streaming; again until the receiver takes it."""
    for name, value in ENCODER.items():
        studio.remote.set_profile_parameter("SimpleOutput", name, value if name != "Preset" else "ultrafast")
    studio.remote.set_stream_service_settings("rtmp_custom", {"server": address, "key": key})

    def sending() -> bool:
        status = studio.remote.get_stream_status()
        if not status.output_active:
            studio.remote.start_stream()
            time.sleep(1)
        return bool(status.output_active and status.output_bytes)

    until(sending, "OBS does not send", 30)


def play(studio: Studio, clip: Path) -> None:
    """Begin the call from its first frame."""
    settings = {"local_file": str(clip), "is_local_file": True, "looping": False, "hw_decode": False}
    studio.remote.create_input("Call", "Guest", "ffmpeg_source", settings, True)
    item = studio.remote.get_scene_item_id("Call", "Guest").scene_item_id
    studio.remote.set_scene_item_index("Call", item, 0)  # below the badge


def watch(studio: Studio, limit_s: float) -> list[tuple[float, str]]:
    """Return what the badge says until it says the worst: seconds from now, and its headline."""
    began_s, seen = time.monotonic(), [(0.0, studio.text(SCORE))]
    while time.monotonic() - began_s < limit_s and not seen[-1][1].startswith("Likely synthetic"):
        headline = studio.text(SCORE)
        if headline != seen[-1][1]:
            seen.append((round(time.monotonic() - began_s, 1), headline))
        time.sleep(0.05)
    return seen


def test_a_swap_in_what_obs_sends_by_rtmp_raises_the_alarm_in_obs(
    start: Callable[..., Studio], clip: Path, tmp_path: Path
) -> None:
    port = free_port(socket.SOCK_STREAM)
    with serving(f"rtmp://127.0.0.1:{port}/live/stream-guard?listen=1", tmp_path) as server:
        studio = start(
            {"server": server, "where": "scene", "scene": "Call", "alarm_scene": "Safe", "alarm_hold_s": 1.0}
        )
        send_to(studio, f"rtmp://127.0.0.1:{port}/live", "stream-guard")
        until(lambda: studio.text(SCORE) == "No face", "the stream did not arrive", 20)
        play(studio, clip)
        seen = watch(studio, REAL_S + SWAP_S + 4)
        words = [headline.partition("  ")[0] for _, headline in seen]
        assert "Looks authentic" in words, seen
        assert "Likely synthetic" in words, seen
        alarm_s = next(at_s for at_s, headline in seen if headline.startswith("Likely synthetic"))
        assert alarm_s > REAL_S, f"an alarm before the swap: {seen}"
        print(f"the alarm came {alarm_s - REAL_S:.1f} s after the swap began in OBS")  # noqa: T201
        until(lambda: studio.on_air() == "Safe", "the scene was not switched", 2)
        # The safe scene has no face, so the alarm ends, and the call comes back on air.
        until(lambda: studio.on_air() == "Call", "it did not come back", 15)


def test_what_obs_sends_by_udp_is_scored(start: Callable[..., Studio], clip: Path, tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    with serving(f"udp://127.0.0.1:{port}", tmp_path) as server:
        studio = start({"server": server, "where": "scene", "scene": "Call"})
        play(studio, clip)
        send_to(studio, f"udp://127.0.0.1:{port}?pkt_size=1316", "")
        until(lambda: studio.text(SCORE).startswith("Looks authentic"), "no score came back", 20)
