"""Decoded pictures to RGB, with the right matrix, range and rotation."""

from __future__ import annotations

import threading

import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

__all__ = ["shown_size", "to_rgb"]

_UNSPECIFIED = 2
"""AVCOL_SPC_UNSPECIFIED: the stream does not say which matrix made its YUV (ITU-T H.273, table 4)."""

_per_thread = threading.local()
"""Each thread keeps one converter: making a new one for every frame costs half as much again as converting."""


def to_rgb(frame: VideoFrame, *, hd_is_bt709: bool) -> NDArray[np.uint8]:
    """Convert a decoded picture, upright, alpha dropped.

    Streams that say their matrix and range are believed. Where they do not, range is limited, and the matrix
    is BT.601 below 1280x720. From there on it depends on where the stream comes from: files and broadcasts
    mean BT.709, WebRTC senders BT.601 whatever the size (libyuv's I420). High dynamic range is not tone-mapped.

    Args:
        frame: any pixel format FFmpeg can convert, 8 bits or more.
        hd_is_bt709: what an unspecified matrix means from 1280x720 on.

    Returns:
        uint8, shape (height, width, 3).
    """
    converter: VideoReformatter | None = getattr(_per_thread, "converter", None)
    if converter is None:
        converter = _per_thread.converter = VideoReformatter()
    hd = frame.width >= 1280 or frame.height > 576
    guessed = Colorspace.ITU709 if hd and hd_is_bt709 and frame.colorspace == _UNSPECIFIED else None
    # One thread: slicing a 720p picture saves 0.2 ms and takes a core from the model.
    rgb = converter.reformat(
        frame, format="rgb24", src_colorspace=guessed, dst_color_range=ColorRange.JPEG, threads=1
    )
    return np.ascontiguousarray(np.rot90(_pixels(rgb), _quarter_turns(frame)))


def _pixels(rgb: VideoFrame) -> NDArray[np.uint8]:
    """Return a view of an RGB picture's own memory, which lives as long as the view: copying it would cost 2.8 MB.

    Where FFmpeg has padded the rows, it is not contiguous.
    """
    plane = rgb.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return np.asarray(rows[: rgb.height, : rgb.width * 3]).reshape(rgb.height, rgb.width, 3)


def shown_size(frame: VideoFrame) -> tuple[int, int]:
    """Return (width, height) in pixels after rotation, as `to_rgb` will give it."""
    return (frame.height, frame.width) if _quarter_turns(frame) % 2 else (frame.width, frame.height)


def _quarter_turns(frame: VideoFrame) -> int:
    """Return how often to turn the picture by 90 degrees, counterclockwise: phones store it lying down."""
    return round(frame.rotation / 90) % 4
