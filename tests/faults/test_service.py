"""What breaks inside the whole server, with real calls: they go on, and whoever watches is told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest

from stream_guard import client
from stream_guard.app import Service
from stream_guard.config import Config
from stream_guard.errors import SignallingError
from stream_guard.faces.tracker import FaceTracker
from stream_guard.pipeline.face_measurer import FaceMeasurer
from stream_guard.protocol.messages import FaultReport, Scores, ServerMessage, Session
from stream_guard.testing.caller import Caller
from stream_guard.testing.peers import WhipSender
from tests.privacy.command import served

pytestmark = [
    pytest.mark.loopback,
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, and sets limits of other processes"),
]

PICTURE = Caller(width=480, height=270).frame


async def first(messages: AsyncIterator[ServerMessage], want: Callable[[Any], bool], limit_s: float = 60) -> Any:
    async with asyncio.timeout(limit_s):
        async for message in messages:
            assert not (isinstance(message, Session) and message.state == "ended"), message
            if want(message):
                return message
    raise AssertionError("the messages ended")


def has_face(message: ServerMessage) -> bool:
    return isinstance(message, Scores) and any(face.frame_score is not None for face in message.faces)


def _mesh_process() -> int:
    """Return the landmarker's process, which is a child of ours."""
    for entry in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread or a child that has just ended
            for child in (entry / "children").read_text().split():
                if b"mesh_process" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
    raise AssertionError("the landmarker has no process")


async def test_a_call_outlives_the_landmarkers_process_and_a_clock_set_back_and_forward(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FaceMeasurer, "_network", lambda *arguments: None)  # MediaPipe's own runtime, a process
    wall, jump_s = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: wall() + jump_s[0])
    async with Service(Config.make(port=0)) as service, aclosing(client.messages(service.url)) as messages:
        async with WhipSender(f"{service.url}/whip", PICTURE, fps=8, kbps=800) as sender:
            await first(messages, has_face)
            os.kill(await asyncio.to_thread(_mesh_process), signal.SIGKILL)
            fault = await first(messages, lambda message: isinstance(message, FaultReport))
            assert (fault.part, fault.session) == ("faces", None)
            assert "was started again" in fault.reason
            scores = await first(messages, has_face)
            assert scores.session == sender.session
            for jump_s[0] in (86_400.0, -86_400.0 * 365):
                before = scores
                scores = await first(messages, lambda one, t=before.t: has_face(one) and one.t > t)
                assert 0 <= scores.age_ms < 60_000
                assert {face.id for face in scores.faces} == {face.id for face in before.faces}
            async with httpx.AsyncClient(trust_env=False) as http:
                metrics = (await http.get(f"{service.url}/metrics")).text
            assert 'stream_guard_faults_total{part="faces"} 1.0' in metrics


async def test_a_tracker_that_breaks_is_replaced_in_the_same_session(monkeypatch: pytest.MonkeyPatch) -> None:
    update, looks = FaceTracker.update, iter(range(1_000_000))

    def breaks(*arguments: Any, **more: Any) -> Any:
        if next(looks) in {4, 5, 6}:
            raise ZeroDivisionError
        return update(*arguments, **more)

    monkeypatch.setattr(FaceTracker, "update", breaks)
    config = Config.make(port=0, sources=("pattern:?size=320x240&fps=10",))
    async with Service(config) as service, aclosing(client.messages(service.url)) as messages:
        before = await first(messages, lambda message: isinstance(message, Scores))
        fault = await first(
            messages, lambda message: isinstance(message, FaultReport) and message.reason.endswith("begun anew")
        )
        assert (fault.part, fault.session) == ("stream", before.session)
        after = await first(messages, lambda message: isinstance(message, Scores) and message.t > before.t + 1)
        assert after.session == before.session


async def test_no_file_handles_left_is_an_answer_and_passes() -> None:
    import resource  # which Windows does not have

    async with served() as server:
        async with WhipSender(f"{server.url}/whip", PICTURE, fps=5, kbps=500):
            soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
            used = len(await asyncio.to_thread(os.listdir, f"/proc/{server.pid}/fd"))
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (used + 1, hard))
            with pytest.raises((SignallingError, httpx.HTTPError)) as refused:
                async with WhipSender(f"{server.url}/whip", PICTURE, fps=5, kbps=500):
                    pass
            if isinstance(refused.value, SignallingError):
                assert refused.value.status == 503, str(refused.value)
                assert "file" in str(refused.value)
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (soft, hard))
            async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
                assert (await http.get(f"{server.url}/healthz")).json()["sessions"] == 1, "the first call goes on"
        async with WhipSender(f"{server.url}/whip", PICTURE, fps=5, kbps=500):
            pass
    assert server.code == 0


async def test_a_model_that_is_damaged_ends_the_start_in_one_line(tmp_path: Path) -> None:
    from stream_guard.models import store

    model, manifest = await asyncio.to_thread(store.default_model)
    broken = tmp_path / manifest.file
    broken.write_bytes(model.read_bytes()[:-100])
    broken.with_suffix(".json").write_text(model.with_suffix(".json").read_text())
    with pytest.raises(AssertionError, match="is damaged or is not the file") as caught:
        async with served("--model", str(broken)):
            pass
    assert "Traceback" not in str(caught.value)
