"""A picture of a soak."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.soak.samples import Sample

__all__ = ["draw"]

_PANELS = (
    ("rss_mib", "memory (MiB)"),
    ("threads", "threads"),
    ("handles", "file handles"),
    ("sockets", "sockets"),
    ("tasks", "tasks"),
    ("sessions", "sessions"),
)


def draw(path: Path, samples: Sequence[Sample], happenings: Sequence[tuple[float, str]]) -> None:
    """Draw every figure over time; rests are dots, faults thin lines.

    Args:
        path: ``.png``, ``.svg`` or ``.pdf``.
        samples: in order.
        happenings: seconds and what was done.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 9), layout="constrained")
    minutes = [sample.at_s / 60 for sample in samples]
    for panel, (name, label) in zip(figure.subplots(len(_PANELS), 1, sharex=True), _PANELS, strict=True):
        for at_s, what in happenings:
            panel.axvline(at_s / 60, color="C3" if what == "landmarks" else "0.8", linewidth=0.8)
        panel.plot(minutes, [getattr(sample, name) for sample in samples], linewidth=1)
        rests = [sample for sample in samples if sample.rest]
        panel.plot([rest.at_s / 60 for rest in rests], [getattr(rest, name) for rest in rests], "o", color="C1")
        panel.set_ylabel(label)
        panel.set_ylim(0, None)
    panel.set_xlabel(
        "minutes; dots: at rest; grey lines: a fault was made; red: from here on MediaPipe follows faces"
    )
    figure.savefig(path, dpi=110)
