"""Nothing leaves this machine: every connection of a scoring process and its children is traced."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import av
import httpx
import pytest

from stream_guard.testing.caller import Caller
from stream_guard.testing.peers import WhipSender
from tests.privacy.command import served

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

ADDRESS = re.compile(r'sin6?_addr=inet_(?:addr\("|pton\(AF_INET6, ")([^"]+)')

PICTURE = Caller(width=640, height=360).frame


@pytest.fixture
def strace() -> str:
    found = shutil.which("strace")
    if found is None:
        missing = "strace is not installed, so connections cannot be watched"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def reached(strace: str, log: Path, *command: str) -> set[str]:
    """Run a command; return every address it or its children connected or sent to, but for this machine's own."""
    traced = subprocess.run(
        [strace, "-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(log), *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=220,
        env={name: value for name, value in os.environ.items() if name != "CI"},  # under CI libraries hold back
    )
    assert traced.returncode == 0, traced.stderr
    addresses = set(ADDRESS.findall(log.read_text(errors="replace")))
    return {address for address in addresses if not address.startswith("127.") and address != "::1"}


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_scoring_a_call_reaches_nobody(strace: str, tmp_path: Path, engine: str) -> None:
    clip = tmp_path / "call.mp4"
    caller = Caller(width=640, height=360)
    with av.open(str(clip), "w") as out:
        stream = out.add_stream("h264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for number in range(20):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(caller.frame(number / 10), format="rgb24")))
        out.mux(stream.encode(None))
    # MediaPipe reports a while after it was loaded: stay alive for longer than that.
    program = (
        "import asyncio, sys\n"
        "from stream_guard import Guard\n"
        "async def main():\n"
        "    async with Guard(sys.argv[1], engine=sys.argv[2]) as guard:\n"
        "        seen = [update.faces async for update in guard]\n"
        "        await asyncio.sleep(5)\n"
        "    assert any(face.authenticity is not None for faces in seen for face in faces)\n"
        "asyncio.run(main())\n"
    )
    assert reached(strace, tmp_path / "log", sys.executable, "-c", program, str(clip), engine) == set()


async def test_serving_a_call_reaches_the_peer_alone(strace: str, tmp_path: Path) -> None:
    """WebRTC asks STUN servers, name servers and the whole network by multicast, unless it is kept from it."""
    log = tmp_path / "log"
    trace = (strace, "-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(log))
    async with served("--journal", str(tmp_path / "journal"), before=trace) as server:
        async with WhipSender(f"{server.url}/whip", PICTURE, fps=5, kbps=1500) as sender:
            hidden = "a=candidate:1 1 udp 2122260223 0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0.local 54321 typ host\r\n"
            named = "a=candidate:2 1 udp 2122260223 stun.example.com 54321 typ host\r\n"
            fragment = f"m=video 9 UDP/TLS/RTP/SAVPF 97\r\na=mid:0\r\n{hidden}{named}"
            assert (await sender.patch(fragment, etag="*")).status_code == 204
            async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
                for path in ("/", "/overlay", "/dashboard", "/metrics", "/api/sessions"):
                    assert (await http.get(server.url + path)).status_code == 200
            await asyncio.sleep(8)
    traced = await asyncio.to_thread(log.read_text, errors="replace")
    addresses = set(ADDRESS.findall(traced))
    assert "127.0.0.1" in addresses, "the call itself was seen"
    assert {address for address in addresses if not address.startswith("127.") and address != "::1"} == set()


def test_the_watch_would_see_it(strace: str, tmp_path: Path) -> None:
    program = "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"
    assert reached(strace, tmp_path / "log", sys.executable, "-c", program) == {"192.0.2.1"}
