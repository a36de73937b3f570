"""A real Chromium calls the real server: camera, a shared tab, an offer without candidates, a sudden death."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import av
import cv2
import pytest
from playwright.async_api import Browser, async_playwright

from stream_guard import client
from stream_guard.app import Service
from stream_guard.config import Config
from stream_guard.protocol.messages import Event, Scores, ServerMessage, Session
from stream_guard.scoring.observation import EventKind
from stream_guard.testing.caller import Caller

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

BASE = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of the made-up caller, as a file that Chromium plays as its camera, over and over."""
    path = tmp_path_factory.mktemp("camera") / "caller.mjpeg"
    caller = Caller(width=640, height=480)
    with av.open(str(path), "w", format="mjpeg") as out:
        stream = out.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuvj420p"
        stream.options = {"qscale": "3"}
        for number in range(60):
            # There and back again, so that the loop is no cut.
            t = min(number, 60 - number) / 30
            out.mux(stream.encode(av.VideoFrame.from_ndarray(caller.frame(t), format="rgb24")))
        out.mux(stream.encode(None))
    return path


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with Service(Config.make(port=0)) as service:
        yield service


@asynccontextmanager
async def chromium(path: str, *arguments: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=[*BASE, *arguments])
        try:
            yield browser
        finally:
            await browser.close()


def with_camera(clip: Path) -> list[str]:
    return [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={clip}",
    ]


async def first(messages: AsyncIterator[ServerMessage], want: Any, limit_s: float = 30) -> Any:
    async with asyncio.timeout(limit_s):
        async for message in messages:
            if want(message):
                return message
    raise AssertionError("the messages ended")


def judged(message: ServerMessage) -> bool:
    return isinstance(message, Scores) and any(face.authenticity is not None for face in message.faces)


async def test_the_camera_is_scored_and_the_overlay_shows_it(
    service: Service, chromium_path: str, camera: Path, tmp_path: Path
) -> None:
    async with (
        chromium(chromium_path, *with_camera(camera)) as browser,
        aclosing(client.messages(service.url)) as messages,
    ):
        overlay = await browser.new_page(viewport={"width": 1280, "height": 720})
        await overlay.goto(f"{service.url}/overlay")
        page = await browser.new_page()
        await page.goto(service.url)
        await page.click("#use-camera")
        scores = await first(messages, judged)
        assert scores.transport.codec in {"VP8", "H264"}
        assert (scores.transport.width, scores.transport.height) == (640, 480)
        (face,) = scores.faces
        word = face.state.value.replace("_", " ")
        for place in (overlay, page):
            await place.get_by_text(word).first.wait_for(timeout=10_000)
        await overlay.screenshot(path=tmp_path / "overlay.png", omit_background=True)
        picture = cv2.imread(str(tmp_path / "overlay.png"), cv2.IMREAD_UNCHANGED)
        assert (picture[..., 3] == 0).mean() > 0.5, "the overlay is transparent but for its badge"
        assert (picture[..., 3] > 0).any()
        await page.click("#stop")
        ended = await first(messages, lambda m: isinstance(m, Session) and m.state == "ended")
        assert ended.session == scores.session


async def test_a_shared_tab_with_a_gallery_has_a_score_for_every_face(service: Service, chromium_path: str) -> None:
    title = "A gallery of four"
    async with (
        chromium(chromium_path, f"--auto-select-tab-capture-source-by-title={title}") as browser,
        aclosing(client.messages(service.url)) as messages,
    ):
        context = await browser.new_context(viewport={"width": 1280, "height": 720})
        call = await context.new_page()
        # Drawn over and over: a tab sends frames only when something changes.
        await call.set_content(await asyncio.to_thread(_gallery, title))
        page = await context.new_page()
        await page.goto(service.url)
        await page.click("#share-tab")
        scores = await first(
            messages,
            lambda m: isinstance(m, Scores) and sum(face.authenticity is not None for face in m.faces) == 4,
            60,
        )
        corners = {(face.box[0] > 0.5, face.box[1] > 0.5) for face in scores.faces}
        assert len(corners) == 4, "one face in each quarter of the picture"


async def test_an_offer_without_candidates_connects(service: Service, chromium_path: str, camera: Path) -> None:
    async with (
        chromium(chromium_path, *with_camera(camera)) as browser,
        aclosing(client.messages(service.url)) as messages,
    ):
        page = await browser.new_page()
        await page.goto(service.url)
        status = await page.evaluate(
            """async () => {
                const stream = await navigator.mediaDevices.getUserMedia({video: true});
                const peer = window.peer = new RTCPeerConnection();
                peer.addTransceiver(stream.getVideoTracks()[0], {direction: "sendonly"});
                await peer.setLocalDescription();
                const bare = peer.localDescription.sdp.replace(/a=(candidate|end-of-candidates).*\\r\\n/g, "");
                const headers = {"Content-Type": "application/sdp"};
                const answer = await fetch("/whip", {method: "POST", headers, body: bare});
                await peer.setRemoteDescription({type: "answer", sdp: await answer.text()});
                return answer.status;
            }"""
        )
        assert status == 201
        await first(messages, judged)


async def test_a_browser_that_dies_leaves_a_stale_session_then_none(
    service: Service, chromium_path: str, camera: Path, tmp_path: Path
) -> None:
    # Started by hand, because a driver would say goodbye.
    process = await asyncio.create_subprocess_exec(
        chromium_path,
        *("--headless=new", "--remote-debugging-port=0", f"--user-data-dir={tmp_path}"),
        *(*BASE, *with_camera(camera), "--disable-dev-shm-usage"),
        "about:blank",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with async_playwright() as playwright, aclosing(client.messages(service.url)) as messages:
            browser = await playwright.chromium.connect_over_cdp(await _debugger(tmp_path))
            page = await browser.contexts[0].new_page()
            await page.goto(service.url)
            await page.click("#use-camera")
            scores = await first(messages, judged)
            process.kill()
            event = await first(messages, lambda m: isinstance(m, Event) and m.kind is EventKind.STALE, 15)
            assert event.session == scores.session
            await first(messages, lambda m: isinstance(m, Session) and m.state == "ended", 60)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    assert not [task for task in asyncio.all_tasks() if scores.session in task.get_name().split()]


async def _debugger(folder: Path) -> str:
    """Return the address a Chromium that was just started listens on for its debugger."""
    note = folder / "DevToolsActivePort"
    async with asyncio.timeout(20):
        while not note.exists() or not note.read_text():
            await asyncio.sleep(0.05)
    return f"http://127.0.0.1:{note.read_text().splitlines()[0]}"


def _gallery(title: str) -> str:
    """Return a page with four tiles of the made-up caller that move a little all the time."""
    frame = cv2.cvtColor(Caller(width=640, height=360).frame(0.0), cv2.COLOR_RGB2BGR)
    picture = base64.b64encode(cv2.imencode(".png", frame)[1].tobytes()).decode()
    return f"""<!doctype html><title>{title}</title>
        <style>body {{ margin: 0; display: grid; grid-template-columns: 1fr 1fr; height: 100vh }}
        div {{ overflow: hidden }} img {{ width: 100%; height: 100%; animation: sway 2s infinite alternate }}
        @keyframes sway {{ to {{ transform: translate(6px, 3px) }} }}</style>
        {f'<div><img src="data:image/png;base64,{picture}"></div>' * 4}"""
