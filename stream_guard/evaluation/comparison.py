"""Scores labelled clips and says how well real and fake are told apart, group by group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import ConfigError, UnsupportedMedia
from stream_guard.evaluation.accuracy import Estimate, Figure, auc, bootstrap, equal_error_rate, hit_rate
from stream_guard.evaluation.clips import Clip, face_crops
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.evaluation.predictor import Predictor
from stream_guard.models.manifest import Manifest

__all__ = [
    "ClipScore",
    "Comparison",
    "FrameFigures",
    "Pairing",
    "RealFootage",
    "as_json",
    "as_values",
    "compare",
    "false_alarms",
    "pairings",
    "score_clips",
]


@dataclass(frozen=True, slots=True)
class ClipScore:
    """The calibrated logits of a clip's sampled frames; positive leans to synthetic."""

    clip: Clip
    frames: tuple[float, ...]

    @property
    def value(self) -> float:
        """The clip's score: the mean of its frames."""
        return float(np.mean(self.frames))


@dataclass(frozen=True, slots=True)
class Pairing:
    """The scored clips of one group of fakes, and those of the reals it is compared with.

    Attributes:
        group: of the fakes; ``all`` for every fake against every real.
    """

    group: str
    reals: list[ClipScore]
    fakes: list[ClipScore]


@dataclass(frozen=True, slots=True)
class FrameFigures:
    """The same figures with each sampled frame judged by itself; the intervals still draw whole clips.

    Frames of one clip are alike, so drawing them one by one would claim far more certainty than there is.
    """

    auc: Estimate
    equal_error_rate: Estimate
    hits: Estimate


@dataclass(frozen=True, slots=True)
class Comparison:
    """One group of fakes against its reals, a clip counting once.

    Attributes:
        group: of the fakes; ``all`` for every fake against every real.
        against: the groups of the reals.
        fakes: clips.
        reals: clips.
        auc: area under the ROC curve.
        equal_error_rate: where misses and false alarms meet.
        hits: share of fakes found at a false alarm rate of 1 %.
        pairs_won: where a file holds both halves of a pair, the share of files whose fake half scores higher.
        frames: the figures of single frames.
    """

    group: str
    against: tuple[str, ...]
    fakes: int
    reals: int
    auc: Estimate
    equal_error_rate: Estimate
    hits: Estimate
    pairs_won: float | None
    frames: FrameFigures


@dataclass(frozen=True, slots=True)
class RealFootage:
    """How often real people are taken for fakes at even odds (calibrated logit above 0).

    Attributes:
        group: of the reals.
        clips: how many.
        frame_rate: share of frames, each clip weighing the same.
        clip_rate: share of clips whose mean is above 0.
    """

    group: str
    clips: int
    frame_rate: float
    clip_rate: float


def score_clips(
    clips: list[Clip],
    predict: Predictor,
    landmarker: LargestFace,
    manifest: Manifest,
    *,
    frames: int = 24,
    progress: Callable[[Clip], object] = lambda clip: None,
) -> tuple[list[ClipScore], list[Clip]]:
    """Score the largest face on frames spread over each clip.

    Returns:
        The scores, and the clips that could not be scored: no face, or no video.
    """
    scores, unscored = [], []
    bias, temperature = manifest.calibration.bias, manifest.calibration.temperature
    for clip in clips:
        try:
            crops = face_crops(clip, landmarker, size=manifest.size, margin=manifest.margin, count=frames)
        except UnsupportedMedia:
            crops = np.zeros((0, manifest.size, manifest.size, 3), np.uint8)
        if len(crops):
            logits = (predict(crops) - bias) / temperature
            scores.append(ClipScore(clip, tuple(float(logit) for logit in logits)))
        else:
            unscored.append(clip)
        progress(clip)
    return scores, unscored


def compare(scores: list[ClipScore]) -> list[Comparison]:
    """Compare every group of fakes with its reals, then all with all; see `pairings`."""
    return [_compare(pairing) for pairing in pairings(scores)]


def pairings(scores: list[ClipScore]) -> list[Pairing]:
    """Return every group of fakes with its reals, then all with all.

    The reals of ``ffpp_deepfakes`` are those of a group ``ffpp_real`` where there is one, those of
    ``live_swap`` are ``live_swap_real``; a group without such a partner is compared with all reals.

    Raises:
        ConfigError: no real or no fake clip was scored.
    """
    reals = [score for score in scores if score.clip.label == "real"]
    fakes = [score for score in scores if score.clip.label == "fake"]
    if not reals or not fakes:
        raise ConfigError("no face was found in the real clips or in the fake ones: nothing to compare")
    groups = []
    for group in dict.fromkeys(score.clip.group for score in fakes):
        partners = [score for score in reals if _partner(score.clip.group, group)] or reals
        groups.append(Pairing(group, partners, [score for score in fakes if score.clip.group == group]))
    return [*groups, Pairing("all", reals, fakes)]


def false_alarms(scores: list[ClipScore]) -> list[RealFootage]:
    """Return, for every group of reals, how often they are taken for fakes."""
    rows = []
    for group in dict.fromkeys(score.clip.group for score in scores if score.clip.label == "real"):
        members = [score for score in scores if score.clip.group == group and score.clip.label == "real"]
        frames = float(np.mean([np.mean(np.array(score.frames) > 0) for score in members]))
        rows.append(
            RealFootage(group, len(members), frames, float(np.mean([score.value > 0 for score in members])))
        )
    return rows


def as_json(
    manifest: Manifest,
    rows: list[Comparison],
    footage: list[RealFootage],
    scores: list[ClipScore],
    unscored: list[Clip],
) -> dict[str, Any]:
    """Return an evaluation as plain values, every clip's frames included."""
    return {
        "model": {"name": manifest.name, "version": manifest.version, "sha256": manifest.sha256},
        "groups": [asdict(row) for row in rows],
        "real": [asdict(row) for row in footage],
        "clips": [as_values(score.clip) | {"frames": [round(f, 4) for f in score.frames]} for score in scores],
        "unscored": [as_values(clip) for clip in unscored],
    }


def as_values(clip: Clip) -> dict[str, Any]:
    """Return a clip as plain values."""
    return {"path": str(clip.path), "label": clip.label, "group": clip.group, "region": clip.region}


def _partner(real_group: str, fake_group: str) -> bool:
    return real_group.endswith("_real") and fake_group.startswith(real_group.removesuffix("_real"))


def _compare(pairing: Pairing) -> Comparison:
    real = np.array([score.value for score in pairing.reals])
    fake = np.array([score.value for score in pairing.fakes])
    halves = {score.clip.path: score.value for score in pairing.reals}
    won = [score.value > halves[score.clip.path] for score in pairing.fakes if score.clip.path in halves]
    return Comparison(
        group=pairing.group,
        against=tuple(dict.fromkeys(score.clip.group for score in pairing.reals)),
        fakes=len(fake),
        reals=len(real),
        auc=bootstrap(real, fake, auc),
        equal_error_rate=bootstrap(real, fake, equal_error_rate, rounds=300),
        hits=bootstrap(real, fake, hit_rate),
        pairs_won=float(np.mean(won)) if won else None,
        frames=_frame_figures(pairing),
    )


def _frame_figures(pairing: Pairing) -> FrameFigures:
    real, fake = _by_clip(pairing.reals), _by_clip(pairing.fakes)
    return FrameFigures(
        auc=bootstrap(real, fake, _pooled(auc)),
        # It looks at every threshold, and so costs several times as much as the others.
        equal_error_rate=bootstrap(real, fake, _pooled(equal_error_rate), rounds=200),
        hits=bootstrap(real, fake, _pooled(hit_rate)),
    )


def _by_clip(scores: list[ClipScore]) -> NDArray[np.float64]:
    """Return one row for each clip, NaN where it has fewer frames than the longest."""
    table = np.full((len(scores), max(len(score.frames) for score in scores)), np.nan)
    for row, score in zip(table, scores, strict=True):
        row[: len(score.frames)] = score.frames
    return table


def _pooled(figure: Figure) -> Figure:
    """Return a figure of all frames in the rows that were drawn."""
    return lambda real, fake: figure(real[~np.isnan(real)], fake[~np.isnan(fake)])
