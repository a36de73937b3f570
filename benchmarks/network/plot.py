"""A picture of the results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["draw"]


def draw(path: Path, rows: Mapping[str, Mapping[str, float]]) -> None:
    """Draw, for every network, the share of time with a word, frozen, and flagged, and the alarms a minute.

    Args:
        path: ``.png``, ``.svg`` or ``.pdf``.
        rows: figures by the network's name.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((11, 0.4 * len(rows) + 1.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 4, sharey=True)
    names = list(rows)[::-1]
    shown = {
        "time with a word on the face": ["judged"],
        "time frozen": ["frozen"],
        "time flagged (1, 6 an hour)": ["flagged_at_1", "flagged_at_6"],
        "false alarms a minute (1, 6 an hour)": ["alarms_a_minute_at_1", "alarms_a_minute_at_6"],
    }
    for panel, (title, keys) in zip(panels, shown.items(), strict=True):
        for number, key in enumerate(keys):
            places = [place - 0.2 + 0.4 * (number + 0.5 * (len(keys) == 1)) for place in range(len(names))]
            values = [rows[name][key] for name in names]
            panel.barh(places, values, height=0.8 / len(keys), color=f"C{number}", label=key)
            panel.axvline(rows[names[-1]][key], color=f"C{number}", linewidth=0.8, linestyle="--")
        panel.set_title(title, fontsize="small")
        panel.set_xlim(0, 1 if "minute" not in title else None)
    panels[0].set_yticks(range(len(names)), names)
    figure.savefig(path, dpi=110)
