"""Kept results as tables in Markdown: README's, and the longer ones of docs/latency.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.runs import shown

__all__ = ["Kept", "details", "performance"]

_FULL = 0.99
"""Share of the frames that a step must have scored to say what one more costs."""

NOTHING = "No results are kept yet: `python -m benchmarks.measure --keep` makes them on a quiet machine."

Kept = Mapping[str, Any]
"""Result files' contents by name."""


def performance(kept: Kept | None) -> str:
    """Return README's table, one row a figure, with the command that makes it."""
    if kept is None:
        return NOTHING
    rows: list[tuple[str, str, str]] = []
    for name, what in (
        ("latency-vp8", "one 1280x720 call, VP8, 30 frames/s"),
        ("latency-h264", "the same in H.264"),
        ("latency-onnxruntime", "the same in VP8 by ONNX Runtime"),
        ("latency-lossy", "the same with 2 % of the packets lost, 30 ms away"),
    ):
        rows.append((f"{what}: glass to score, p50 / p95; frames scored", _flight(kept[name]), name))
    work = _work(kept["latency-vp8"])
    rows.insert(1, ("… the receiver's processor time and memory; parts alone over it (efficiency)", work, ""))
    gallery = kept["gallery"]
    worst = f"{gallery['faces']['worst_face']:.1f}; {_range(gallery['glass_to_score_ms'])} ms"
    rows.append(("nine faces: scores a second of the one that fares worst; p50 / p95", worst, "gallery"))
    rows += _load_rows(kept["load"])
    growth = kept["growth"]
    for what, one in (("faces", "face"), ("sessions", "call")):
        ratio = _ratio(growth[what]["cores"]["last_over_first"])
        least = min(step["share_scored"] for step in growth[what]["steps"].values())
        if least < _FULL:
            ratio += f", on a full machine: {least:.0%} of one step's frames were scored"
        counts = [*growth[what]["steps"]]
        step = f"from {counts[-2]} to {counts[-1]}, over one from {counts[0]} to {counts[1]}"
        rows.append((f"processor time of one more {one}, {step}", ratio, "growth" if what == "faces" else ""))
    start = kept["start"]
    first, took = start["until_s"]["first_score"], start["import_ms"]["stream_guard"]
    spread = f"{first['median']:.1f} s ({first['least']:.1f} to {first['most']:.1f})"
    rows.append(("from starting `serve` to the first score", spread, "start"))
    rows.append(("import of the package", f"{took['median']:.0f} ms", ""))
    rows += _peer_rows(kept["peers"])
    body = [(what, figure, f"`{shown(name)}`" if name else "") for what, figure, name in rows]
    return _table(("what", "figure", "command"), body)


def details(kept: Kept | None) -> str:
    """Return docs/latency.md's tables: where a frame's time goes, the load step by step, and how both grow."""
    if kept is None:
        return NOTHING
    call, load_, growth = kept["latency-vp8"], kept["load"], kept["growth"]
    stages = [
        (stage, f"{told['share']:.0%}", *(f"{told[name]:.1f}" for name in ("mean", "p50", "p95", "p99")))
        for stage, told in call["stages_ms"].items()
    ]
    parts = ", ".join(f"{part} {cost:.1f}" for part, cost in call["floor_cpu_ms"].items())
    frames = call["frames"]
    steps = [(str(one["sessions"]), one) for one in load_["steps"].values()]
    if "beside_a_crowd" in load_:
        steps.append(("1, beside slow, stalled and vanishing clients", load_["beside_a_crowd"]))
    texts = [
        f"`{shown('latency-vp8')}` on {_machine(call)}: {frames['sent']} pictures sent, "
        f"{frames['decoded']} decoded, {frames['scored']} scored; dropped: {_drops(frames['dropped'])}. "
        f"Parts alone, ms of processor time: {parts}; "
        f"efficiency {call['efficiency']:.2f}, with the searches for faces {call['with_finder']:.2f}.",
        _table(("stage", "share", "mean ms", "p50", "p95", "p99"), stages),
        f"`{shown('load')}`; the calls are encoded beforehand, so these latencies lack the sender's encoder.",
        _table(
            (
                "1280x720 calls",
                "p50 / p95 / p99",
                "scores a second, worst",
                "server, cores",
                "dropped",
                "holds",
            ),
            [
                (
                    name,
                    f"{_range(one['glass_to_score_ms'], 'p50', 'p95', 'p99')} ms",
                    f"{one['scores_a_second_and_face']:.1f}",
                    f"{one['cores']:.2f}",
                    _drops(one["dropped"]),
                    "yes" if one["held"] else "no",
                )
                for name, one in steps
            ],
        ),
        f"`{shown('growth')}`: 5 pictures a second. Below 100 % the machine was full, and that step does not say "
        "what one more costs.",
        _table(
            ("", "cores", "p50 / p95", "scored"),
            [
                (
                    f"{one['count']} {what if one['count'] > 1 else what.removesuffix('s')}",
                    f"{one['cores']:.2f}",
                    f"{_range(one['glass_to_score_ms'])} ms",
                    f"{min(1.0, one['share_scored']):.0%}",
                )
                for what in ("faces", "sessions")
                for one in growth[what]["steps"].values()
            ],
        ),
    ]
    return "\n\n".join(texts)


def _flight(told: Mapping[str, Any]) -> str:
    frames = told["frames"]
    return f"{_range(told['glass_to_score_ms'])} ms; {frames['scored']} of {frames['sent']}"


def _work(told: Mapping[str, Any]) -> str:
    server = told["server"]
    return f"{server['cores']:.2f} of a core, {server['memory_mib']} MiB; {told['efficiency']:.2f}"


def _load_rows(told: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    held, bound = told["sessions_held"], told["settings"]
    words = f"calls at once, p95 below {bound['p95_ms']:g} ms and {bound['rate']:g} scores a second for each face"
    yield words, str(held), "load"
    if held:
        step = told["steps"][str(held)]
        rate, cores = step["scores_a_second_and_face"], step["cores"]
        figure = f"{_range(step['glass_to_score_ms'])} ms; {rate:.1f}; {cores:.2f}"
        yield "… p50 / p95; scores a second of the face that fares worst; cores", figure, ""


def _peer_rows(told: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    cost, lag, flag, wanted = told["cost"]["others"], told["lag"], told["flag"], told["settings"]
    student, light = cost["MTCNN + EfficientNet-B4"], cost["MediaPipe + MesoNet"]
    over = f"{student['times_ours']:.1f} times"
    yield "MTCNN + EfficientNet-B4 on every frame: processor time over ours", over, "peers"
    yield "MediaPipe + MesoNet, which sees one near face only", f"{light['times_ours']:.2f} times", ""
    theirs, own = (_seconds(one["last_lag_ms"], 1000) for one in (lag["others"]["aiortc's track"], lag["ours"]))
    words = f"a reader of {wanted['work_ms']:g} ms a picture, after {wanted['seconds']:g} s"
    yield f"{words}: behind through aiortc's track, through ours", f"{theirs}, {own}", ""
    spread = flag["others"]["one frame in 5 s"]["seconds_to_flag"]
    sampled = f"{_seconds(spread.get('mean'))} on average, up to {_seconds(spread.get('max'))}"
    figure = f"{sampled}; ours {_seconds(flag['ours']['seconds_to_flag'])}"
    yield "one frame in 5 s, judged by the same model: until a swap is flagged", figure, ""


def _range(told: Mapping[str, float], *names: str) -> str:
    return " / ".join(f"{told[name]:.0f}" for name in names or ("p50", "p95")) if told else "none"


def _seconds(value: float | None, unit: float = 1.0) -> str:
    """Return a duration in seconds; None is one that had no end."""
    return "never" if value is None else f"{value / unit:.2g} s" if value < unit else f"{value / unit:.1f} s"


def _ratio(value: float | None) -> str:
    return "not to be told" if value is None else f"{value:.2f} times"


def _drops(told: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {cause}" for cause, count in told.items() if count) or "none"


def _machine(told: Mapping[str, Any]) -> str:
    machine = told["machine"]
    return f"{machine['cpu']}, {machine['usable_cores']} cores"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)
