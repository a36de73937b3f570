"""Pictures of a face for people: what the model saw, the same with its surroundings, the patch map over it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.face import Box
from stream_guard.faces.align import crop_matrix, cut

__all__ = ["PATCH_LIMIT", "face_crop", "model_crop", "patch_overlay", "wide_crop"]

PATCH_LIMIT = 4.0
"""Log-likelihood ratio at which a region's colour is as strong as it gets: odds of 55 to 1."""

_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 90)
_WIDE_PX = 320
_WIDE = 2.6
_SHOWN_PX = 352
_STRONGEST = 0.7

# Okabe and Ito's vermilion and blue, RGB: told apart by colour-blind people.
_SYNTHETIC = np.array([213, 94, 0], np.float32)
_AUTHENTIC = np.array([0, 114, 178], np.float32)


def model_crop(rgb: NDArray[np.uint8], box: Box, *, size: int, margin: float) -> bytes:
    """Return as JPEG what the model saw of a face.

    Args:
        rgb: the frame, uint8, shape (height, width, 3).
        box: the face in pixels.
        size: side of the model's input in pixels.
        margin: the model's crop margin.
    """
    return _jpeg(cut(rgb, crop_matrix(box, size=size, margin=margin), size=size))


def wide_crop(rgb: NDArray[np.uint8], box: Box) -> bytes:
    """Return a face with head and shoulders as JPEG, at most 320 px wide and high; empty where it is off the frame.

    Args:
        rgb: the frame, uint8, shape (height, width, 3).
        box: the face in pixels.
    """
    return _resized(rgb, box.grown(_WIDE), _WIDE_PX)


def face_crop(rgb: NDArray[np.uint8], box: Box) -> bytes:
    """Return a face with some surroundings as JPEG, 224 px on its longer side; empty where it is off the frame.

    Args:
        rgb: the frame, uint8, shape (height, width, 3).
        box: the face as fractions of the frame.
    """
    height, width = rgb.shape[:2]
    pixels = Box(box.x * width, box.y * height, box.width * width, box.height * height)
    return _resized(rgb, pixels.grown(1.5), 224, enlarge=True)


def patch_overlay(crop: bytes, patches: NDArray[np.float32], *, lossless: bool = True) -> bytes:
    """Return the patch map laid over the crop, as PNG of 352x352 pixels, or as JPEG.

    Regions that lean to synthetic are orange, those that lean to authentic blue; the stronger, the less of the
    picture shows through. Between regions it is interpolated.

    Args:
        crop: JPEG, as the model saw it.
        patches: float32, shape (rows, columns): log-likelihood ratios, positive leans to synthetic.
        lossless: PNG; else JPEG, a sixth as large.
    """
    picture = cv2.imdecode(np.frombuffer(crop, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    side = (_SHOWN_PX, _SHOWN_PX)
    ground = cv2.cvtColor(cv2.resize(picture, side, interpolation=cv2.INTER_LINEAR), cv2.COLOR_BGR2RGB)
    known = np.nan_to_num(np.clip(patches, -PATCH_LIMIT, PATCH_LIMIT)) / PATCH_LIMIT
    lean = cv2.resize(known.astype(np.float32), side, interpolation=cv2.INTER_LINEAR)[..., None]
    colour = np.where(lean > 0, _SYNTHETIC, _AUTHENTIC)
    strength = np.abs(lean) * _STRONGEST
    mixed = ground * (1 - strength) + colour * strength
    laid = mixed.astype(np.uint8)
    return cv2.imencode(".png", cv2.cvtColor(laid, cv2.COLOR_RGB2BGR))[1].tobytes() if lossless else _jpeg(laid)


def _resized(rgb: NDArray[np.uint8], around: Box, longest: int, *, enlarge: bool = False) -> bytes:
    left, top = max(0, round(around.x)), max(0, round(around.y))
    right, bottom = max(0, round(around.x + around.width)), max(0, round(around.y + around.height))
    piece = rgb[top:bottom, left:right]
    if not piece.size:
        return b""
    scale = longest / max(piece.shape[:2])
    if scale >= 1 and not enlarge:
        return _jpeg(piece)
    size = max(1, round(piece.shape[1] * scale)), max(1, round(piece.shape[0] * scale))
    return _jpeg(cv2.resize(piece, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))


def _jpeg(rgb: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), _JPEG)[1].tobytes()
