"""Why a face, on this frame, cannot be judged: its light, its sharpness, its size and how it is turned.

Every threshold asks for little, so that a reason means something. What they do was measured on 616 faces of
real and swapped calls, streams and interviews (none of them meant as a bad picture), and on photographs.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.face import Box, Pose, Reason
from stream_guard.faces.align import crop_matrix, cut

__all__ = ["blur", "inner_face", "light", "reasons", "unseen"]

_SCALE = 96
"""Side in pixels at which light and sharpness are looked at, so that a face's size does not count twice."""

_MOST_BLUR = 0.60
"""Above this the face is blurred: of 146 untouched faces of clips two are, and every face blurred by 3 % of its
width. The default model takes most real faces beyond it for forged. Between 0.55 and 0.60 clips and photographs
disagree, and young, smooth skin often lies there, so those are judged. See docs/quality-gate.md."""

_DARK = 60.0
"""The face's brightest twentieth is darker than this (of 255). Not its mean, which would count dark skin as a dark
room: none of 3,498 photographs of five ethnic groups is below (least: 61), and no face of the clips (least: 80)."""

_WHITE = 250
_MOST_WHITE = 0.15
"""A larger share of pixels at `_WHITE` or above is overexposed. Most in the clips: 0.01."""

_MOST_YAW = 45.0
_MOST_PITCH = 35.0
"""Degrees. 99 % of the clips' measured faces are within 33 and 23; far beyond, half the face is hidden and the
landmarks are a guess."""

_TURNED = 0.35
"""The finder's `turn` from which a face without landmarks is in profile. Of 850 photographs five had a face without
landmarks: two covered ones (0.04, 0.09), and three turned or tilted ones (0.30, 0.42, 1.07)."""


def reasons(rgb: NDArray[np.uint8], box: Box, pose: Pose | None, *, min_face_px: int) -> tuple[Reason, ...]:
    """Say why a face that was measured cannot be judged.

    Args:
        rgb: the frame: uint8, shape (height, width, 3).
        box: spans the face's landmarks, in pixels.
        pose: how the head is turned, or None where nothing is known.
        min_face_px: the model's least shorter side.

    Returns:
        The reasons, in a fixed order; empty where the face can be judged.
    """
    found: list[Reason] = []
    if box.side < min_face_px:
        found.append(Reason.FACE_TOO_SMALL)
    if pose is not None and (abs(pose.yaw) > _MOST_YAW or abs(pose.pitch) > _MOST_PITCH):
        found.append(Reason.TURNED_AWAY)
    grey = inner_face(rgb, box)
    ill_lit = light(grey)
    if ill_lit is not None:
        found.append(ill_lit)
    # A dark face has little but noise, a small one has no more detail to lose: one reason is enough.
    elif box.side >= min_face_px and blur(grey) > _MOST_BLUR:
        found.append(Reason.BLURRED)
    return tuple(found)


def unseen(turn: float) -> Reason:
    """Say why a face that the finder sees shows no landmarks: it has turned away, or something covers it.

    Args:
        turn: as the finder saw it, see `faces.finder.Found`.
    """
    return Reason.TURNED_AWAY if abs(turn) > _TURNED else Reason.COVERED


def inner_face(rgb: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Return the part of a face whose light and sharpness count, at one size for all faces.

    Args:
        rgb: the frame: uint8, shape (height, width, 3).
        box: spans the face's landmarks, in pixels.

    Returns:
        uint8, shape (72, 72), grey.
    """
    crop = cut(rgb, crop_matrix(box, size=_SCALE, margin=1.0), size=_SCALE)
    grey: NDArray[np.uint8] = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return grey[_SCALE // 8 : -_SCALE // 8, _SCALE // 8 : -_SCALE // 8]


def light(grey: NDArray[np.uint8]) -> Reason | None:
    """Say whether a face is too dark or too bright.

    Args:
        grey: uint8, shape (height, width): the face without its surroundings.
    """
    if np.percentile(grey, 95) < _DARK:
        return Reason.DARK
    return Reason.OVEREXPOSED if float(np.mean(grey >= _WHITE)) > _MOST_WHITE else None


def blur(grey: NDArray[np.uint8]) -> float:
    """Return how little a picture loses when it is blurred once more: 0 sharp, 1 smooth.

    Crété-Roffet et al., "The blur effect: perception and estimation with a new no-reference perceptual blur
    metric", 2007. It sees motion as well as bad focus, because the worse of the two directions counts.

    Args:
        grey: uint8, shape (height, width).
    """
    picture = grey.astype(np.float32)
    worst = 0.0
    for axis in (0, 1):
        blurred = cv2.blur(picture, (9, 1) if axis else (1, 9))
        before = np.abs(np.diff(picture, axis=axis))
        after = np.abs(np.diff(blurred, axis=axis))
        lost = float(np.maximum(0, before - after).sum())
        worst = max(worst, 1.0 - lost / max(float(before.sum()), 1e-6))
    return worst
