"""Scores labelled clips and says how well real and fake are told apart, group by group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from stream_guard.errors import ConfigError, UnsupportedMedia
from stream_guard.evaluation.accuracy import Estimate, auc, bootstrap, equal_error_rate, hit_rate
from stream_guard.evaluation.clips import Clip, face_crops
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.evaluation.predictor import Predictor
from stream_guard.models.manifest import Manifest

__all__ = [
    "ClipScore",
    "Comparison",
    "RealFootage",
    "as_json",
    "compare",
    "false_alarms",
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
    """

    group: str
    against: tuple[str, ...]
    fakes: int
    reals: int
    auc: Estimate
    equal_error_rate: Estimate
    hits: Estimate
    pairs_won: float | None


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
    """Compare every group of fakes with its reals, then all with all.

    The reals of ``ffpp_deepfakes`` are those of a group ``ffpp_real`` where there is one, those of
    ``live_swap`` are ``live_swap_real``; a group without such a partner is compared with all reals.

    Raises:
        ConfigError: no real or no fake clip was scored.
    """
    reals = [score for score in scores if score.clip.label == "real"]
    fakes = [score for score in scores if score.clip.label == "fake"]
    if not reals or not fakes:
        raise ConfigError("no face was found in the real clips or in the fake ones: nothing to compare")
    rows = []
    for group in dict.fromkeys(score.clip.group for score in fakes):
        partners = [score for score in reals if _partner(score.clip.group, group)] or reals
        rows.append(_compare(group, [score for score in fakes if score.clip.group == group], partners))
    return [*rows, _compare("all", fakes, reals)]


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
        "clips": [_clip_json(score.clip) | {"frames": [round(f, 4) for f in score.frames]} for score in scores],
        "unscored": [_clip_json(clip) for clip in unscored],
    }


def _clip_json(clip: Clip) -> dict[str, Any]:
    return {"path": str(clip.path), "label": clip.label, "group": clip.group, "region": clip.region}


def _partner(real_group: str, fake_group: str) -> bool:
    return real_group.endswith("_real") and fake_group.startswith(real_group.removesuffix("_real"))


def _compare(group: str, fakes: list[ClipScore], reals: list[ClipScore]) -> Comparison:
    real = np.array([score.value for score in reals])
    fake = np.array([score.value for score in fakes])
    halves = {score.clip.path: score.value for score in reals}
    won = [score.value > halves[score.clip.path] for score in fakes if score.clip.path in halves]
    return Comparison(
        group=group,
        against=tuple(dict.fromkeys(score.clip.group for score in reals)),
        fakes=len(fakes),
        reals=len(reals),
        auc=bootstrap(real, fake, auc),
        equal_error_rate=bootstrap(real, fake, equal_error_rate, rounds=300),
        hits=bootstrap(real, fake, hit_rate),
        pairs_won=float(np.mean(won)) if won else None,
    )
