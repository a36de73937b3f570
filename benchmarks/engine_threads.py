"""How many threads should the detector's engine take, beside the tracker? Ratios, from runs that take turns.

``python -m benchmarks.engine_threads [--tracker mediapipe] [--json FILE]``. One stream and two: each measures a
face's landmarks, cuts it out and asks the one engine, again and again, as live calls do. 0 threads is the engine's
default; on a machine of two cores that is 2, so those two rows also show how much of a difference is chance.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from stream_guard.errors import StreamGuardError
from stream_guard.face import Box
from stream_guard.faces.align import crop_matrix, cut
from stream_guard.faces.finder import Finder
from stream_guard.inference.engine import EngineOptions
from stream_guard.inference.environment import describe
from stream_guard.inference.registry import choose, choose_cpu
from stream_guard.models import store
from stream_guard.models.manifest import Manifest
from stream_guard.pipeline.face_measurer import FaceMeasurer
from stream_guard.testing.caller import Caller

THREADS = (0, 1, 2)
STREAMS = (1, 2)
_TURN_S = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """One setting, as multiples of the same engine's with its default in the same round; medians over rounds.

    Attributes:
        engine: name.
        streams: at once.
        threads: of the engine; 0 is its default.
        faces: judged in a second.
        low, high: of that, quartiles over rounds.
        p50_ms: from a picture to its logit, median.
        cpu_ms: processor time of this process for a face.
    """

    engine: str
    streams: int
    threads: int
    faces: float
    low: float
    high: float
    p50_ms: float
    cpu_ms: float


class Detector:
    """An engine on its own thread, as `stream_guard.inference.engine_thread` has it."""

    def __init__(self, engine: str, threads: int, model: Path, manifest: Manifest) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._engine = choose(engine)()
        options = EngineOptions(threads=threads, max_batch=4, precision="fp32")
        self._thread.submit(self._engine.load, model, manifest, options).result()

    def infer(self, batch: NDArray[np.uint8]) -> None:
        self._thread.submit(self._engine.infer, batch).result()

    def close(self) -> None:
        self._thread.submit(self._engine.close).result()
        self._thread.shutdown()


def turn(streams: int, frame: Callable[[], None]) -> tuple[float, float, float]:
    """Let streams work for a moment; return faces a second, the median ms of one, and processor ms of one."""
    took: list[float] = []
    began, spent = time.perf_counter(), time.process_time()

    def stream() -> None:
        while True:  # at least once, however late it starts
            started = time.perf_counter()
            frame()
            took.append(time.perf_counter() - started)
            if time.perf_counter() - began >= _TURN_S:
                return

    with ThreadPoolExecutor(streams) as threads:
        for one in [threads.submit(stream) for _ in range(streams)]:
            one.result()
    seconds, cpu = time.perf_counter() - began, time.process_time() - spent
    return len(took) / seconds, float(np.median(took)) * 1000, cpu / len(took) * 1000


def measure(
    measurer: FaceMeasurer, box: Box, picture: NDArray[np.uint8], rounds: int, done: Callable[[], None]
) -> list[Row]:
    """Measure every engine on the CPU with every number of threads."""
    model, manifest = store.default_model()
    detectors = {
        (engine, threads): Detector(engine, threads, model, manifest)
        for engine in ("openvino", "onnxruntime")
        for threads in THREADS
    }
    found: dict[tuple[str, int, int], list[tuple[float, float, float]]] = {}
    try:
        for _ in range(rounds):
            for streams in STREAMS:
                for (engine, threads), detector in detectors.items():

                    def frame(detector: Detector = detector) -> None:
                        measurer.measure(picture, box)
                        matrix = crop_matrix(box, size=manifest.size, margin=manifest.margin)
                        detector.infer(cut(picture, matrix, size=manifest.size)[None])

                    found.setdefault((engine, streams, threads), []).append(turn(streams, frame))
                    done()
    finally:
        for detector in detectors.values():
            detector.close()
    rows = []
    for (engine, streams, threads), turns in found.items():
        ratios = np.array(turns) / np.array(found[engine, streams, 0])
        faces, p50_ms, cpu_ms = (round(float(one), 3) for one in np.median(ratios, axis=0))
        low, high = (round(float(one), 3) for one in np.quantile(ratios[:, 0], [0.25, 0.75]))
        rows.append(Row(engine, streams, threads, faces, low, high, p50_ms, cpu_ms))
    return sorted(rows, key=lambda row: (row.engine, row.streams, row.threads))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tracker", choices=["auto", "mediapipe"], default="auto", help="what finds landmarks")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--landmarker", type=Path, help="MediaPipe's face_landmarker.task, if not the fetched one")
    parser.add_argument("--json", type=Path, help="write the rows, with the machine's record")
    options = parser.parse_args()
    console = Console()
    picture = Caller(width=1280, height=720).frame(0.0)
    try:
        network = choose_cpu().open_network(store.path(store.FINDER), Finder.INPUT_SHAPE)
        box = Finder(network)(picture)[0].box
        among = () if options.tracker == "mediapipe" else None
        with FaceMeasurer(options.landmarker or store.path(store.LANDMARKER), among=among) as measurer:
            seen = measurer.measure(picture, box)
            box = box if seen is None else seen.box
            with Progress(console=console, transient=True) as bar:
                task = bar.add_task("measure", total=options.rounds * len(STREAMS) * 2 * len(THREADS))
                rows = measure(measurer, box, picture, options.rounds, lambda: bar.advance(task))
            runtime = measurer.runtime
    except StreamGuardError as error:
        sys.exit(str(error))
    table = Table("engine", "streams", "threads", "faces a second", "quartiles", "p50", "processor time a face")
    for row in rows:
        figures = [f"x {value:.2f}" for value in (row.faces, row.p50_ms, row.cpu_ms)]
        spread = f"{row.low:.2f} to {row.high:.2f}"
        cells = [row.engine, str(row.streams), str(row.threads or "default"), figures[0], spread, *figures[1:]]
        table.add_row(*cells)
    console.print(table)
    console.print(f"landmarks by {runtime}; multiples of the default's in the same round, medians over rounds")
    if options.json is not None:
        record = {
            "tracker": runtime,
            "rounds": options.rounds,
            "rows": [asdict(row) for row in rows],
            "machine": asdict(describe()),
        }
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
