"""How much of the model's evidence is left where a picture comes with few bits: fitted, and tried on other clips.

``python -m benchmarks.accuracy.transport_share transport.json`` reads what ``benchmarks.accuracy.transport`` wrote.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from stream_guard.clock import NS_PER_S
from stream_guard.models import store
from stream_guard.models.calibration import Calibrator, track_settings
from stream_guard.models.manifest import Manifest, TransportEvidence
from stream_guard.scoring.smoothing import Estimate, Evidence

_FLOOR = 0.1
_NONE_AT = tuple(2.0**power for power in np.arange(-7, -4.4, 0.25))
_FULL_AT = tuple(2.0**power for power in np.arange(-4, -1.9, 0.25))


@dataclass(frozen=True, slots=True)
class Told:
    """What the model says of one clip that came in one way.

    Attributes:
        bits_per_pixel: of the encoder's target; None as filmed.
        estimate: after all frames.
    """

    condition: str
    path: str
    fake: bool
    bits_per_pixel: float | None
    estimate: Estimate

    @property
    def llr(self) -> float:
        """The smoothed log-likelihood ratio."""
        return self.estimate.llr


def told(results: dict[str, Any], manifest: Manifest) -> Iterator[Told]:
    """Yield every clip under every condition without loss."""
    calibrator = Calibrator(manifest.calibration)
    smoothing = track_settings(manifest).smoothing
    for condition in results["conditions"]:
        if condition["loss"]:
            continue
        for clip in condition["clips"]:
            evidence = Evidence(smoothing)
            gap_ns = round(results["seconds"] / results["frames"] * NS_PER_S)
            for number, llr in enumerate(calibrator.llr(np.array(clip["frames"], np.float32))):
                evidence.add(number * gap_ns, float(llr))
            estimate = evidence.at((len(clip["frames"]) - 1) * gap_ns)
            if estimate is not None:
                bits = _bits_per_pixel(clip["path"], condition["kbps"]) if condition["kbps"] else None
                yield Told(condition["name"], clip["path"], clip["label"] == "fake", bits, estimate)


def fitted(clips: list[Told]) -> tuple[float, float]:
    """Return the bits a pixel with no evidence and with all of it that lose the fewest bits of log loss.

    The evidence of good pictures overclaims a little by itself; that part is fitted as filmed, and held.
    """
    filmed = [clip for clip in clips if clip.bits_per_pixel is None]
    sent = [clip for clip in clips if clip.bits_per_pixel is not None]
    base = min(np.arange(0.3, 1.5, 0.02), key=lambda scale: lost_bits(filmed, np.full(len(filmed), scale)))
    return min(product(_NONE_AT, _FULL_AT), key=lambda ends: lost_bits(sent, base * shares(sent, *ends)))


def shares(clips: list[Told], none_at: float, full_at: float) -> NDArray[np.float64]:
    """Return the share of evidence left for each clip."""
    evidence = TransportEvidence(none_at=none_at, full_at=full_at, floor=_FLOOR, measured_on="", command="")
    return np.array([1.0 if one.bits_per_pixel is None else evidence.share(one.bits_per_pixel) for one in clips])


def lost_bits(clips: list[Told], scale: NDArray[np.float64]) -> float:
    """Return the log loss in bits, both classes weighing the same; a coin's toss loses 1."""
    fake = np.array([clip.fake for clip in clips])
    against = np.where(fake, -1.0, 1.0) * np.array([clip.llr for clip in clips]) * scale
    loss = np.logaddexp(0, against) / math.log(2)
    return float((loss[fake].mean() + loss[~fake].mean()) / 2)


def sure(clips: list[Told], share: NDArray[np.float64], *, right: bool) -> int:
    """Count the clips whose 95 % interval lies wholly on the right, or the wrong, side of even odds."""
    count = 0
    for clip, left in zip(clips, share, strict=True):
        low, high = clip.estimate.weakened(float(left)).interval
        says_fake, says_real = high < 0.5, low > 0.5
        count += (says_fake if clip.fake else says_real) if right else (says_real if clip.fake else says_fake)
    return count


def _bits_per_pixel(path: str, kbps: float) -> float:
    with av.open(path) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        return kbps * 1000 / (context.width * context.height * float(stream.average_rate or 30))


def main() -> None:
    """Fit, try on what was left out, tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", type=Path, help="JSON of benchmarks.accuracy.transport")
    results = json.loads(parser.parse_args().results.read_text())
    _, manifest = store.default_model()
    if results["model"]["sha256"] != manifest.sha256:
        parser.error("these results are of another model")
    clips = list(told(results, manifest))
    held = np.ones(len(clips))
    for path in sorted({clip.path for clip in clips}):
        ends = fitted([clip for clip in clips if clip.path != path])
        here = [number for number, clip in enumerate(clips) if clip.path == path]
        held[here] = shares([clips[number] for number in here], *ends)
    table = Table("condition", "clips", "log loss, bits", "with the share", "surely right, wrong", "with the share")
    for condition in dict.fromkeys(clip.condition for clip in clips):
        here = [number for number, clip in enumerate(clips) if clip.condition == condition]
        some, share = [clips[number] for number in here], held[here]
        whole = np.ones(len(some))
        counts = [f"{sure(some, part, right=True)}, {sure(some, part, right=False)}" for part in (whole, share)]
        losses = [f"{lost_bits(some, part):.3f}" for part in (whole, share)]
        table.add_row(condition, str(len(some)), *losses, *counts)
    Console().print(table)
    none_at, full_at = fitted(clips)
    Console().print(f"on all clips: none at {none_at:.4f}, all from {full_at:.4f} bits a pixel, floor {_FLOOR}")


if __name__ == "__main__":
    main()
