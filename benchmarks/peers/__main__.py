"""What others do with a call, beside stream-guard in the same run: ``python -m benchmarks.peers``.

- ``cost``: MTCNN and an EfficientNet-B4 in PyTorch on every frame, as student projects do; MediaPipe and MesoNet.
  Processor time of a frame, over ours, in turns.
- ``lag``: aiortc's track read directly by a reader that is slower than the call.
- ``flag``: one frame in five seconds, as a published call plugin samples; seconds until a swap is flagged.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.peers import lag, sampler, side_by_side
from benchmarks.peers.mtcnn import install
from benchmarks.peers.picture import draw
from stream_guard.bench import results
from stream_guard.bench.clip import Shape
from stream_guard.cli.bench_result import conclude
from stream_guard.cli.failure import one_line
from stream_guard.models.store import cache_dir


def measure(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Run all four, one after the other."""
    with console.status("installing a peer…"):
        facenet = install(options.facenet or cache_dir() / "peers")
    with console.status("processor time of a frame, in turns…"):
        cost = side_by_side.compare(
            facenet, mesonet=options.mesonet, rounds=options.rounds, frames=options.frames, engine=options.engine
        )
    with console.status(f"two readers of a call, {options.seconds:g} s each…"):
        behind = asyncio.run(
            lag.both(seconds=options.seconds, work_s=options.work_ms / 1000, shape=Shape(640, 360))
        )
    with console.status("a call in which a swap begins…"):
        flag = sampler.measure(seconds=24.0, swap_s=10.0, fps=options.fps)
    return {"cost": cost, "lag": behind, "flag": flag}


def main() -> None:
    """Measure, print, write and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--facenet", type=Path, help="folder that holds facenet_pytorch; installed if left out")
    parser.add_argument("--mesonet", type=Path, help="Meso4_DF.npz; random weights, at the same cost, if left out")
    parser.add_argument("--rounds", type=int, default=3, help="of processor time")
    parser.add_argument("--frames", type=int, default=10, help="in a round and turn")
    parser.add_argument("--seconds", type=float, default=30.0, help="that each reader reads")
    parser.add_argument("--work-ms", type=float, default=100.0, help="that a reader takes for a picture")
    parser.add_argument("--fps", type=int, default=15, help="of the call in which a swap begins")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--json", type=Path, help="write the figures, with the machine's record")
    parser.add_argument("--plot", type=Path, help="draw them: .png, .svg or .pdf")
    parser.add_argument("--compare", type=Path, help="an earlier --json, to show what has changed")
    options = parser.parse_args()
    console = Console()
    with one_line():
        earlier = results.load(options.compare) if options.compare else None
        names = ("rounds", "frames", "seconds", "work_ms", "fps", "engine")
        settings = {name: getattr(options, name) for name in names}
        figures = measure(options, console)
        console.print_json(data=figures)
        if options.plot:
            draw(options.plot, figures)
        conclude(console, results.result("peers", settings, figures), json=options.json, earlier=earlier)


if __name__ == "__main__":
    main()
