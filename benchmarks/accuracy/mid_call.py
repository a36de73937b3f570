"""Play live-swap pairs as real, then swapped from a random second on: how soon is the alarm, and how often false.

``python -m benchmarks.accuracy.mid_call --data videos/labels.csv --json mid_call.json --picture mid_call.png``
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.accuracy.watched import watch_all
from stream_guard.evaluation.alarms import AlarmCount, count_alarms
from stream_guard.evaluation.footage import RATE, Footage
from stream_guard.evaluation.mid_call import AFTER_S, Delays, Pair, Swap, delays, find_pairs, swaps
from stream_guard.models.calibration import track_settings
from stream_guard.scoring.track import TrackSettings

RISES = (0.0, 0.4, 0.85, 1.3, 1.8, 2.3, 2.8)
"""For the trade-off; the manifest's own come on top."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One threshold: the swaps, and the real footage."""

    name: str
    rise: float
    swapped: Delays
    real: AlarmCount
    played: list[Swap]


def outcome(
    name: str, track: TrackSettings, pairs: list[Pair], reals: list[Footage], options: argparse.Namespace
) -> Outcome:
    played = swaps(pairs, track, repeats=options.repeats, seed=options.seed, rate=options.rate)
    return Outcome(name, track.verdict.rise, delays(played), count_alarms(reals, track), played)


def tell(one: Outcome) -> None:
    swapped, real = one.swapped, one.real
    shares = [
        f"{label} {share.value:.0%} ({share.low:.0%}-{share.high:.0%})"
        for label, share in (("4 s", swapped.within_4_s), ("10 s", swapped.within_10_s), ("at all", swapped.at_all))
    ]
    print(f"{one.name}, rise {one.rise:.2f}: flagged within {', '.join(shares)}")
    print(f"  seconds: median {swapped.median_s:.1f}, 90 % {swapped.ninth_decile_s:.1f}")
    print(f"  alarms before the swap: {swapped.before} in {60 * swapped.before_hours:.1f} minutes")
    print(
        f"  real footage: {real.alarms} in {60 * real.hours:.1f} minutes, "
        f"{real.per_hour:.1f} an hour ({real.low:.1f}-{real.high:.1f})"
    )


def as_json(one: Outcome) -> dict[str, object]:
    """Return plain values; a delay that never ended is null."""
    told = asdict(one)
    for row in (told["swapped"], *told["played"]):
        row |= {key: None for key, value in row.items() if value == np.inf}
    return told


def draw(named: list[Outcome], sweep: list[Outcome], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    every = sorted(sweep, key=lambda one: one.rise)
    for limit, colour in (("within_4_s", "#d55e00"), ("within_10_s", "#0072b2"), ("at_all", "#009e73")):
        rates = [one.real.per_hour for one in every]
        shares = [getattr(one.swapped, limit).value for one in every]
        left.plot(rates, shares, "o-", color=colour, markersize=4, label=limit.replace("_", " "))
    for one in every:
        share = one.swapped.within_10_s.value
        left.plot([one.real.low, one.real.high], [share, share], color="#0072b2", alpha=0.25, linewidth=1)
    left.set_xscale("symlog", linthresh=1)
    left.set(xlim=(0, None), ylim=(0, 1), xlabel="alarms an hour on real clips, each played once (bars: 95 %)")
    left.set(ylabel="share of swaps flagged", title="The level alone, thresholds from low to high")
    left.legend(frameon=False)
    seconds = np.linspace(0, AFTER_S, 301)
    for one in named:
        ends = np.array([swap.delay_s for swap in one.played])
        right.plot(seconds, [(ends <= at).mean() for at in seconds], label=one.name)
    right.set(xlim=(0, AFTER_S), ylim=(0, 1), xlabel="seconds after the swap", ylabel="share flagged so far")
    right.set_title("Time to the alarm")
    right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.2)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="CSV with both halves of each pair")
    parser.add_argument("--model", type=Path, help="ONNX file; the default model otherwise")
    parser.add_argument("--landmarker", type=Path, help="face_landmarker.task")
    parser.add_argument("--rate", type=float, default=RATE, help="scored frames a second")
    parser.add_argument("--repeats", type=int, default=20, help="calls made of each pair")
    parser.add_argument("--per-hour", type=float, default=1.0, help="false alarms an hour that are asked for")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, help="keep what was seen in this JSON file")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    manifest, footage = watch_all(
        options.data, options.model, options.landmarker, rate=options.rate, cache=options.cache
    )
    pairs, reals = find_pairs(footage), [one for one in footage if one.clip.label == "real"]
    rates = [options.per_hour, *(one.per_hour for one in manifest.alarms if one.per_hour != options.per_hour)]
    named = []
    for per_hour in rates:
        track = track_settings(manifest, false_alarms_per_hour=per_hour)
        for name, settings in (("level alone", replace(track, change=None)), ("with the change cue", track)):
            named.append(outcome(f"{per_hour:g} an hour, {name}", settings, pairs, reals, options))
            tell(named[-1])
    track = track_settings(manifest, false_alarms_per_hour=options.per_hour)
    sweep = [
        outcome(
            "sweep", replace(track, verdict=replace(track.verdict, rise=rise), change=None), pairs, reals, options
        )
        for rise in (RISES if options.picture or options.json else ())
    ]
    if options.json:
        model = {"name": manifest.name, "version": manifest.version, "sha256": manifest.sha256}
        told = {"model": model, "outcomes": [as_json(one) for one in [*named, *sweep]]}
        options.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if options.picture:
        draw(named, sweep, options.picture)


if __name__ == "__main__":
    main()
