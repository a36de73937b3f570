"""Calibrates a trained model: on still faces as a call shows them, and on real footage, plain and recompressed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stream_guard.evaluation.alarms import alarm_rates
from stream_guard.evaluation.calibrate import calibrate, thresholds
from stream_guard.evaluation.clips import Clip
from stream_guard.evaluation.footage import RATE, Footage, watch
from stream_guard.evaluation.independence import estimate
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.evaluation.predictor import Predictor
from stream_guard.models.manifest import Manifest
from stream_guard.scoring.track import TrackSettings
from stream_guard.scoring.verdict import VerdictSettings
from stream_guard.training.codec import CodecSetting, compress

__all__ = ["RECOMPRESSIONS", "RealFootage", "calibrated", "watch_footage"]

RECOMPRESSIONS = (
    CodecSetting("libvpx", bits_per_pixel=0.16),
    CodecSetting("libvpx", bits_per_pixel=0.065),
    CodecSetting("libvpx", bits_per_pixel=0.03),
    CodecSetting("libx264", bits_per_pixel=0.065),
)
"""At 640 x 480 and 30 frames a second: 1,500, 600 and 280 kb/s."""

_RECOMPRESSED_RATE = 2.0

Logits = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RealFootage:
    """Videos of real people as the model saw them; raw logits.

    Attributes:
        plain: one series a clip, ten frames a second: for whatever depends on time.
        recompressed: likewise for every setting, two frames a second.
    """

    plain: list[Footage]
    recompressed: list[list[Footage]]

    def conditions(self) -> list[list[Logits]]:
        """Return the judged frames of each clip, once for each way it was seen; what has none is left out."""
        every = [
            [one.logits[one.judged].astype(np.float32) for one in seen if one.judged.any()]
            for seen in (self.plain, *self.recompressed)
        ]
        return [clips for clips in every if clips]


def watch_footage(
    predict: Predictor,
    videos: Sequence[Path],
    landmarker: LargestFace,
    manifest: Manifest,
    *,
    settings: Sequence[CodecSetting] = RECOMPRESSIONS,
) -> RealFootage:
    """Look at videos of real people, as they are and through call codecs; those without a face are left out.

    Raises:
        UnsupportedMedia: a file holds no video that can be decoded.
    """
    clips = [Clip(path, "real", "footage") for path in videos]
    seen = [(clip, watch(clip, predict, landmarker, manifest)) for clip in clips]
    usable = [(clip, series) for clip, series in seen if series.judged.any()]
    recompressed = [
        [
            watch(
                clip,
                predict,
                landmarker,
                manifest,
                rate=_RECOMPRESSED_RATE,
                passage=partial(_send, setting=setting),
            )
            for clip, _ in usable
        ]
        for setting in settings
    ]
    return RealFootage([series for _, series in usable], recompressed)


def calibrated(
    manifest: Manifest,
    real: Logits,
    fake: Logits,
    footage: RealFootage | None,
    *,
    stills: str,
    videos: str = "",
    seed: int = 0,
) -> Manifest:
    """Return the manifest with everything that turns logits into words.

    Temperature and bias come from the stills; footage can only raise the bias, and gives the thresholds of
    frames, the independence of frames and, together with the stills, the alarms' thresholds. Bias and thresholds of
    frames hold for every way the footage was seen: mixed, the milder ways would make up for the worst.

    Args:
        manifest: of the model.
        real: raw logits of held-out real faces.
        fake: raw logits of their forged twins.
        footage: of real people; None where there is none.
        stills: what `real` and `fake` are, in words.
        videos: what `footage` is, in words.
        seed: of the draws.

    Raises:
        ConfigError: the model cannot be calibrated.
    """
    conditions = footage.conditions() if footage else []
    told = stills + (f"; bias and thresholds on {videos}, plain and recompressed" if conditions else "")
    calibration = max(
        (calibrate(real, fake, clips, fitted_on=told) for clips in conditions or [[]]), key=lambda one: one.bias
    )
    levels = [thresholds(calibration, clips) for clips in conditions or [[real]]]
    highest = tuple(max(same, key=lambda one: one.logit) for same in zip(*levels, strict=True))
    manifest = manifest.model_copy(update={"calibration": calibration, "thresholds": highest})
    if footage is None or sum(one.judged.sum() >= 2 for one in footage.plain) < 2:
        return manifest
    rng = np.random.default_rng(seed)
    clips = [one.calibrated(calibration) for one in footage.plain]
    independence = estimate(clips, rng, rate=RATE, measured_on=videos)
    track = TrackSettings.for_correlation(independence.correlation_s, verdict=VerdictSettings())
    people = (real.astype(np.float64) - calibration.bias) / calibration.temperature
    alarms = alarm_rates(clips, people, independence, track, rng)
    return manifest.model_copy(update={"independence": independence, "alarms": alarms})


def _send(frames: list[NDArray[np.uint8]], *, setting: CodecSetting) -> list[NDArray[np.uint8]]:
    return compress([_even(frame) for frame in frames], setting)


def _even(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a frame without the last row or column where their number is odd: codecs take pairs."""
    return rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2]
