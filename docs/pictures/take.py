"""Take the README's pictures from the running program: ``python docs/pictures/take.py`` (needs Chromium).

The overlay's picture is what the page draws, laid over the frame the caller drew at that moment, as OBS would.
"""

import asyncio
import json
import sys
import tempfile
from contextlib import aclosing
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Browser, Page, async_playwright

from stream_guard import client
from stream_guard.app import Service
from stream_guard.clock import MonotonicClock, seconds
from stream_guard.config import Config
from stream_guard.scoring.observation import State
from stream_guard.testing.caller import Caller

HERE = Path(__file__).parent
SWAP_AT_S = 12.0
CLOCK = MonotonicClock()


def camera(path: Path) -> None:
    """Write four seconds of the made-up caller, there and back again, for Chromium to play as its camera."""
    caller = Caller()
    with av.open(str(path), "w", format="mjpeg") as out:
        stream = out.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuvj420p"
        stream.options = {"qscale": "3"}
        for number in range(120):
            t = min(number, 120 - number) / 30
            out.mux(stream.encode(av.VideoFrame.from_ndarray(caller.frame(t), format="rgb24")))
        out.mux(stream.encode(None))


async def until(url: str, state: State) -> None:
    """Wait until a face is in a state."""
    async with aclosing(client.scores(url)) as stream, asyncio.timeout(40):
        async for scores in stream:
            if any(face.state is state for face in scores.faces):
                return


def save(name: str, picture: NDArray[np.uint8]) -> None:
    """Write a picture, small enough for a README."""
    cv2.imwrite(str(HERE / f"{name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])


async def shoot(page: Page, name: str) -> None:
    """Save what a page shows."""
    await page.bring_to_front()
    shot = cv2.imdecode(np.frombuffer(await page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    save(name, shot)


async def take_overlay(browser: Browser, service: Service) -> None:
    """Take the overlay before and after a swap begins, and the dashboard."""
    overlay = await browser.new_page(viewport={"width": 1280, "height": 720})
    await overlay.goto(f"{service.url}/overlay?boxes=1&list=1")
    dashboard = await browser.new_page(viewport={"width": 1280, "height": 800})
    await dashboard.goto(f"{service.url}/dashboard")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "stream_guard.testing.call", "--whip", f"{service.url}/whip"),
        *("--seconds", "30", "--swap-at", str(SWAP_AT_S)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    began_ns = json.loads(await process.stdout.readline())["at_ns"]
    caller = Caller(swap_at_s=SWAP_AT_S)
    for state in (State.AUTHENTIC, State.SYNTHETIC):
        await until(service.url, state)
        await asyncio.sleep(2)
        behind = await asyncio.to_thread(caller.frame, seconds(CLOCK.now_ns() - began_ns))
        shot = await overlay.screenshot(omit_background=True)
        drawn = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_UNCHANGED).astype(np.float32)
        alpha = drawn[:, :, 3:] / 255
        mixed = drawn[:, :, :3] * alpha + behind[:, :, ::-1] * (1 - alpha)
        cv2.imwrite(
            str(HERE / f"overlay-{state.value}.jpg"), mixed.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 88]
        )
    await asyncio.sleep(4)
    await shoot(dashboard, "dashboard")
    await process.wait()


async def take_capture(browser: Browser, service: Service) -> None:
    """Take the capture page while it watches the camera."""
    page = await browser.new_page(viewport={"width": 1280, "height": 860})
    await page.goto(service.url)
    await page.click("#use-camera")
    await until(service.url, State.AUTHENTIC)
    await asyncio.sleep(3)
    await shoot(page, "capture")


async def main() -> None:
    """Start everything, take the pictures, stop everything."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "camera.mjpeg"
        camera(clip)
        async with Service(Config.make(port=0)) as service, async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=sys.argv[1] if len(sys.argv) > 1 else "/usr/bin/chromium",
                args=[
                    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
                    *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
                    f"--use-file-for-fake-video-capture={clip}",
                ],
            )
            await take_overlay(browser, service)
            await take_capture(browser, service)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
