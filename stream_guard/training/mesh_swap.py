"""Landmark-mesh swaps: another person's face, warped onto this one's geometry and blended in.

The classic graphics swap, which Rössler et al., "FaceForensics++", ICCV 2019, call FaceSwap; the donor is to be
of like pose, as in Li et al., "Face X-ray", CVPR 2020. Written from the papers' descriptions.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.training.blending import blend, face_mask
from stream_guard.training.warping import KEYPOINTS, extent, redraw, warp

__all__ = ["compatible", "swap"]


def compatible(landmarks: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Say how far other faces are from this one in pose, expression and shape.

    Position, scale and roll are taken out (the Procrustes distance), for a warp takes them out as well.

    Args:
        landmarks: float32, shape (478, 2), pixels.
        others: float32, shape (n, 478, 2), pixels, each of its own picture.

    Returns:
        float32, shape (n,), 0 (the same) to 1. The nearest few of 200 photographs are mostly at 0.04 to 0.09.
    """
    points = np.concatenate([landmarks[None, KEYPOINTS], others[:, KEYPOINTS]])
    points = points - points.mean(axis=1, keepdims=True)
    flat = points[..., 0] + 1j * points[..., 1]
    flat = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    likeness = np.abs(flat[1:] @ flat[0].conj())
    distances: NDArray[np.float32] = np.sqrt(np.clip(1.0 - likeness**2, 0.0, 1.0)).astype(np.float32)
    return distances


def swap(
    rgb: NDArray[np.float32],
    landmarks: NDArray[np.float32],
    other_rgb: NDArray[np.float32],
    other_landmarks: NDArray[np.float32],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Put another person's face on this one.

    Args:
        rgb: float32, shape (height, width, 3), 0 to 255: a real face.
        landmarks: float32, shape (478, 2), pixels of `rgb`.
        other_rgb: like `rgb`, of any size: the donor, of like pose (see `compatible`).
        other_landmarks: float32, shape (478, 2), pixels of `other_rgb`.
        rng: source of randomness.

    Returns:
        The pseudo-fake, like `rgb`, and where it was changed: float32, shape (height, width), 0 to 1.
    """
    mask = face_mask(landmarks, rgb.shape[:2], rng)
    window = extent(mask)
    forged = rgb.copy()
    if not mask.any():
        return forged, mask
    here, there = landmarks[KEYPOINTS], other_landmarks[KEYPOINTS]
    # A donor much larger than needed would alias.
    ratio = float(np.ptp(here, axis=0).max() / max(np.ptp(there, axis=0).max(), 1.0))
    if ratio < 0.7:
        other_rgb = cv2.resize(other_rgb, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
        there = (there + 0.5) * ratio - 0.5
    face = warp(other_rgb, there, here, window)
    face = redraw(face, rng)
    target, weights = rgb[window], mask[window]
    match = _match_colour if rng.random() < 0.7 else _match_light
    face = match(face, target, weights, rng)
    if rng.random() < 0.25:
        face = _clone(face, target, weights)
    forged[window] = blend(np.clip(face, 0, 255), target, weights)
    return forged, mask


def _match_colour(
    face: NDArray[np.float32],
    target: NDArray[np.float32],
    mask: NDArray[np.float32],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Bring mean and, mostly, spread of Lab within the mask to the target's, by a random amount."""
    ours, theirs = (cv2.cvtColor(np.clip(p, 0, 255) / 255, cv2.COLOR_RGB2Lab) for p in (face, target))
    total = mask.sum()
    spread = rng.random() < 0.7
    strength = np.float32(rng.uniform(0.6, 1.0) if rng.random() < 0.85 else rng.uniform(0.0, 0.6))
    means = [(p * mask[..., None]).sum(axis=(0, 1)) / total for p in (ours, theirs)]
    gain = np.ones(3, np.float32)
    if spread:
        variance = [
            ((p - m) ** 2 * mask[..., None]).sum(axis=(0, 1)) / total
            for p, m in zip((ours, theirs), means, strict=True)
        ]
        gain = np.clip(np.sqrt((variance[1] + 0.1) / (variance[0] + 0.1)), 0.6, 1.6)
    matched = (ours - means[0]) * gain + means[1]
    matched = ours + strength * (matched - ours)
    return cv2.cvtColor(matched.astype(np.float32), cv2.COLOR_Lab2RGB) * 255  # type: ignore[no-any-return]


def _match_light(
    face: NDArray[np.float32],
    target: NDArray[np.float32],
    mask: NDArray[np.float32],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Take the target's light: its smooth part within the mask in place of the donor's, as a ratio."""
    height, width = mask.shape
    cells = int(rng.integers(3, 8))
    # Hair and background do not light a face: the mask weighs what enters the smooth parts.
    share = cv2.resize(mask, (cells, cells), interpolation=cv2.INTER_AREA)[..., None] + 0.02
    smooth = []
    for picture in (face, target):
        mean = (picture * mask[..., None]).sum(axis=(0, 1)) / mask.sum()
        around = cv2.resize((picture - mean) * mask[..., None], (cells, cells), interpolation=cv2.INTER_AREA)
        smooth.append(np.maximum(mean + around / share, 0.0) + 8)
    ratio = np.clip(smooth[1] / smooth[0], 0.4, 2.5).astype(np.float32)
    return face * cv2.resize(ratio, (width, height), interpolation=cv2.INTER_CUBIC)  # type: ignore[no-any-return]


def _clone(
    face: NDArray[np.float32], target: NDArray[np.float32], mask: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Poisson cloning (Perez et al., "Poisson Image Editing", 2003).

    What it adds to a face is smooth, so it is solved at half size. The rim keeps the mask off the edge.
    """
    height, width = face.shape[:2]
    small = (max(width // 2, 8), max(height // 2, 8))
    ours, theirs = (
        cv2.copyMakeBorder(
            cv2.resize(np.clip(p, 0, 255), small, interpolation=cv2.INTER_AREA).astype(np.uint8),
            4, 4, 4, 4, cv2.BORDER_REPLICATE,
        ) for p in (face, target)
    )  # fmt: skip
    inside = cv2.resize(mask, small, interpolation=cv2.INTER_AREA) > 0.1
    area = cv2.copyMakeBorder(inside.astype(np.uint8) * 255, 4, 4, 4, 4, cv2.BORDER_CONSTANT, value=0)
    if np.count_nonzero(area) < 64:
        return face
    left, top, box_width, box_height = cv2.boundingRect(area)
    middle = (left + box_width // 2, top + box_height // 2)
    cloned = cv2.seamlessClone(ours, theirs, area, middle, cv2.NORMAL_CLONE)
    added = cloned.astype(np.float32) - ours.astype(np.float32)
    added = cv2.GaussianBlur(added, (0, 0), 1.0)[4:-4, 4:-4]
    return face + cv2.resize(added, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[no-any-return]
