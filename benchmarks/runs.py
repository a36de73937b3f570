"""Which benchmarks' results are kept, and by which commands they are made."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["BY_NAME_ONLY", "RUNS", "command", "shown"]

_BENCH = [sys.executable, "-c", "from stream_guard.cli import main; main()", "bench"]
_LATENCY = ["latency", "--seconds", "15"]

RUNS = {
    "latency-vp8": _LATENCY,
    "latency-h264": [*_LATENCY, "--codec", "H264", "--no-floor"],
    "latency-onnxruntime": [*_LATENCY, "--engine", "onnxruntime"],
    "latency-lossy": [*_LATENCY, "--loss", "2", "--delay", "30", "--jitter", "10", "--no-floor"],
    "gallery": [*_LATENCY, "--faces", "9", "--no-floor"],
    "load": ["load", "--seconds", "8"],
    "growth": ["growth"],
    "start": ["start"],
    "peers": ["peers"],
    "engines": ["engines", "--seconds", "1.5"],
}
"""What is run, by the name of its result; all are commands of ``stream-guard bench`` but ``peers``."""

BY_NAME_ONLY = ("engines",)
"""Kept only where it is asked for by its name: docs/engines.md tells of it row by row."""

_NO_PICTURE = ("start", "engines")
_NO_COMPARISON = ("engines",)


def shown(name: str) -> str:
    """Return the command that makes a result, as a user types it."""
    words = RUNS[name]
    return "python -m benchmarks.peers" if name == "peers" else f"stream-guard bench {' '.join(words)}"


def command(
    name: str, *, target: Path, seconds: str | None = None, keep: bool = False, earlier: Path | None = None
) -> list[str]:
    """Return what is run for a result.

    Args:
        name: of the result.
        target: the file it is written to.
        seconds: of each of its runs, where not its own.
        keep: whether a picture is wanted.
        earlier: a result to compare with.
    """
    words = [*_BENCH, *RUNS[name]] if name != "peers" else [sys.executable, "-m", "benchmarks.peers"]
    words += ["--json", str(target)]
    if seconds and name != "start":
        words += ["--seconds", seconds]  # the last one counts
    elif seconds:
        words += ["--times", "1", "--imports", "1"]
    if keep and name not in _NO_PICTURE:
        words += ["--plot", str(target.with_suffix(".png"))]
    if earlier is not None and name not in _NO_COMPARISON:
        words += ["--compare", str(earlier)]
    return words
