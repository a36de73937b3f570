"""Take the picture of a report: ``python docs/pictures/take_report.py`` (needs Chromium)."""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import cv2
import numpy as np
from playwright.async_api import async_playwright

from stream_guard.testing.caller import Caller

HERE = Path(__file__).parent
FPS, SECONDS, SWAP_AT_S = 15, 10, 5.0


def record(path: Path) -> None:
    """Write a call of the made-up caller in which a face swap begins."""
    caller = Caller(swap_at_s=SWAP_AT_S)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("h264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        stream.options = {"crf": "20", "preset": "veryfast"}
        for number in range(FPS * SECONDS):
            picture = av.VideoFrame.from_ndarray(caller.frame(number / FPS), format="rgb24")
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))


async def main() -> None:
    """Record, score, and take the upper part of the page."""
    with tempfile.TemporaryDirectory() as folder:
        call, page_file = Path(folder, "call.mp4"), Path(folder, "report.html")
        await asyncio.to_thread(record, call)
        start = "from stream_guard.cli import main; main()"
        command = [sys.executable, "-c", start, "score", str(call), "--report", str(page_file)]
        await asyncio.to_thread(subprocess.run, command, check=True)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            page = await browser.new_page(viewport={"width": 1040, "height": 1330})
            await page.goto(page_file.as_uri())
            shot = cv2.imdecode(np.frombuffer(await page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
            cv2.imwrite(str(HERE / "report.jpg"), shot, [cv2.IMWRITE_JPEG_QUALITY, 88])
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
