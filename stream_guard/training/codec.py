"""What a call's video codec leaves of a picture: a short moving sequence through VP8 or H.264, with PyAV."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

__all__ = ["CodecSetting", "compress", "random_setting"]


@dataclass(frozen=True, slots=True)
class CodecSetting:
    """One way to compress.

    Attributes:
        name: the encoder.
        quantiser: 4 to 63 for VP8, 0 to 51 for H.264; higher is worse. Set directly, because a rate control
            does not settle within the few frames of a sequence.
    """

    name: Literal["libvpx", "libx264"]
    quantiser: int


def random_setting(rng: np.random.Generator) -> CodecSetting:
    """Return a setting from clean to what a call looks like on a bad link."""
    if rng.random() < 0.5:
        return CodecSetting("libvpx", int(rng.integers(6, 44)))
    return CodecSetting("libx264", int(rng.integers(16, 33)))


def compress(frames: list[NDArray[np.uint8]], setting: CodecSetting) -> list[NDArray[np.uint8]]:
    """Encode and decode a sequence.

    Args:
        frames: uint8, shape (height, width, 3), RGB, all alike; height and width even.
        setting: encoder and quality.

    Returns:
        The decoded frames, as many and of the same shape.
    """
    height, width = frames[0].shape[:2]
    encoder = av.CodecContext.create(setting.name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, 30)
    encoder.thread_count = 1
    encoder.options = _options(setting)
    if setting.name == "libvpx":
        encoder.bit_rate = 50_000_000  # out of the way: the quantiser decides
        encoder.qmin = encoder.qmax = setting.quantiser
    decoder = av.CodecContext.create("vp8" if setting.name == "libvpx" else "h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    packets = [packet for frame in frames for packet in encoder.encode(_to_frame(frame))]
    decoded = [out for packet in [*packets, *encoder.encode(None)] for out in decoder.decode(packet)]
    return [
        frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False) for frame in [*decoded, *decoder.decode(None)]
    ]


def _to_frame(rgb: NDArray[np.uint8]) -> VideoFrame:
    return VideoFrame.from_ndarray(rgb, format="rgb24")


def _options(setting: CodecSetting) -> dict[str, str]:
    if setting.name == "libvpx":
        # A negative speed is a fixed one; a positive one follows the load, and no two runs would be alike.
        return {"deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0"}
    return {"preset": "superfast", "tune": "zerolatency", "qp": str(setting.quantiser)}
