"""What makes a face hard to judge, in measured doses: small, soft, dark, glaring, covered, starved of bits.

Each dose is applied to a real and a forged face alike, so that whatever it changes in the scores, it changes for
want of a good picture. One thing differs from life: a live swap is drawn after the camera has seen little light or
a moving head, while here the finished forgery is spoilt as well. So what light, focus and movement do to real faces
is as in a call, and to forged ones the worst that can be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from stream_guard.face import Box

__all__ = ["DEGRADATIONS", "Degradation", "Picture", "receive", "surroundings"]

Picture = NDArray[np.uint8]
Apply = Callable[[Picture, Box, float, np.random.Generator], tuple[Picture, Box] | None]

_FULL_WELL, _READ_NOISE = 3000.0, 8.0
"""Electrons: what a white pixel of a small webcam's sensor gathers in good light, and what reading it adds."""

_GAMMA = 2.2


@dataclass(frozen=True, slots=True)
class Degradation:
    """One way to spoil a picture.

    Attributes:
        name: in one word.
        axis: what the levels count, for a reader.
        levels: from the mildest on.
        apply: spoils a picture with a face in this box to a level: returns the picture and where the face then
            is, or None where this picture cannot be brought to that level.
    """

    name: str
    axis: str
    levels: tuple[float, ...]
    apply: Apply


def surroundings(rgb: Picture, box: Box, *, times: float = 2.4, largest: float = 200.0) -> tuple[Picture, Box]:
    """Cut the part of a frame that landmarks and crop are taken from, and return it with the face's place in it.

    Args:
        rgb: uint8, shape (height, width, 3).
        box: the face, in pixels.
        times: side of what is kept over the face's longer side.
        largest: face in pixels, its shorter side; a larger one is shrunk to it, as calls seldom show any larger.
    """
    x, y = box.centre
    half = times * max(box.width, box.height) / 2
    left, top = max(0, round(x - half)), max(0, round(y - half))
    kept = np.ascontiguousarray(rgb[top : max(top + 1, round(y + half)), left : max(left + 1, round(x + half))])
    placed = Box(box.x - left, box.y - top, box.width, box.height)
    return (kept, placed) if box.side <= largest else _scaled(kept, placed, largest / box.side)


def _shrunk(rgb: Picture, box: Box, px: float, rng: np.random.Generator) -> tuple[Picture, Box] | None:
    """Show the face at this size, as from further away."""
    scale = px / box.side
    if scale > 1:
        return None
    return _scaled(rgb, box, scale)


def _scaled(rgb: Picture, box: Box, scale: float) -> tuple[Picture, Box]:
    size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return small, Box(box.x * scale, box.y * scale, box.width * scale, box.height * scale)


def _enlarged(rgb: Picture, box: Box, px: float, rng: np.random.Generator) -> tuple[Picture, Box] | None:
    """Send the face at this size and show it at its old one, as a call does with a thin stream."""
    shrunk = _shrunk(rgb, box, px, rng)
    if shrunk is None:
        return None
    back = cv2.resize(shrunk[0], (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_LINEAR)
    return back.astype(np.uint8, copy=False), box


def _defocused(rgb: Picture, box: Box, share: float, rng: np.random.Generator) -> tuple[Picture, Box]:
    blurred = cv2.GaussianBlur(rgb, (0, 0), max(0.1, share * box.width))
    return blurred.astype(np.uint8, copy=False), box


def _moved(rgb: Picture, box: Box, share: float, rng: np.random.Generator) -> tuple[Picture, Box]:
    """Smear the picture sideways over this share of the face's width, as a head that moves while it is exposed."""
    length = max(1, round(share * box.width))
    return cv2.blur(rgb, (length, 1)).astype(np.uint8, copy=False), box


def _exposed(rgb: Picture, box: Box, times: float, rng: np.random.Generator) -> tuple[Picture, Box]:
    """Give the sensor so many times the light: too little leaves noise, too much leaves white."""
    electrons = (rgb.astype(np.float32) / 255) ** _GAMMA * np.float32(times * _FULL_WELL)
    if times < 1:
        noise = np.sqrt(electrons + np.float32(_READ_NOISE**2))
        electrons = electrons + noise * rng.standard_normal(rgb.shape, np.float32)
    seen = np.clip(electrons / np.float32(_FULL_WELL), 0, 1) ** np.float32(1 / _GAMMA)
    return (seen * 255).round().astype(np.uint8), box


def _dimmed(rgb: Picture, box: Box, times: float, rng: np.random.Generator) -> tuple[Picture, Box]:
    """Leave this share of the light and no noise: what darkness alone does."""
    seen: Picture = (rgb * times ** (1 / _GAMMA)).round().astype(np.uint8)
    return seen, box


def _from_below(rgb: Picture, box: Box, share: float, rng: np.random.Generator) -> tuple[Picture, Box]:
    """Hold something before the face, from the chin up to this share of its height."""
    return _covered(rgb, Box(box.x, box.y + box.height * (1 - share), box.width, box.height * share), rng), box


def _from_the_side(rgb: Picture, box: Box, share: float, rng: np.random.Generator) -> tuple[Picture, Box]:
    """Hold something before the face, from its left edge over this share of its width."""
    return _covered(rgb, Box(box.x, box.y, box.width * share, box.height), rng), box


def _covered(rgb: Picture, where: Box, rng: np.random.Generator) -> Picture:
    """Put a plain thing of a random colour, with a little grain and a soft edge, over a rectangle."""
    mask = np.zeros(rgb.shape[:2], np.float32)
    over = where.grown(1.06)
    top, left = max(0, round(over.y)), max(0, round(over.x))
    mask[top : max(0, round(over.y + over.height)), left : max(0, round(over.x + over.width))] = 1
    soft = cv2.GaussianBlur(mask, (0, 0), 1.0)[..., None]
    thing = rng.uniform(40, 200, 3).astype(np.float32) + rng.normal(0, 4, (*rgb.shape[:2], 1)).astype(np.float32)
    spoilt: Picture = np.clip(rgb * (1 - soft) + thing * soft, 0, 255).astype(np.uint8)
    return spoilt


DEGRADATIONS = (
    Degradation("size", "face, px", (160, 96, 72, 56, 48, 40, 32, 24), _shrunk),
    Degradation("detail", "face as sent, px", (96, 72, 56, 40, 32, 24), _enlarged),
    Degradation("defocus", "blur radius, % of the face", (0.005, 0.01, 0.02, 0.03, 0.05, 0.08), _defocused),
    Degradation("motion", "smear, % of the face", (0.02, 0.04, 0.07, 0.1, 0.15, 0.25), _moved),
    Degradation("dark", "light left, %", (0.5, 0.2, 0.1, 0.05, 0.03, 0.015), _exposed),
    Degradation("dim", "light left, no noise, %", (0.5, 0.2, 0.1, 0.05, 0.03, 0.015), _dimmed),
    Degradation("glare", "times the light", (1.5, 2, 3, 5, 10), _exposed),
    Degradation("covered", "hidden from the chin up, %", (0.15, 0.3, 0.45, 0.6, 0.8), _from_below),
    Degradation("half", "hidden from one side, %", (0.15, 0.3, 0.45, 0.6, 0.8), _from_the_side),
)
"""All but compression, which needs more than one frame: see `receive`."""


def receive(frames: list[Picture], *, kbps: float, fps: float) -> list[Picture]:
    """Send frames through a call's VP8 encoder at a bit rate, and return what arrives.

    The encoder is set as for a live call: one pass, constant rate, no frame held back. Its rate needs about a
    second to settle, so the first frames say little. Frames it drops are shown as the last one that arrived.

    Args:
        frames: uint8, shape (height, width, 3), RGB, all alike; height and width even.
        kbps: thousands of bits a second.
        fps: frames a second.

    Returns:
        As many pictures of the same shape.
    """
    height, width = frames[0].shape[:2]
    encoder = av.CodecContext.create("libvpx", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.framerate = Fraction(fps).limit_denominator(1001)
    encoder.time_base = 1 / encoder.framerate
    encoder.thread_count = 1
    encoder.bit_rate = round(kbps * 1000)
    rate = str(encoder.bit_rate)
    # A negative speed is a fixed one; a positive one follows the load, and no two runs would be alike.
    encoder.options = {"deadline": "realtime", "cpu-used": "-6", "lag-in-frames": "0"} | {
        "minrate": rate,
        "maxrate": rate,
        "bufsize": rate,
        "undershoot-pct": "100",
    }
    decoder = av.CodecContext.create("vp8", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    shown: dict[int, Picture] = {}
    for number, rgb in enumerate(frames):
        frame = VideoFrame.from_ndarray(rgb, format="rgb24")
        frame.pts = number
        for packet in encoder.encode(frame):
            for out in decoder.decode(packet):
                shown[number] = out.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    last = shown[min(shown)]
    received = []
    for number in range(len(frames)):
        last = shown.get(number, last)
        received.append(last)
    return received
