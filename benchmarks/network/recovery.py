"""How long after an outage does the picture come back? Ours, and as aiortc receives by itself; no data needed.

``python -m benchmarks.network.recovery --rounds 3 --json recovery.json``. The time is from the moment at which
datagrams pass again to the next decoded picture, on a network of 30 ms each way.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np
from aiortc import RTCSessionDescription
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.network.received import as_before
from stream_guard.bench.impairment import Impairment
from stream_guard.bench.relay import Relay
from stream_guard.errors import SourceEnded, StreamGuardError
from stream_guard.inference.environment import describe
from stream_guard.sources.webrtc import WebRtcSource
from stream_guard.testing.peers import WhipSender

_GRAIN = np.random.default_rng(1).integers(0, 255, (2, 60, 80, 1), np.uint8)
_FADE_S = 8.0

Codec = Literal["VP8", "H264"]
STREAMS: tuple[tuple[Codec, int, int], ...] = (("VP8", 300, 10), ("VP8", 1500, 15), ("H264", 1500, 15))


def fading(at_s: float) -> NDArray[np.uint8]:
    """Return a picture of a film without a cut: uint8, shape (240, 320, 3)."""
    share = abs(at_s / _FADE_S % 2 - 1)
    grey = np.round(_GRAIN[0] * share + _GRAIN[1] * (1 - share)).astype(np.uint8)
    return np.tile(grey.repeat(4, axis=0).repeat(4, axis=1), 3)


async def seconds_to_recover(codec: Codec, kbps: int, fps: int, *, outage_s: float) -> float:
    """Return how long one call's picture took to come back; infinite where it did not within a minute."""
    relay = Relay(Impairment(delay_ms=30))
    sender = WhipSender("", fading, fps=fps, codec=codec, kbps=kbps, candidates_in_offer=False)
    loop = asyncio.get_running_loop()
    came = asyncio.Event()

    async def watch(source: WebRtcSource) -> None:
        while True:
            try:
                await source.recv()
            except SourceEnded:
                return
            came.set()

    try:
        async with WebRtcSource(await sender.offer(), loopback_only=True) as source:
            answer = await relay.open(source.answer_sdp)
            await sender.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            watching = asyncio.create_task(watch(source), name="watch")
            try:
                await asyncio.wait_for(came.wait(), 20)
                await asyncio.sleep(2)
                relay.cut()
                await asyncio.sleep(outage_s)
                came.clear()
                relay.mend()
                mended_s = loop.time()
                try:
                    await asyncio.wait_for(came.wait(), 60)
                except TimeoutError:
                    return float("inf")
                return loop.time() - mended_s
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
    finally:
        await sender.connection.close()
        relay.close()


def main() -> None:
    """Measure in turns, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--outage", type=float, default=5.0, help="seconds")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    turns = [(stream, before) for _ in range(options.rounds) for stream in STREAMS for before in (True, False)]
    found: dict[str, dict[str, list[float]]] = {}
    try:
        for (codec, kbps, fps), before in track(turns, console=Console(stderr=True), description="outages"):
            with as_before() if before else nullcontext():
                took_s = asyncio.run(seconds_to_recover(codec, kbps, fps, outage_s=options.outage))
            row = found.setdefault(f"{codec}, {kbps} kb/s, {fps} a second", {"aiortc": [], "ours": []})
            row["aiortc" if before else "ours"].append(round(took_s, 2))
    except (StreamGuardError, TimeoutError) as error:
        sys.exit(f"recovery: {error or 'a call did not come about'}")
    table = Table("stream", "aiortc: seconds, median", "all", "ours: seconds, median", "all")
    for name, row in found.items():
        cells = [text for times in row.values() for text in (f"{median(times):.1f}", " ".join(map(str, times)))]
        table.add_row(name, *cells)
    Console().print(table)
    if options.json:
        document = {"machine": asdict(describe()), "outage_s": options.outage, "seconds": found}
        options.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
