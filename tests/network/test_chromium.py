"""Chromium changes what it sends in mid-call: another camera, none, black; and it restarts ICE."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, async_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from stream_guard.errors import SourceEnded
from stream_guard.frame import Frame
from stream_guard.server.whip import WhipEndpoint
from stream_guard.sources.base import Source
from stream_guard.testing.peers import serving
from tests.browser.conftest import ARGUMENTS, chromium_path

__all__ = ["chromium_path"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

CALL = """
async () => {
  const draw = (width, height, colour) => {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    let count = 0;
    setInterval(() => {
      context.fillStyle = colour;
      context.fillRect(0, 0, width, height);
      context.fillStyle = "white";
      context.fillRect(count++ % width, 10, 20, 20);
    }, 60);
    return canvas.captureStream(15).getVideoTracks()[0];
  };
  const peer = new RTCPeerConnection();
  const { sender } = peer.addTransceiver(draw(320, 240, "#a00000"), { direction: "sendonly" });
  await peer.setLocalDescription(await peer.createOffer());
  const answered = await fetch("/whip", {
    method: "POST", headers: { "Content-Type": "application/sdp" }, body: peer.localDescription.sdp,
  });
  await peer.setRemoteDescription({ type: "answer", sdp: await answered.text() });
  const location = answered.headers.get("Location");
  window.call = { draw, peer, sender, location };
}
"""

RESTART = """
async () => {
  const { peer, location } = window.call;
  const offer = await peer.createOffer({ iceRestart: true });
  const wanted = offer.sdp.split("\\r\\n").filter((line) => /^a=ice-(ufrag|pwd):/.test(line)).slice(0, 2);
  const response = await fetch(location, {
    method: "PATCH",
    headers: { "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*" },
    body: wanted.join("\\r\\n") + "\\r\\n",
  });
  return [response.status, await response.text()];
}
"""


class Viewer:
    """Reads a source; keeps the newest picture, and counts."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.frame: Frame | None = None
        self.count = 0

    async def read(self) -> None:
        while True:
            try:
                self.frame = await self.source.recv()
            except SourceEnded:
                return
            self.count += 1

    def colour(self) -> tuple[int, ...]:
        """Return the colour of a corner of the newest picture."""
        assert self.frame is not None
        return tuple(int(value) for value in self.frame.rgb()[-8:, -8:].mean(axis=(0, 1)))

    async def until_size(self, width: int, height: int) -> None:
        async with asyncio.timeout(30):
            while self.frame is None or (self.frame.width, self.frame.height) != (width, height):
                await asyncio.sleep(0.05)

    async def more(self, count: int = 3) -> None:
        wanted = self.count + count
        async with asyncio.timeout(30):
            while self.count < wanted:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def calling(path: str) -> AsyncIterator[tuple[Page, Viewer]]:
    """Yield a page that has called, and who watches the call."""
    sources: asyncio.Queue[Source] = asyncio.Queue()

    async def start(source: Source) -> str:
        await sources.put(source)
        return "c1"

    async def blank(_: Request) -> Response:
        return HTMLResponse("<!doctype html><title>caller</title>")

    endpoint = WhipEndpoint(start, loopback_only=True)
    site = Starlette(routes=[Route("/", blank), *endpoint.routes])
    async with serving(site) as url, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            page = await browser.new_page()
            await page.goto(url)
            await page.evaluate(CALL)
            viewer = Viewer(await asyncio.wait_for(sources.get(), 10))
            reading = asyncio.create_task(viewer.read(), name="viewer")
            try:
                yield page, viewer
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
        finally:
            await browser.close()
            await endpoint.close()


async def test_another_camera_black_none_and_back_are_followed_in_one_call(chromium_path: str) -> None:
    async with calling(chromium_path) as (page, viewer):
        await viewer.until_size(320, 240)
        red, green, blue = viewer.colour()
        assert red > 120 > 60 > max(green, blue)

        await page.evaluate("() => call.sender.replaceTrack(call.other = call.draw(480, 360, '#0000a0'))")
        await viewer.until_size(480, 360)
        await viewer.more()
        red, green, blue = viewer.colour()
        assert blue > 120 > 60 > max(red, green), "nothing of the first camera is left"

        await page.evaluate("() => { call.other.enabled = false; }")
        async with asyncio.timeout(30):
            while max(viewer.colour()) > 20:
                await asyncio.sleep(0.1)

        await page.evaluate("() => call.sender.replaceTrack(null)")
        await asyncio.sleep(0.5)
        seen = viewer.count
        await asyncio.sleep(1.5)
        assert viewer.count <= seen + 1, "without a camera nothing is made up"

        await page.evaluate("() => call.sender.replaceTrack(call.draw(640, 480, '#00a000'))")
        await viewer.until_size(640, 480)
        await viewer.more()
        red, green, blue = viewer.colour()
        assert green > 120 > 60 > max(red, blue)
        assert viewer.source.transport().damaged == 0


async def test_an_ice_restart_is_refused_in_words_and_the_call_goes_on(chromium_path: str) -> None:
    """422 is the answer of a server without restarts (RFC 9725, section 4.3.1); the client then calls anew."""
    async with calling(chromium_path) as (page, viewer):
        await viewer.more()
        status, said = await page.evaluate(RESTART)
        assert status == 422
        assert "end the session and begin a new one" in said
        await viewer.more()
