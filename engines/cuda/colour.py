"""The numbers that turn YUV into RGB, as FFmpeg's libswscale has them."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from stream_guard.frame import Primaries

__all__ = ["Coefficients", "coefficients"]

_FROM_CHROMA: dict[Primaries, tuple[int, int, int, int]] = {
    "bt601": (104597, 132201, -25675, -53279),
    "bt709": (117489, 138438, -13975, -34925),
}
"""V to R, U to B, U to G, V to G for limited range, times 65536: ``ff_yuv2rgb_coeffs`` in libswscale/yuv2rgb.c."""

_ONE = 1 << 16


class Coefficients(NamedTuple):
    """Fixed-point numbers of `engines/cuda/crop.h`.

    Attributes:
        y_offset: 8 times the luma of black.
        y_gain: 8192 times what luma is multiplied by.
        v_to_r, u_to_g, v_to_g, u_to_b: 8192 times what chroma, less 128, adds to each colour.
    """

    y_offset: int
    y_gain: int
    v_to_r: int
    u_to_g: int
    v_to_g: int
    u_to_b: int


@cache
def coefficients(primaries: Primaries, *, full_range: bool) -> Coefficients:
    """Return what libswscale's x86 code multiplies by, rounded as it rounds (``ff_yuv2rgb_c_init_tables``).

    Args:
        primaries: which matrix made the YUV.
        full_range: luma from 0 to 255, not 16 to 235.
    """
    if full_range:
        gain, black = _ONE, 0
        v_to_r, u_to_b, u_to_g, v_to_g = (int(value * 224 / 255) for value in _FROM_CHROMA[primaries])
    else:
        gain, black = _ONE * 255 // 219, 16
        v_to_r, u_to_b, u_to_g, v_to_g = _FROM_CHROMA[primaries]
    gain, v_to_r, u_to_g, v_to_g, u_to_b = (_narrowed(value) for value in (gain, v_to_r, u_to_g, v_to_g, u_to_b))
    return Coefficients(8 * black, gain, v_to_r, u_to_g, v_to_g, u_to_b)


def _narrowed(value: int) -> int:
    """From 65536 times to 8192 times, halves upwards."""
    return (value * 8192 + _ONE // 2) >> 16
