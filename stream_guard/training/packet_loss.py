"""What a bad link takes away from a sequence of encoded frames."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["Loss", "arriving", "random_loss"]


@dataclass(frozen=True, slots=True)
class Loss:
    """What does not arrive of a sequence. The first frame always arrives whole.

    Attributes:
        kind: ``freeze``: nothing from `frame` on. ``missing``: that frame alone, so that the next is predicted
            from the wrong one. ``slice``: one slice of it; ``cut``: the end of its data: H.264 conceals either,
            of VP8 nothing is left that a program would show, as with ``missing``.
        frame: index, 1 or more.
        where: which slice, or how much of the data arrives: 0 to 1.
    """

    kind: Literal["freeze", "missing", "slice", "cut"]
    frame: int
    where: float = 0.5


def random_loss(frames: int, rng: np.random.Generator, *, slices: int) -> Loss | None:
    """Return a loss that the last frame still shows, or none where the sequence is too short for one.

    Args:
        frames: length of the sequence.
        rng: source of randomness.
        slices: of each frame that can be lost on their own; 0 if none can (VP8).
    """
    if frames < 2:
        return None
    drawn, frame = rng.random(), int(rng.integers(1, frames))
    if slices and drawn < 0.5:
        whole = slices > 1 and rng.random() < 0.7
        return Loss("slice" if whole else "cut", frame, rng.uniform(0.0, 0.95))
    if frames > 2 and rng.random() < 0.6:
        return Loss("missing", min(frame, frames - 2))
    return Loss("freeze", frame)


def arriving(data: bytes, number: int, loss: Loss | None) -> bytes:
    """Return what arrives of a frame's data: nothing, a part or all of it.

    Args:
        data: one encoded frame: VP8, or H.264 as Annex B.
        number: of the frame in its sequence, from 0.
        loss: what does not arrive.
    """
    if loss is None or number < max(1, loss.frame) or (number > loss.frame and loss.kind != "freeze"):
        return data
    if loss.kind in ("freeze", "missing"):
        return b""
    # Annex B: units begin with 00 00 01; types 1 and 5 hold slices. VP8 has no such units:
    # programs throw away a frame with a corrupt partition (FFmpeg would leave the rest of it green).
    starts = [match.start() for match in re.finditer(b"\0?\0\0\1", data)]
    if starts[:1] != [0]:
        return b""
    if loss.kind == "cut":
        return data[: int(len(data) * loss.where)]
    units = [data[start:end] for start, end in zip(starts, [*starts[1:], len(data)], strict=True)]
    slices = [i for i, unit in enumerate(units) if unit.lstrip(b"\0")[1] & 31 in (1, 5)]
    lost = slices[min(int(loss.where * len(slices)), len(slices) - 1)]
    return b"".join(unit for i, unit in enumerate(units) if i != lost)
