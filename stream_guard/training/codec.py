"""What a call's video codec leaves of a picture: a short sequence through VP8 or H.264 with PyAV, and losses."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import av
import numpy as np
from av.stream import Stream
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from stream_guard.training.packet_loss import Loss, arriving

__all__ = ["CodecSetting", "compress", "last_received", "random_setting"]

_FRAME_RATE = 30


@dataclass(frozen=True, slots=True)
class CodecSetting:
    """One way to compress: with a fixed quantiser or, without one, at a rate.

    Attributes:
        name: the encoder.
        quantiser: 4 to 63 for VP8, 0 to 51 for H.264; higher is worse.
        bits_per_pixel: bits for each pixel of each frame, where there is no quantiser: 600 kb/s at 640 x 480
            and 30 frames a second are 0.065.
        denoise: strength of libvpx's temporal denoiser, 0 (off) to 6; H.264 has none.
        slices: independent bands of an H.264 frame, or token partitions of a VP8 frame (1, 2, 4 or 8).
        effort: the encoder's speed: VP8's cpu-used, negated, 1 to 16 (Chromium: 6 and over; aiortc: 6), and
            the preset of H.264 (superfast to 8, then ultrafast).
    """

    name: Literal["libvpx", "libx264"]
    quantiser: int | None = None
    bits_per_pixel: float = 0.1
    denoise: int = 0
    slices: int = 1
    effort: int = 8


def random_setting(rng: np.random.Generator) -> CodecSetting:
    """Return a setting from clean to what a call looks like on a bad link.

    Half of them have a fixed quantiser, because a rate control hardly settles within a few frames; the others
    a rate of 100 to 2,500 kb/s for a frame of 640 x 480 to 1280 x 720 pixels. Programs send smaller pictures
    where the rate is low, and a still background costs next to nothing: the face gets its share of the bits.
    """
    vp8 = bool(rng.random() < 0.6)  # what Chromium and aiortc agree on first
    denoise = int(rng.choice([0, 1, 2, 4])) if vp8 else 0
    effort = int(rng.integers(5, 13))
    slices = int(rng.choice([1, 2, 4])) if vp8 else int(rng.choice([1, 4, 8, 12]))
    quantiser, bits_per_pixel = None, 0.1
    if rng.random() < 0.5:
        quantiser = int(rng.integers(6, 44) if vp8 else rng.integers(16, 33))
    else:
        kilobits = float(np.exp(rng.uniform(np.log(100), np.log(2500))))
        pixels = np.exp(rng.uniform(np.log(640 * 480), np.log(1280 * 720))) * min(1.0, (kilobits / 600) ** 0.5)
        moving = rng.uniform(0.3, 0.7)
        bits_per_pixel = kilobits * 1000 / (_FRAME_RATE * pixels * moving)
    return CodecSetting("libvpx" if vp8 else "libx264", quantiser, bits_per_pixel, denoise, slices, effort)


def compress(
    frames: list[NDArray[np.uint8]], setting: CodecSetting, loss: Loss | None = None
) -> list[NDArray[np.uint8]]:
    """Encode a sequence, lose some of it, and decode the rest.

    Args:
        frames: uint8, shape (height, width, 3), RGB, all alike; height and width even.
        setting: encoder and quality.
        loss: what does not arrive.

    Returns:
        What a viewer sees, as many frames and of the same shape: where a frame did not arrive or could not be
        decoded, the last good one again.
    """
    return [_to_rgb(frame) for frame in _transmit(frames, setting, loss)]


def last_received(
    frames: list[NDArray[np.uint8]], setting: CodecSetting, loss: Loss | None = None
) -> NDArray[np.uint8]:
    """Return the last picture of `compress`, in less time."""
    return _to_rgb(_transmit(frames, setting, loss)[-1])


def _transmit(frames: list[NDArray[np.uint8]], setting: CodecSetting, loss: Loss | None) -> list[VideoFrame]:
    encoder, decoder = _encoder(setting, *frames[0].shape[:2]), _decoder(setting)
    packets = [packet for number, frame in enumerate(frames) for packet in encoder.encode(_to_frame(frame, number))]
    packets += encoder.encode(None)
    received: dict[int, VideoFrame] = {}
    for number, packet in enumerate(packets):
        data = arriving(bytes(packet), number, loss)
        if data:
            arrived = av.Packet(data)
            arrived.pts = packet.pts
            _decode(decoder, arrived, received)
    _decode(decoder, None, received)
    shown = [received[0]]  # a key frame that arrived whole
    for number in range(1, len(frames)):
        shown.append(received.get(number, shown[-1]))
    return shown


def _encoder(setting: CodecSetting, height: int, width: int) -> av.VideoCodecContext:
    encoder = av.CodecContext.create(setting.name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, _FRAME_RATE)
    encoder.framerate = Fraction(_FRAME_RATE)
    encoder.gop_size = 3000  # as in a call: a key frame only where somebody asks for one
    encoder.thread_count = 1
    if setting.name == "libvpx":
        # A negative speed is a fixed one; a positive one follows the load, and no two runs would be alike.
        options = {"deadline": "realtime", "cpu-used": str(-setting.effort), "lag-in-frames": "0"}
        options |= {"noise-sensitivity": str(setting.denoise), "static-thresh": "1", "error-resilient": "default"}
    else:
        options = {"preset": "superfast" if setting.effort <= 8 else "ultrafast", "tune": "zerolatency"}
        options["profile"] = "baseline"  # the one that WebRTC asks for
    options["slices"] = str(setting.slices)
    if setting.quantiser is None:
        rate = max(10_000, round(setting.bits_per_pixel * _FRAME_RATE * width * height))
        encoder.bit_rate = rate
        # A buffer of a second, half full, and key frames of a few frames' size: Chromium's figures.
        options |= {"maxrate": str(rate), "bufsize": str(rate), "rc_init_occupancy": str(rate // 2)}
        options |= (
            {"minrate": str(rate), "max-intra-rate": "450", "qmin": "2", "qmax": "56"}
            if (setting.name == "libvpx")
            else {}
        )
    elif setting.name == "libvpx":
        encoder.bit_rate = 50_000_000  # out of the way: the quantiser decides
        encoder.qmin = encoder.qmax = setting.quantiser
    else:
        options["qp"] = str(setting.quantiser)
    encoder.options = options
    return encoder


def _decoder(setting: CodecSetting) -> av.VideoCodecContext:
    decoder = av.CodecContext.create("vp8" if setting.name == "libvpx" else "h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    return decoder


def _decode(
    decoder: av.VideoCodecContext, packet: av.Packet[Stream] | None, received: dict[int, VideoFrame]
) -> None:
    try:
        decoded = decoder.decode(packet)
    except av.error.FFmpegError:  # nothing to be made of it: the last good frame stays
        return
    received.update({frame.pts: frame for frame in decoded if frame.pts is not None})


def _to_frame(rgb: NDArray[np.uint8], number: int) -> VideoFrame:
    frame = VideoFrame.from_ndarray(rgb, format="rgb24")
    frame.pts = number
    return frame


def _to_rgb(frame: VideoFrame) -> NDArray[np.uint8]:
    return frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
