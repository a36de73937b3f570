"""Sends pictures through a call's video codec and back, with as many bits as the call has, and without a network.

The encoders are told what a call's are told: real time, no look-ahead, one key frame at the start, a constant rate
with a buffer of a second. The figures of VP8 are WebRTC's (``modules/video_coding/codecs/vp8``): quantisers 2 to
56, key frames of 4.5 times a picture's share, pictures left out where the buffer runs low.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import UnsupportedMedia
from stream_guard.sources.base import Transport
from stream_guard.sources.colour import to_rgb

__all__ = ["Decoder", "Encoder", "VideoSetting"]

Codec = Literal["VP8", "H264"]

_CODECS: dict[str, Codec] = {"VP8": "VP8", "LIBVPX": "VP8", "H264": "H264"}
"""By the names that sources give them, in capitals."""

_ENCODERS = {"VP8": "libvpx", "H264": "libx264"}
_DECODERS = {"VP8": "vp8", "H264": "h264"}

_LEAST_KBPS = 10.0
"""Of a call, and of an encoder: what has fewer bits is no video, and the encoders refuse it."""


@dataclass(frozen=True, slots=True)
class VideoSetting:
    """How a call's video is encoded.

    Attributes:
        codec: ``VP8`` or ``H264``.
        width, height: in pixels.
        fps: pictures a second.
        kbps: kilobits a second, 1,000 bits each.
    """

    codec: Codec
    width: int
    height: int
    fps: float
    kbps: float

    @classmethod
    def of(cls, transport: Transport) -> VideoSetting:
        """Return how the picture of a session gets here.

        Raises:
            UnsupportedMedia: it is not known, or its codec cannot be imitated; the message says which.
        """
        codec = _CODECS.get(transport.codec.upper())
        if codec is None:
            named = transport.codec or "of which nothing is known"
            raise UnsupportedMedia(f"only VP8 and H264 can be imitated, and the call's codec is {named}")
        if transport.kbps is None or transport.kbps < _LEAST_KBPS:
            raise UnsupportedMedia("the call's bitrate is not known: it does not come by WebRTC, or has just begun")
        if not transport.width or not transport.height or transport.fps <= 0:
            raise UnsupportedMedia("the call's picture size or rate is not known yet")
        return cls(codec, transport.width, transport.height, transport.fps, transport.kbps)

    @property
    def bits_per_pixel(self) -> float:
        """How many bits a pixel of the picture has, on average."""
        return self.kbps * 1000 / (self.width * self.height * self.fps)

    def for_picture(self, width: int, height: int, *, fps: float) -> VideoSetting:
        """Return the same for another picture: as many pixels at the most, and as many bits for each.

        Args:
            width, height: of the picture in pixels. It keeps its shape, and is never enlarged.
            fps: how many there are a second.
        """
        scale = min(1.0, math.sqrt(self.width * self.height / (width * height)))
        # Chroma has half the sides; codecs have no smaller block than 16.
        width, height = (max(16, round(side * scale / 2) * 2) for side in (width, height))
        return VideoSetting(self.codec, width, height, fps, self.bits_per_pixel * width * height * fps / 1000)


class Encoder:
    """Encodes the pictures of one stretch, one at a time. For one thread."""

    def __init__(self, setting: VideoSetting) -> None:
        """Open the encoder.

        Args:
            setting: width and height even; below 10 kb/s it gets those.

        Raises:
            UnsupportedMedia: this build of FFmpeg has no such encoder.
        """
        self.setting = setting
        self._number = 0
        self._context = _opened(_ENCODERS[setting.codec], "w")
        context, rate = self._context, round(max(_LEAST_KBPS, setting.kbps) * 1000)
        context.width, context.height, context.pix_fmt = setting.width, setting.height, "yuv420p"
        fps = Fraction(setting.fps).limit_denominator(1000)
        context.framerate, context.time_base = fps, 1 / fps
        context.gop_size = 3000  # as in a call: a key frame only where somebody asks for one
        context.thread_count = 1
        context.bit_rate = rate
        context.options = _rate_control(rate) | (_VP8 | {"minrate": str(rate)} if setting.codec == "VP8" else _H264)

    def encode(self, rgb: NDArray[np.uint8]) -> bytes:
        """Encode the next picture.

        Args:
            rgb: uint8, shape (any height, any width, 3); brought to the setting's size.

        Returns:
            The coded picture; empty where the encoder left it out, as it does in a call that lacks the bits.
        """
        size = self.setting.width, self.setting.height
        if rgb.shape[1::-1] != size:
            rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        picture.pts = self._number
        self._number += 1
        return b"".join(bytes(packet) for packet in self._context.encode(picture))


class Decoder:
    """Decodes what an `Encoder` made, one picture at a time. For one thread."""

    def __init__(self, codec: Codec) -> None:
        """Open the decoder."""
        self._context = _opened(_DECODERS[codec], "r")
        self._context.thread_count = 1  # several keep pictures back

    def decode(self, coded: bytes) -> NDArray[np.uint8] | None:
        """Return the picture: uint8, shape (height, width, 3), RGB; None where there is none.

        Args:
            coded: as `Encoder.encode` returned it, every one in turn.
        """
        if not coded:
            return None
        pictures = self._context.decode(av.Packet(coded))
        return to_rgb(pictures[-1], hd_is_bt709=False) if pictures else None


_VP8 = {
    "deadline": "realtime",
    "cpu-used": "-6",  # negative: a fixed speed, whatever else the machine does
    "lag-in-frames": "0",
    "error-resilient": "default",
    "static-thresh": "1",
    "max-intra-rate": "450",
    "drop-threshold": "30",
    "qmin": "2",
    "qmax": "56",
}

_H264 = {"preset": "superfast", "tune": "zerolatency", "profile": "baseline"}


def _rate_control(rate: int) -> dict[str, str]:
    return {"maxrate": str(rate), "bufsize": str(rate), "rc_init_occupancy": str(rate // 2)}


def _opened(name: str, mode: Literal["r", "w"]) -> av.VideoCodecContext:
    try:
        context = av.CodecContext.create(name, mode)
    except (av.FFmpegError, ValueError) as error:
        raise UnsupportedMedia(f"this build of FFmpeg has no {name}") from error
    assert isinstance(context, av.VideoCodecContext)
    return context
