"""Soaks the server: ``python -m benchmarks.soak --minutes 30``.

Calls come, hang up and vanish; clients read, read slowly, not at all, and come again; engines are taken away, the
landmark network fails at half time, and from then on MediaPipe's process is killed now and then. Every two minutes
all calls rest. At the last rest of each half the server must hold no more than at the first: memory, threads, file
handles, sockets, tasks, processes (`benchmarks.soak.samples.BOUNDS`). Exit code 1 where it does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import httpx
import psutil
from rich.console import Console

from benchmarks.soak.callers import Callers, listen
from benchmarks.soak.plot import draw
from benchmarks.soak.samples import Sample, grown, take
from stream_guard.bench import clip
from stream_guard.bench.children import line, running
from stream_guard.bench.crowd import crowd
from stream_guard.bench.results import result, save
from stream_guard.bench.sender import Plan
from stream_guard.cli.progress import second_progress

_SHAPE = clip.Shape(640, 360, 10)
_CALLS = 2
_FAULT_EVERY_S = 25.0
_ENGINES_A_HALF = 2
"""Engines that are taken away: OpenVINO keeps some 6 MB of each that was closed."""

_SAMPLE_EVERY_S = 5.0
_REST_LIMIT_S = 60.0
_SETTLE_S = 6.0


class Soak:
    """One run."""

    def __init__(self, seconds: float, round_s: float, faults: list[str], seed: int) -> None:
        self.samples: list[Sample] = []
        self.happenings: list[tuple[float, str]] = []
        self.heard: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.server_ended: int | None = None
        self._seconds = seconds
        self._round_s = round_s
        self._faults = faults
        self._seed = seed
        self._random = random.Random(seed)
        self._phase = "network"
        self._began_s = 0.0

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time() - self._began_s

    async def run(self, packets: Path, journal: Path) -> None:
        """Soak."""
        # Pictures of telling moments stay in memory for half an hour, which is longer than a rest.
        settings = json.dumps({"max_sessions": 8, "journal": str(journal), "moments": False})
        plan = Plan(shape=_SHAPE, kbps=800, encoded=True)
        async with (
            running("benchmarks.soak.server", settings) as process,
            httpx.AsyncClient(trust_env=False) as http,
        ):
            url = str((await line(process, "listening"))["url"])
            self._process, self._http, self._url = process, http, url
            self._server = psutil.Process(process.pid)
            self._began_s = asyncio.get_running_loop().time()
            callers = Callers(url, packets, plan, seed=self._seed)
            listening = asyncio.create_task(listen(url, self.heard, lambda words: self.told.update([words])))
            try:
                async with crowd(1)(url):
                    with second_progress(Console(stderr=True)) as progress:
                        bar = progress.add_task("soaking", total=self._seconds)
                        while self._now_s() < self._seconds:
                            await self._round(callers, lambda: progress.update(bar, completed=self._now_s()))
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
            self.calls = callers.count
            assert process.stdin is not None
            process.stdin.close()
            self.server_ended = await asyncio.wait_for(process.wait(), 60)

    async def _round(self, callers: Callers, tick: Callable[[], None]) -> None:
        """Calls and faults for a while, then a rest."""
        rest = asyncio.Event()
        calling = [asyncio.create_task(callers.call_on(rest)) for _ in range(_CALLS)]
        until_s = self._now_s() + self._round_s
        if self._phase == "network" and until_s > self._seconds / 2 + self._round_s / 2:
            await self._do("landmarks")
            self._phase = "mediapipe"
        fault_s = self._now_s() + _FAULT_EVERY_S
        try:
            while self._now_s() < until_s and self._process.returncode is None:
                await asyncio.sleep(_SAMPLE_EVERY_S)
                await self._take(rest=False)
                tick()
                if self._now_s() > fault_s:
                    fault_s = self._now_s() + _FAULT_EVERY_S
                    await self._do_something()
        finally:
            rest.set()
            await asyncio.gather(*calling, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(_REST_LIMIT_S):
                while (await self._http.get(f"{self._url}/healthz")).json()["sessions"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.5)
        await asyncio.sleep(_SETTLE_S)
        await self._take(rest=True)

    async def _do_something(self) -> None:
        """Make a fault that is possible now."""
        possible = [what for what in self._faults if what == "engine" or self._phase == "mediapipe"]
        lost = [at_s for at_s, what in self.happenings if what == "engine"]
        halves = 1 + (self._phase == "mediapipe")
        if len(lost) >= _ENGINES_A_HALF * halves and "engine" in possible:
            possible.remove("engine")
        if possible:
            await self._do(self._random.choice(possible))

    async def _take(self, *, rest: bool) -> None:
        self.samples.append(
            await take(self._server, self._http, self._url, at_s=self._now_s(), phase=self._phase, rest=rest)
        )

    async def _do(self, what: str) -> None:
        """Make a fault."""
        self.happenings.append((round(self._now_s(), 1), what))
        if what == "kill":
            for child in self._server.children():
                if any("mesh_process" in word for word in child.cmdline()):
                    child.kill()
            return
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n".encode())
        await self._process.stdin.drain()


def main() -> None:
    """Soak, write, draw, and say whether all is where it began."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--round", type=float, default=120.0, help="seconds between two rests")
    parser.add_argument("--faults", nargs="*", choices=["engine", "kill"], default=["engine", "kill"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=Path("runs/soak.json"))
    options = parser.parse_args()
    soak = Soak(options.minutes * 60, options.round, options.faults, options.seed)
    with tempfile.TemporaryDirectory(prefix="stream-guard-soak-") as folder:
        call, packets = Path(folder) / "call.mp4", Path(folder) / "packets"
        clip.make(call, _SHAPE, seconds=10)
        clip.save(packets, clip.encode(call, _SHAPE, codec="VP8", kbps=800, count=10 * _SHAPE.fps))
        asyncio.run(soak.run(packets, Path(folder) / "journal"))
    report = grown(soak.samples)
    too_much = [
        f"{phase}: {name} from {one['first']:g} to {one['last']:g}"
        for phase, figures in report.items()
        for name, one in figures.items()
        if one["more"] > one["bound"]
    ]
    figures: dict[str, object] = {
        "grown": report,
        "calls": dict(soak.calls),
        "heard": dict(soak.heard),
        "told": dict(soak.told),
        "faults": dict(Counter(what for _, what in soak.happenings)),
        "exit_code": soak.server_ended,
        "samples": [asdict(sample) for sample in soak.samples],
    }
    save(
        options.json,
        result("soak", {name: getattr(options, name) for name in ("minutes", "round", "faults", "seed")}, figures),
    )
    draw(options.json.with_suffix(".png"), soak.samples, soak.happenings)
    for phase, rows in report.items():
        for name, one in rows.items():
            print(f"{phase:10} {name:9} {one['first']:>8g} -> {one['last']:>8g}  (bound: {one['bound']:g} more)")
    print(f"calls {dict(soak.calls)}; faults made {figures['faults']}; told {sum(soak.told.values())}")
    if too_much or soak.server_ended != 0 or not report:
        sys.exit("; ".join(too_much) or f"the server ended with {soak.server_ended}, {len(report)} phases measured")


if __name__ == "__main__":
    main()
