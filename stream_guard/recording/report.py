"""A report of scored recordings: one HTML file that needs no network and no server."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape

import numpy as np

from stream_guard import __version__
from stream_guard.models.manifest import Manifest
from stream_guard.recording.trace import FaceTrace, FileTrace
from stream_guard.scoring.clip import Summary
from stream_guard.scoring.observation import EventKind, State

__all__ = ["render"]

_MOST_FACES = 12
_MOST_POINTS = 1500

_WORDS = {
    State.AUTHENTIC: "looks authentic",
    State.SUSPICIOUS: "suspicious",
    State.SYNTHETIC: "likely synthetic",
    State.CANNOT_JUDGE: "cannot be judged",
    State.STALE: "stale",
}

# Okabe and Ito's palette, which colour-blind people can tell apart. The word always stands beside it.
_COLOURS = {
    State.AUTHENTIC: "#009e73",
    State.SUSPICIOUS: "#e69f00",
    State.SYNTHETIC: "#d55e00",
    State.CANNOT_JUDGE: "#999999",
    State.STALE: "#999999",
}

_TELLING = {EventKind.ALARM_RAISED, EventKind.ALARM_CLEARED, EventKind.SCENE_CUT}

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
body{color:#1a1a1a;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.5rem}h3{font-size:1rem}
.verdict{font-weight:600;border-left:.4rem solid;padding-left:.6rem}
.face{display:flex;gap:1rem;align-items:flex-start;flex-wrap:wrap}.face svg{max-width:100%;height:auto}
img{border-radius:.3rem}table{border-collapse:collapse}td,th{text-align:left;padding:.2rem .8rem .2rem 0}
.small{color:#555;font-size:.9rem}
"""


def render(files: Iterable[tuple[FileTrace, Summary]], *, manifest: Manifest, engine: str) -> str:
    """Return the report as HTML.

    Args:
        files: what was seen of each, and its summary.
        manifest: of the model that scored.
        engine: that ran it.
    """
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>stream-guard report</title>",
        f"<style>{_STYLE}</style><h1>stream-guard report</h1>",
        f"<p class='small'>{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, stream-guard {__version__}, engine "
        f"{escape(engine)}, model {escape(manifest.name)} {escape(manifest.version)} ({manifest.status}), "
        f"sha256 {manifest.sha256[:16]}…</p>",
        "<p>Authenticity says how much the pixels look untouched, from 0 to 1. It is an estimate, no proof: "
        "“looks authentic” does not say who somebody is, and good fakes are missed. What the model is known to "
        "get wrong stands at the end.</p>",
    ]
    legend = " &nbsp; ".join(
        f"<span style='color:{_COLOURS[state]}'>■</span> {_WORDS[state]}"
        for state in State
        if state is not State.STALE
    )
    parts.append(
        f"<p class='small'>Line: smoothed authenticity; band: its 95 % interval; strip below: {legend}</p>"
    )
    parts += [_file(trace, summary) for trace, summary in files]
    parts.append(_model(manifest))
    return "\n".join(parts) + "\n"


def _file(trace: FileTrace, summary: Summary) -> str:
    value = "" if summary.authenticity is None else f", authenticity {summary.authenticity:.2f}"
    shown = sorted(trace.faces.values(), key=lambda face: -len(face.times))[:_MOST_FACES]
    parts = [
        f"<h2>{escape(trace.file)}</h2>",
        f"<p class='verdict' style='border-color:{_COLOURS[summary.state]}'>"
        f"{_WORDS[summary.state].capitalize()}{value}</p>",
        f"<p class='small'>{summary.frames} frames looked at, {summary.scored} with a scored face, "
        f"{summary.faces} faces{_left_out(summary.faces, len(shown))}</p>",
    ]
    parts += [_face(face) for face in shown]
    told = [event for event in trace.events if event.kind in _TELLING]
    if told:
        rows = "".join(
            f"<tr><td>{event.at_ns / 1e9:.2f} s</td><td>{event.kind.value.replace('_', ' ')}</td>"
            f"<td>{'' if event.face is None else f'face {event.face}'}</td></tr>"
            for event in told[:200]
        )
        parts.append(f"<h3>What happened</h3><table>{rows}</table>")
    return "\n".join(parts)


def _left_out(faces: int, shown: int) -> str:
    return f"; the {shown} seen longest are shown" if faces > shown else ""


def _face(face: FaceTrace) -> str:
    picture = ""
    if face.crop and face.worst is not None:
        data = base64.b64encode(face.crop).decode()
        picture = (
            f"<figure><img width='160' alt='face {face.id} at its lowest' src='data:image/jpeg;base64,{data}'>"
            f"<figcaption class='small'>lowest: {face.worst:.2f} at {face.worst_s:.1f} s</figcaption></figure>"
        )
    return f"<h3>Face {face.id}</h3><div class='face'>{_chart(face)}{picture}</div>"


def _chart(face: FaceTrace) -> str:
    """Return the face's time line as SVG: the score with its interval, and a strip of states below."""
    from matplotlib.figure import Figure

    step = max(1, len(face.times) // _MOST_POINTS)
    times = np.asarray(face.times[::step])
    figure = Figure(figsize=(7, 2), layout="constrained")
    axes = figure.subplots()
    axes.fill_between(times, face.low[::step], face.high[::step], color="#56b4e9", alpha=0.35, linewidth=0)
    axes.plot(times, face.authenticity[::step], color="#1a1a1a", linewidth=1.2)
    states = face.states[::step]
    for state in set(states):
        here = np.asarray([one is state for one in states])
        axes.fill_between(times, -0.12, -0.04, where=here, color=_COLOURS[state], step="mid", linewidth=0)
    axes.set(ylim=(-0.14, 1.02), xlabel="seconds", ylabel="authenticity", yticks=(0, 0.5, 1))
    axes.margins(x=0)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    svg = out.getvalue()
    return svg[svg.index("<svg") :]


def _model(manifest: Manifest) -> str:
    rows = "".join(
        f"<tr><td>{escape(one.on)}</td><td>{escape(one.metric)}</td>"
        f"<td>{one.value:.2f}{_interval(one.low, one.high)}</td></tr>"
        for one in manifest.measured
    )
    limits = "".join(f"<li>{escape(limit)}</li>" for limit in manifest.limits)
    return (
        f"<h2>How good the model is</h2><p>{escape(manifest.summary)}</p>"
        f"<table><tr><th>set</th><th>figure</th><th>value (95 %)</th></tr>{rows}</table><ul>{limits}</ul>"
    )


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" ({low:.2f} to {high:.2f})"
