"""How much of a detector's accuracy a call's transport costs: bitrate and packet loss, clip by clip."""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import UnsupportedMedia
from stream_guard.evaluation.accuracy import Estimate, auc, bootstrap
from stream_guard.evaluation.call import Delivery, send
from stream_guard.evaluation.clips import Clip, sample_frames
from stream_guard.evaluation.comparison import ClipScore, Comparison, as_values, compare, pairings, score_clips
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.evaluation.predictor import Predictor
from stream_guard.models.manifest import Manifest

__all__ = ["SOURCE", "Condition", "Measured", "Outcome", "as_json", "carry", "changes", "under"]

_MOST_FPS = 30
_LONGEST_SIDE = 1280
"""A call sends 1280x720 at 30 frames a second at most: what is larger or faster is brought down to that."""

_TOLERANCE = 0.25
"""How far, as a share of the target, the measured bitrate may be off before it is said."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How a clip gets here.

    Attributes:
        kbps: the encoder's target bitrate in kilobits a second; None is the clip as it is.
        loss: chance that a packet is lost, 0 to 1.
    """

    kbps: int | None = None
    loss: float = 0.0

    @property
    def name(self) -> str:
        """What to call it, such as ``600 kb/s, 2 % loss``."""
        return "source" if self.kbps is None else f"{self.kbps} kb/s, {100 * self.loss:g} % loss"


SOURCE = Condition()


@dataclass(frozen=True, slots=True)
class Measured:
    """What a condition did to the clips, all added up.

    Attributes:
        clips: that were sent.
        sent, received: pictures, and those of them that were decoded at the other end.
        freezes, frozen_s: pauses of the picture, and their seconds; see `stream_guard.evaluation.call.freezes`.
        seconds: of media.
        kbps: all clips together; RTP payload without retransmissions.
        lowest_kbps, highest_kbps: of single clips.
        packets, dropped: sent, retransmissions included, and those of them that were lost.
        clips_off_target: clips whose bitrate is more than a quarter off the target: a picture too large or too
            lively for it, where the coarsest quantiser still spends more, or too still to need it.
        off_target: the same of all clips together.
    """

    clips: int
    sent: int
    received: int
    freezes: int
    frozen_s: float
    seconds: float
    kbps: float
    lowest_kbps: float
    highest_kbps: float
    packets: int
    dropped: int
    clips_off_target: int
    off_target: bool

    @classmethod
    def of(cls, deliveries: list[Delivery], target_kbps: int) -> Measured:
        """Add up what happened to each clip."""
        media_s = sum(one.seconds for one in deliveries)
        kbps = sum(one.kbps * one.seconds for one in deliveries) / media_s

        def is_off(measured_kbps: float) -> bool:
            return abs(measured_kbps / target_kbps - 1) > _TOLERANCE

        return cls(
            clips=len(deliveries),
            sent=sum(one.sent for one in deliveries),
            received=sum(one.received for one in deliveries),
            freezes=sum(one.freezes for one in deliveries),
            frozen_s=sum(one.frozen_s for one in deliveries),
            seconds=media_s,
            kbps=kbps,
            lowest_kbps=min(one.kbps for one in deliveries),
            highest_kbps=max(one.kbps for one in deliveries),
            packets=sum(one.packets for one in deliveries),
            dropped=sum(one.dropped for one in deliveries),
            clips_off_target=sum(is_off(one.kbps) for one in deliveries),
            off_target=is_off(kbps),
        )


@dataclass(frozen=True, eq=False)
class Outcome:
    """One condition, and how the clips scored under it. ``measured`` is None where nothing was sent."""

    condition: Condition
    scores: list[ClipScore]
    unscored: list[Clip]
    measured: Measured | None

    @cached_property
    def rows(self) -> list[Comparison]:
        """Real against fake, see `stream_guard.evaluation.comparison.compare`; worked out once."""
        return compare(self.scores)


def under(
    clips: list[Clip],
    condition: Condition,
    predict: Predictor,
    landmarker: LargestFace,
    manifest: Manifest,
    *,
    frames: int = 12,
    seconds: float = 4.0,
    rng: np.random.Generator,
    progress: Callable[[Clip], object] = lambda clip: None,
) -> Outcome:
    """Carry every clip here under a condition, and score what arrives just as `score_clips` scores files.

    Args:
        clips: a side-by-side clip is cut to its region before it is sent: a swap in a call fills the picture.
        condition: see `Condition`.
        predict: gives raw logits.
        landmarker: finds the face.
        manifest: the model's crop and calibration.
        frames: looked at in each clip.
        seconds: of each clip, from its first frame on.
        rng: draws the packets that are lost.
        progress: told each clip that is done.
    """
    scores, unscored, deliveries = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        arrived = Path(folder) / "arrived.mkv"
        for clip in clips:
            try:
                delivery = carry(clip, condition, arrived, frames=frames, seconds=seconds, rng=rng)
            except UnsupportedMedia:
                unscored.append(clip)
            else:
                deliveries += [delivery] if delivery is not None else []
                copy = replace(clip, path=arrived, region="whole")
                scored, _ = score_clips([copy], predict, landmarker, manifest, frames=frames)
                scores += [replace(score, clip=clip) for score in scored]
                unscored += [] if scored else [clip]
            progress(clip)
    measured = Measured.of(deliveries, condition.kbps) if deliveries and condition.kbps is not None else None
    return Outcome(condition, scores, unscored, measured)


def carry(
    clip: Clip, condition: Condition, to: Path, *, frames: int, seconds: float, rng: np.random.Generator
) -> Delivery | None:
    """Write the frames of a clip that are looked at to a lossless file, as they arrive under a condition.

    The same moments are taken whatever the condition: evenly spread over the first seconds.

    Args:
        clip: a video; a picture is one frame.
        condition: see `Condition`.
        to: the file, Matroska.
        frames: how many at most.
        seconds: of the clip.
        rng: draws the packets that are lost.

    Returns:
        What happened on the way; None where nothing is sent.

    Raises:
        UnsupportedMedia: the file holds no video that can be decoded.
        SourceError: the call broke off.
    """
    rate, length = _extent(clip)
    step = max(1, math.ceil(rate / _MOST_FPS - 0.01))
    count = max(1, min(round(rate * seconds), length) // step)
    wanted = np.unique(np.linspace(0, count - 1, frames).round().astype(int)).tolist()
    pictures = islice(sample_frames(clip, length), 0, count * step, step)
    if condition.kbps is None:
        delivery = None
        kept = [rgb for number, rgb in enumerate(pictures) if number in wanted]
    else:
        sent = map(_sendable, pictures)
        fps, kbps, loss = rate / step, condition.kbps, condition.loss
        delivery = asyncio.run(send(sent, fps=fps, kbps=kbps, loss=loss, wanted=wanted, rng=rng))
        kept = [frame.rgb() for frame in delivery.kept]
    if not kept:
        raise UnsupportedMedia(f"no frame of {clip.path} arrived")
    _write(kept, to)
    return delivery


def changes(source: Outcome, other: Outcome) -> dict[str, Estimate]:
    """Return how much higher each group's clip AUC is than at the source; negative is lost.

    The same clips are drawn for both, so what makes a clip hard does not widen the interval. Clips that were not
    scored under both are left out.
    """
    before = {(one.clip.path, one.clip.region): one.value for one in source.scores}
    shared = [one for one in other.scores if (one.clip.path, one.clip.region) in before]

    def both(scores: list[ClipScore]) -> NDArray[np.float64]:
        return np.array([(before[one.clip.path, one.clip.region], one.value) for one in scores])

    def gain(real: NDArray[np.float64], fake: NDArray[np.float64]) -> float:
        return auc(real[:, 1], fake[:, 1]) - auc(real[:, 0], fake[:, 0])

    return {pair.group: bootstrap(both(pair.reals), both(pair.fakes), gain) for pair in pairings(shared)}


def as_json(outcome: Outcome, source: Outcome) -> dict[str, Any]:
    """Return one condition as plain values, every clip's frames included; ``change`` is against the source."""
    change = {} if outcome is source else changes(source, outcome)
    groups = [
        asdict(row) | ({"change": asdict(change[row.group])} if row.group in change else {}) for row in outcome.rows
    ]
    return {
        **asdict(outcome.condition),
        "name": outcome.condition.name,
        "measured": asdict(outcome.measured) if outcome.measured else None,
        "groups": groups,
        "clips": [as_values(one.clip) | {"frames": [round(f, 4) for f in one.frames]} for one in outcome.scores],
        "unscored": [as_values(clip) for clip in outcome.unscored],
    }


def _extent(clip: Clip) -> tuple[float, int]:
    """Return a video's frames a second, and at least as many frames as it has."""
    try:
        with av.open(str(clip.path)) as container:
            if not container.streams.video:
                raise UnsupportedMedia(f"{clip.path} holds no video")
            stream = container.streams.video[0]
            rate = float(stream.average_rate or _MOST_FPS)
            media_s = (container.duration or 0) / av.time_base
            return rate, max(1, stream.frames, math.ceil(rate * media_s))
    except av.FFmpegError as error:
        raise UnsupportedMedia(f"{clip.path} cannot be decoded") from error


def _sendable(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring a picture down to what a call sends, with even sides, as its colours are halved."""
    scale = min(1.0, _LONGEST_SIDE / max(rgb.shape[:2]))
    if scale < 1:
        rgb = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = (side // 2 * 2 for side in rgb.shape[:2])
    return np.ascontiguousarray(rgb[:height, :width])


def _write(pictures: list[NDArray[np.uint8]], to: Path) -> None:
    """Write pictures of one size so that reading them gives the very same."""
    with av.open(str(to), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(25))
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for rgb in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")))
        container.mux(stream.encode(None))
