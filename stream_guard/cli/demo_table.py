"""The demo's live table."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stream_guard.cli.demo_call import Call
from stream_guard.protocol.messages import FaceReport
from stream_guard.scoring.observation import State

__all__ = ["draw"]

# Never colour alone: the word stands beside it.
_STYLES = {
    State.AUTHENTIC: "green",
    State.SUSPICIOUS: "yellow",
    State.SYNTHETIC: "bold red",
    State.CANNOT_JUDGE: "dim",
    State.STALE: "dim",
}


def draw(call: Call) -> RenderableType:
    """Return the call as it stands."""
    table = Table("face", "state", "authenticity", "95 %", "this frame", "coverage", box=box.SIMPLE, expand=False)
    faces = call.scores.faces if call.scores else ()
    for face in faces:
        table.add_row(*_row(face))
    if not faces:
        table.add_row("-", Text("no face yet", style="dim"), "", "", "", "")
    return Group(_headline(call), table, _footer(call))


def _headline(call: Call) -> Text:
    if call.began_ns is None:
        return Text("the caller is connecting…", style="dim")
    what = Text("a real face", style="green") if call.swap_ns is None else Text("a swapped face", style="red")
    return Text.assemble(
        f"{min(call.elapsed_s, call.seconds):4.1f} of {call.seconds:.0f} s   the caller sends ", what
    )


def _row(face: FaceReport) -> tuple[RenderableType, ...]:
    state = Text(face.state.value.replace("_", " "), style=_STYLES[face.state])
    if face.reasons:
        state.append(f" ({', '.join(reason.value.replace('_', ' ') for reason in face.reasons)})", style="dim")
    if face.authenticity is None:
        return str(face.id), state, "", "", "", f"{face.coverage:.0%}"
    filled = round(face.authenticity * 20)
    bar = Text("█" * filled + "·" * (20 - filled), style=_STYLES[face.state])
    bar.append(f" {face.authenticity:.2f}")
    interval = f"{face.interval[0]:.2f} to {face.interval[1]:.2f}" if face.interval else ""
    frame = "" if face.frame_score is None else f"{face.frame_score:.2f}"
    return str(face.id), state, bar, interval, frame, f"{face.coverage:.0%}"


def _footer(call: Call) -> Text:
    if call.scores is None:
        return Text()
    scores, stats = call.scores, call.stats
    transport = scores.transport
    parts = [
        f"{transport.codec} {transport.width}x{transport.height} {transport.fps:.0f} fps",
        f"age {scores.age_ms:.0f} ms",
    ]
    if stats:
        dropped = ", ".join(f"{cause.value} {count}" for cause, count in stats.dropped.items() if count) or "none"
        parts.append(f"scored {stats.scored} of {stats.received}, dropped {dropped}")
        if total := stats.stages.get("total"):
            parts.append(f"p95 {total.p95_ms:.0f} of {scores.budget.target_ms:.0f} ms")
    return Text("   ".join(parts), style="dim")
