"""A number drawn into a picture that a video codec cannot take out: which frame this is, read where it is scored.

A strip of black and white squares in the lower left corner, each exactly one macroblock of the codecs (16x16
pixels, on their grid), so a square is one flat block and survives the coarsest quantiser. One white and one black
square are the scale; then come 16 bits of the number in Gray code (Gray, US patent 2,632,058: neighbours differ in
one bit) and 8 bits of its CRC (polynomial x^8+x^2+x+1). A strip that was torn between two frames, or is half gone,
is not read as another number but as none.
"""

from __future__ import annotations

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

from stream_guard.errors import ConfigError

__all__ = ["MODULUS", "check_size", "draw", "luma", "read"]

MODULUS = 1 << 16
"""Numbers are counted modulo this: 36 minutes at 30 frames a second."""

_SQUARE = 16
_SQUARES = 2 + 16 + 8
_EDGE = 4
"""Pixels at a square's edge that are not read: deblocking filters reach that far."""

_BLACK, _WHITE = 16, 235
_LEAST_CONTRAST = 60.0
_UNSURE = 0.2
"""A square within this share of the scale from the middle is neither black nor white."""


def check_size(width: int, height: int) -> None:
    """Refuse a frame size the strip does not fit into.

    Raises:
        ConfigError: the strip would cover more than a sixth of the frame's height, or there is no room.
    """
    if width < _SQUARE or height < _SQUARE or _grid(height, width)[0] * _SQUARE * 6 > height:
        raise ConfigError(f"{width}x{height} is too small for the benchmark's mark: 208x192 is the least")


def draw(luma: NDArray[np.uint8], number: int) -> None:
    """Draw a number into a picture's luma, in place.

    Args:
        luma: uint8, shape (height, width), limited range (16 is black, 235 white).
        number: taken modulo `MODULUS`.
    """
    for (top, left), white in zip(_squares(*luma.shape), [True, False, *_bits(number % MODULUS)], strict=True):
        luma[top : top + _SQUARE, left : left + _SQUARE] = _WHITE if white else _BLACK


def read(grey: NDArray[np.uint8]) -> int | None:
    """Read the number back.

    Args:
        grey: uint8, shape (height, width): luma, or any one channel of an RGB picture.

    Returns:
        The number, or None where there is none to be read beyond doubt.
    """
    rows, columns, first = _grid(*grey.shape)
    strip = grey[first * _SQUARE : (first + rows) * _SQUARE, : columns * _SQUARE]
    squares = strip.reshape(rows, _SQUARE, columns, _SQUARE)[:, _EDGE:-_EDGE, :, _EDGE:-_EDGE]
    levels = squares.mean(axis=(1, 3)).ravel()[:_SQUARES]
    white, black = levels[:2]
    if white - black < _LEAST_CONTRAST:
        return None
    shares = (levels[2:] - black) / (white - black)
    if (np.abs(shares - 0.5) < _UNSURE).any():
        return None
    bits = [bool(share > 0.5) for share in shares]
    number = _ungray(sum(bit << place for place, bit in enumerate(bits[:16])))
    return number if _bits(number) == bits else None


def luma(frame: VideoFrame) -> NDArray[np.uint8]:
    """Return a view of a planar YUV frame's luma: uint8, shape (height, width)."""
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return np.asarray(rows[: frame.height, : frame.width])


def _grid(height: int, width: int) -> tuple[int, int, int]:
    """Return how many rows and columns of squares there are, and which row of macroblocks is the first."""
    columns = min(_SQUARES, width // _SQUARE)
    rows = -(-_SQUARES // columns)
    return rows, columns, height // _SQUARE - rows


def _squares(height: int, width: int) -> list[tuple[int, int]]:
    """Return (top, left) of each square: rows at the bottom of the macroblock grid, from the left."""
    _, columns, first = _grid(height, width)
    return [((first + square // columns) * _SQUARE, square % columns * _SQUARE) for square in range(_SQUARES)]


def _bits(number: int) -> list[bool]:
    """Return the number's squares: Gray code and checksum, least significant bit first."""
    word = (number ^ number >> 1) | _crc8(number) << 16
    return [bool(word >> place & 1) for place in range(24)]


def _ungray(code: int) -> int:
    number = code
    for shift in (8, 4, 2, 1):
        number ^= number >> shift
    return number


def _crc8(number: int) -> int:
    """Return the CRC-8 (polynomial 0x07) of the number's two bytes."""
    crc = 0
    for byte in number.to_bytes(2, "big"):
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x07 if crc & 0x80 else 0)) & 0xFF
    return crc
