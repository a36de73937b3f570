"""Re-enactment fakes: the same person, drawn anew with another expression.

What Face2Face (Thies et al., CVPR 2016) and NeuralTextures (Thies et al., SIGGRAPH 2019) leave behind: mouth,
jaw, brows and lids have moved, the face or its lower half is rendered, a little smoother and otherwise lit, and
blended in. Nobody else is involved, unless another person's landmarks lend the shape of a mouth.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.training.blending import blend, recolour
from stream_guard.training.contours import OVAL
from stream_guard.training.warping import KEYPOINTS, Window, extent, redraw, warp

__all__ = ["express", "reenact"]

# MediaPipe Face Mesh indices, each list from the image's left to its right.
_UPPER_INNER = [191, 80, 81, 82, 13, 312, 311, 310, 415]
_LOWER_INNER = [95, 88, 178, 87, 14, 317, 402, 318, 324]
_UPPER_OUTER = [185, 40, 39, 37, 0, 267, 269, 270, 409]
_LOWER_OUTER = [146, 91, 181, 84, 17, 314, 405, 321, 375]
_CORNERS = [61, 78, 308, 291]
_LIPS = [*_UPPER_INNER, *_LOWER_INNER, *_UPPER_OUTER, *_LOWER_OUTER, *_CORNERS]
_JAW = [58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288]
_CHIN = [18, 200, 199, 175, 214, 434]
_BROWS = ([70, 63, 105, 66, 107, 46, 53, 52, 65, 55], [336, 296, 334, 293, 300, 285, 295, 282, 283, 276])
_LIDS = (
    ([161, 160, 159, 158, 157], [163, 144, 145, 153, 154]),
    ([384, 385, 386, 387, 388], [381, 380, 374, 373, 390]),
)
_STILL = [33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 98, 327, 129, 358, 127, 356, 10]
_POINTS = sorted(
    {*KEYPOINTS, *_LIPS, *_CHIN, *_BROWS[0], *_BROWS[1], *(i for eye in _LIDS for lid in eye for i in lid)}
)
_LOWER_HALF = [i for i in OVAL if i in _JAW or i in (132, 361, 93, 323)] + [117, 346, 195]


def express(
    landmarks: NDArray[np.float32],
    rng: np.random.Generator,
    expression: NDArray[np.float32] | None = None,
    *,
    lower_only: bool = False,
) -> NDArray[np.float32]:
    """Move the landmarks of a face as another expression would.

    Args:
        landmarks: float32, shape (478, 2), pixels.
        rng: source of randomness.
        expression: landmarks of another face, float32, shape (478, 2), pixels of its own picture: its mouth is
            imitated. Without it mouth and jaw move at random.
        lower_only: keep brows and eyes as they are.

    Returns:
        float32, shape (478, 2), pixels.
    """
    right = landmarks[263] - landmarks[33]
    down = landmarks[152] - landmarks[10]
    height = float(np.linalg.norm(down)) + 1e-6
    # Axes of the face in units of its height, so that turned and tilted heads move their own way.
    frame = np.stack([right / (np.linalg.norm(right) + 1e-6) * height, down])
    moved = np.zeros((478, 2))
    if expression is None:
        _move_mouth(moved, rng, gap=float((landmarks[14] - landmarks[13]) @ down) / height**2)
        moved = moved @ frame
    else:
        moved[_LIPS + _JAW + _CHIN] = _imitate(landmarks, expression, rng, limit=0.1 * height)
    if not lower_only:
        upper = np.zeros((478, 2))
        _move_brows(upper, rng)
        moved += upper @ frame
        # A blink, a squint, or eyes wide open: lids close by a part of their distance.
        share = rng.uniform(-0.25, 0.6)
        for above, below in _LIDS:
            closing = landmarks[below] - landmarks[above]
            moved[above] += 0.8 * share * closing
            moved[below] -= 0.2 * share * closing
    return (landmarks + moved).astype(np.float32)


def reenact(
    rgb: NDArray[np.float32],
    landmarks: NDArray[np.float32],
    rng: np.random.Generator,
    expression: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw a face again with another expression.

    Args:
        rgb: float32, shape (height, width, 3), 0 to 255: a real face.
        landmarks: float32, shape (478, 2), pixels.
        rng: source of randomness.
        expression: see `express`.

    Returns:
        The pseudo-fake, like `rgb`, and where it was changed: float32, shape (height, width), 0 to 1.
    """
    lower_only = bool(rng.random() < 0.4)
    moved = express(landmarks, rng, expression, lower_only=lower_only)
    mask = _region(landmarks, moved, rgb.shape[:2], rng, lower_only=lower_only)
    window = extent(mask)
    forged = rgb.copy()
    if not mask.any():
        return forged, mask
    # Around the face everything stays: the movement has died away before the seam.
    centre = landmarks[OVAL].mean(axis=0)
    ring = centre + 1.25 * (landmarks[OVAL[::2]] - centre)
    face = warp(
        rgb,
        np.concatenate([landmarks[_POINTS], ring]),
        np.concatenate([moved[_POINTS], ring]),
        window,
        kernel=int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC])),
    )
    face = _fill_mouth(face, landmarks, moved, window, rng)
    face = redraw(face, rng)
    face = recolour(_shade(face, rng), rng, strength=rng.uniform(0.0, 0.05))
    forged[window] = blend(np.clip(face, 0, 255), rgb[window], mask[window])
    return forged, mask


def _move_mouth(moved: NDArray[np.float64], rng: np.random.Generator, *, gap: float) -> None:
    """Open or close, widen or narrow, raise the corners, in units of the face's height; right and down."""
    across = np.linspace(-1, 1, 9)
    arch = 1 - 0.6 * across**2
    # An open mouth closes as readily as a closed one opens, but never further than shut.
    opening = 0.008 + 0.08 * rng.beta(1.2, 2.5) if rng.random() > gap / 0.08 else -rng.uniform(0.4, 0.95) * gap
    moved[_LOWER_INNER, 1] += opening * arch
    moved[_LOWER_OUTER, 1] += opening * (0.3 + 0.7 * arch)
    moved[_CORNERS, 1] += 0.35 * opening
    moved[_CHIN, 1] += 0.9 * opening
    moved[_JAW, 1] += 0.85 * opening * np.clip(np.hanning(len(_JAW) + 2)[1:-1] * 1.3, 0, 1)
    lift = rng.uniform(-0.01, 0.02)
    moved[_UPPER_INNER, 1] -= lift * arch
    moved[_UPPER_OUTER, 1] -= lift * arch
    smile, width = rng.normal(0.0, 0.02), rng.normal(0.0, 0.02)
    moved[_CORNERS, 1] -= smile
    moved[_CORNERS, 0] += (width + 0.5 * smile) * np.array([-1, -1, 1, 1])
    for lip in (_UPPER_INNER, _UPPER_OUTER, _LOWER_INNER, _LOWER_OUTER):
        moved[lip, 1] -= smile * across**2
        moved[lip, 0] += (width + 0.5 * smile) * across
    moved[_LIPS, 0] += rng.normal(0.0, 0.008)


def _move_brows(moved: NDArray[np.float64], rng: np.random.Generator) -> None:
    """Raise or lower the brows, mostly together, and draw them towards each other."""
    raised, frown = rng.normal(0.0, 0.018), rng.normal(0.0, 0.008)
    for brow, side in zip(_BROWS, (1, -1), strict=True):
        moved[brow, 1] -= raised + rng.normal(0.0, 0.005)
        inner = np.array([0.0, 0.25, 0.5, 0.75, 1.0] * 2)[::side]
        moved[brow] += np.outer(inner, [side * frown, frown])


def _imitate(
    landmarks: NDArray[np.float32], expression: NDArray[np.float32], rng: np.random.Generator, *, limit: float
) -> NDArray[np.float64]:
    """Return how lips, jaw and chin move towards the other face's, laid over this one by what cannot move."""
    still = np.column_stack([expression[_STILL], np.ones(len(_STILL))])
    fit = np.linalg.lstsq(still, landmarks[_STILL], rcond=None)[0]
    points = [*_LIPS, *_JAW, *_CHIN]
    difference = np.column_stack([expression[points], np.ones(len(points))]) @ fit - landmarks[points]
    # Faces differ in where the mouth sits, too: that is no expression.
    lips = len(_LIPS)
    upper = difference[: len(_UPPER_INNER)].mean(axis=0)
    difference[:lips] -= 0.8 * upper
    # The jaw follows the lower lip, not the other's build.
    drop = difference[len(_UPPER_INNER) : 2 * len(_UPPER_INNER)].mean(axis=0)
    follow = np.concatenate([np.clip(np.hanning(len(_JAW) + 2)[1:-1] * 1.3, 0, 1), np.ones(len(_CHIN))])
    difference[lips:] = 0.85 * follow[:, None] * drop
    length = np.linalg.norm(difference, axis=1, keepdims=True)
    difference *= np.minimum(1.0, limit / np.maximum(length, 1e-6))
    scaled: NDArray[np.float64] = difference * rng.uniform(0.6, 1.0)
    return scaled


def _region(
    landmarks: NDArray[np.float32],
    moved: NDArray[np.float32],
    shape: tuple[int, ...],
    rng: np.random.Generator,
    *,
    lower_only: bool,
) -> NDArray[np.float32]:
    """Return a mask over all that moves, with a narrow or a soft edge."""
    which = _LOWER_HALF if lower_only else OVAL
    points = np.concatenate([landmarks[which], moved[which]])
    centre = points.mean(axis=0)
    points = centre + rng.uniform(1.0, 1.12) * (points - centre)
    mask = np.zeros(shape[:2], np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(points.astype(np.int32)), 1.0)
    side = float(np.ptp(landmarks, axis=0).max())
    sigma = side * (rng.uniform(0.005, 0.015) if rng.random() < 0.4 else rng.uniform(0.015, 0.05))
    return cv2.GaussianBlur(mask, (0, 0), sigma).clip(0.0, 1.0)  # type: ignore[no-any-return]


def _fill_mouth(
    face: NDArray[np.float32],
    landmarks: NDArray[np.float32],
    moved: NDArray[np.float32],
    window: Window,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Darken what opens between the lips, and draw a row of teeth now and then."""
    before, after = (
        float(np.linalg.norm(p[_LOWER_INNER] - p[_UPPER_INNER], axis=1).mean()) for p in (landmarks, moved)
    )
    # What was open already holds real teeth; only what is new is filled.
    amount = np.clip(1.0 - (before + 1.0) / (after + 1e-6), 0.0, 1.0) * rng.uniform(0.6, 1.0)
    if amount < 0.1:
        return face
    origin = np.array([window[1].start, window[0].start])
    upper, lower = (moved[line] - origin for line in (_UPPER_INNER, _LOWER_INNER))
    inside = _polygon(upper, lower, face.shape[:2], after)
    skin = cv2.resize(face, (1, 1), interpolation=cv2.INTER_AREA).reshape(3)
    cavity = skin * np.array([0.4, 0.22, 0.22]) * rng.uniform(0.5, 1.3)
    filled = blend(_plain(cavity, face.shape), face, inside * np.float32(amount))
    if rng.random() < 0.4:
        # The upper row shows by its lower edges, dimmer the deeper the lips' shadow.
        reach = upper + rng.uniform(0.3, 0.6) * (lower - upper)
        teeth = cv2.GaussianBlur(_polygon(upper, reach, face.shape[:2], after), (0, 0), max(0.6, 0.15 * after))
        enamel = (0.4 * skin + 0.6 * skin.max()) * rng.uniform(0.7, 1.2)
        filled = blend(_plain(enamel, face.shape), filled, teeth * inside * np.float32(amount))
    return filled


def _plain(colour: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.broadcast_to(colour.astype(np.float32), shape)


def _polygon(
    upper: NDArray[np.float32], lower: NDArray[np.float32], shape: tuple[int, ...], gap: float
) -> NDArray[np.float32]:
    mask = np.zeros(shape, np.float32)
    outline = np.concatenate([upper, lower[::-1]])
    cv2.fillPoly(mask, [np.round(outline * 8).astype(np.int32)], 1.0, cv2.LINE_AA, 3)
    return cv2.GaussianBlur(mask, (0, 0), max(0.6, 0.08 * gap)).clip(0.0, 1.0)  # type: ignore[no-any-return]


def _shade(face: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Light the face a little otherwise: a smooth random gain."""
    gain = 1 + rng.normal(0.0, rng.uniform(0.0, 0.06), (3, 3)).astype(np.float32)
    height, width = face.shape[:2]
    return face * cv2.resize(gain, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]  # type: ignore[no-any-return]
