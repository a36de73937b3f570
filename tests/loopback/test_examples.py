"""The examples of the documentation, run as they stand."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import av
import pytest

from stream_guard.app import Service
from stream_guard.config import Config
from stream_guard.testing.caller import Caller
from stream_guard.testing.peers import WhipSender

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(90)]

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


async def run(name: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", str(EXAMPLES / name), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def write(path: Path) -> None:
    caller = Caller(width=640, height=360)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("h264", rate=15)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for number in range(30):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(caller.frame(number / 15), format="rgb24")))
        out.mux(stream.encode(None))


async def test_the_detector_inside_another_program(tmp_path: Path) -> None:
    await asyncio.to_thread(write, tmp_path / "call.mp4")
    program = await run("embed.py", str(tmp_path / "call.mp4"))
    out, err = await program.communicate()
    assert program.returncode == 0, err.decode()
    assert "face_appeared  face 1" in out.decode()
    assert "authentic" in out.decode() or "synthetic" in out.decode() or "suspicious" in out.decode()


async def test_following_a_server_from_another_program() -> None:
    async with Service(Config.make(port=0)) as service:
        program = await run("follow.py", service.url)
        picture = (await asyncio.to_thread(Caller, width=640, height=360)).frame
        async with WhipSender(f"{service.url}/whip", picture, fps=10, kbps=1500) as sender:
            assert program.stdout is not None
            async with asyncio.timeout(40):
                line = (await program.stdout.readline()).decode()
        program.kill()
        await program.communicate()
    assert line.startswith(f"{sender.session} 1 ")
