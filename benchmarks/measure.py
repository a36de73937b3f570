"""The benchmarks whose results are kept: ``python -m benchmarks.measure`` runs them and shows what has changed.

Results lie in ``benchmarks/results``, a folder for each kind of machine (processor and cores). Where there are some
for this kind, each run is compared with them; ``--keep`` puts the new ones in their place.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from stream_guard.bench.results import kind_of_machine
from stream_guard.inference.environment import describe

RESULTS = Path(__file__).parent / "results"

RUNS = {
    "latency-vp8": ["latency", "--codec", "VP8"],
    "latency-h264": ["latency", "--codec", "H264"],
    "latency-onnxruntime": ["latency", "--engine", "onnxruntime"],
    "latency-lossy": ["latency", "--loss", "2", "--delay", "30", "--jitter", "10", "--no-floor"],
    "latency-gallery": ["latency", "--faces", "9", "--no-floor"],
    "load": ["load"],
}


def main() -> None:
    """Run them all, or those that are named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", choices=[[], *RUNS], help="all of them if left out")
    parser.add_argument("--keep", action="store_true", help="replace the committed results of this kind of machine")
    parser.add_argument("--seconds", help="of each run; results of other lengths cannot be compared")
    options = parser.parse_args()
    kept = RESULTS / kind_of_machine(describe())
    with tempfile.TemporaryDirectory() as folder:
        for name in options.names or RUNS:
            sys.stdout.write(f"\n{name}: stream-guard bench {' '.join(RUNS[name])}\n")
            sys.stdout.flush()
            earlier = kept / f"{name}.json"
            target = earlier if options.keep else Path(folder) / earlier.name
            command = [sys.executable, "-c", "from stream_guard.cli import main; main()", "bench", *RUNS[name]]
            command += ["--json", str(target)]
            if options.keep:
                command += ["--plot", str(target.with_suffix(".png"))]
            if options.seconds:
                command += ["--seconds", options.seconds]
            if earlier.exists() and not options.seconds:
                command += ["--compare", str(earlier)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
