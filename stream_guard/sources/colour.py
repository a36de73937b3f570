"""Decoded pictures to RGB, with the right matrix, range and rotation; or as they are, with what they mean."""

from __future__ import annotations

import threading

import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from stream_guard.errors import UnsupportedMedia
from stream_guard.frame import Planes, Primaries

__all__ = ["planes", "shown_size", "to_rgb"]

_UNSPECIFIED = 2
"""AVCOL_SPC_UNSPECIFIED: the stream does not say which matrix made its YUV (ITU-T H.273, table 4)."""

_MATRICES: dict[int, Primaries] = {1: "bt709", _UNSPECIFIED: "bt601", 5: "bt601", 6: "bt601"}
"""By AVColorSpace, which counts as H.273 does: BT.709; BT.470 BG and SMPTE 170M, one and the same to FFmpeg."""

_I420 = {"yuv420p", "yuvj420p"}
"""What the GPU's kernel turns into the very colours that `to_rgb` does. NV12 is not among them: there FFmpeg
interpolates chroma (docs/cuda.md)."""

_BT2020_CL = 10
"""BT.2020 with constant luminance, near enough to that without."""

_CONVERTED = {1, _UNSPECIFIED, 4, 5, 6, 7, 9}
"""Matrices that FFmpeg's converter knows; BT.2020's is 9. All others are an error to it."""

_REFUSED = {8: "YCgCo", 11: "Y'D'zD'x", 14: "ICtCp", 15: "IPT-C2", 16: "YCgCo-Re", 17: "YCgCo-Ro"}
"""Those whose colours another matrix would turn into others altogether."""

_per_thread = threading.local()
"""Each thread keeps one converter: making a new one for every frame costs half as much again as converting."""


def to_rgb(frame: VideoFrame, *, hd_is_bt709: bool) -> NDArray[np.uint8]:
    """Convert a decoded picture, upright, alpha dropped.

    Streams that say their matrix and range are believed. Where they do not, range is limited, and the matrix
    is BT.601 below 1280x720. From there on it depends on where the stream comes from: files and broadcasts
    mean BT.709, WebRTC senders BT.601 whatever the size (libyuv's I420). Reserved values say nothing. High dynamic
    range is not tone-mapped.

    Args:
        frame: any pixel format FFmpeg can convert, 8 bits or more.
        hd_is_bt709: what an unspecified matrix means from 1280x720 on.

    Returns:
        uint8, shape (height, width, 3).

    Raises:
        UnsupportedMedia: its colours are coded in a way that cannot be converted.
    """
    converter: VideoReformatter | None = getattr(_per_thread, "converter", None)
    if converter is None:
        converter = _per_thread.converter = VideoReformatter()
    guessed = Colorspace.ITU709 if _is_guessed_bt709(frame, hd_is_bt709=hd_is_bt709) else _in_place_of_odd(frame)
    # One thread: slicing a 720p picture saves 0.2 ms and takes a core from the model.
    rgb = converter.reformat(
        frame, format="rgb24", src_colorspace=guessed, dst_color_range=ColorRange.JPEG, threads=1
    )
    return np.ascontiguousarray(np.rot90(_pixels(rgb), _quarter_turns(frame)))


def planes(frame: VideoFrame, *, hd_is_bt709: bool) -> Planes | None:
    """Return a decoded picture's own memory and what its numbers mean; nothing is copied.

    Args:
        frame: as for `to_rgb`.
        hd_is_bt709: as for `to_rgb`.

    Returns:
        I420; None where only `to_rgb` makes the right colours of it: it is turned, in another pixel format or
        matrix, or of an odd height, for which FFmpeg interpolates chroma.
    """
    primaries = _MATRICES.get(int(frame.colorspace))
    if _is_guessed_bt709(frame, hd_is_bt709=hd_is_bt709):
        primaries = "bt709"
    if frame.format.name not in _I420 or primaries is None or frame.height % 2 or _quarter_turns(frame):
        return None
    if any(plane.line_size <= 0 for plane in frame.planes):  # stored from the bottom up
        return None
    rows = tuple(np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size) for plane in frame.planes)
    full = frame.format.name == "yuvj420p" or int(frame.color_range) == ColorRange.JPEG
    return Planes("yuv420p", rows, frame.width, frame.height, primaries=primaries, full_range=full)


def _is_guessed_bt709(frame: VideoFrame, *, hd_is_bt709: bool) -> bool:
    """Return whether the stream does not say which matrix made it, and it must have been BT.709."""
    hd = frame.width >= 1280 or frame.height > 576
    said = int(frame.colorspace)
    return hd and hd_is_bt709 and (said == _UNSPECIFIED or said not in _CONVERTED | _REFUSED.keys() | {_BT2020_CL})


def _in_place_of_odd(frame: VideoFrame) -> Colorspace | None:
    """Return the matrix to use for what the converter does not know; None where it does."""
    said = int(frame.colorspace)
    if said in _CONVERTED:
        return None
    if said in _REFUSED and not frame.format.is_rgb and len(frame.format.components) > 2:
        raise UnsupportedMedia(
            f"its colours are coded as {_REFUSED[said]}, which is not known here; convert it first"
        )
    return Colorspace.BT2020 if said == _BT2020_CL else Colorspace.ITU601


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
