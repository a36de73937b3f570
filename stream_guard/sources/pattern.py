"""A drawn test picture with the time in it: a live source that needs no camera."""

from __future__ import annotations

import asyncio
import math
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from stream_guard.clock import NS_PER_S, Clock, MonotonicClock, seconds
from stream_guard.errors import ConfigError, SourceEnded
from stream_guard.frame import Frame
from stream_guard.sources.base import Source, Transport

__all__ = ["PatternSource", "draw_pattern"]

_BARS = (
    (235, 235, 235),
    (235, 235, 16),
    (16, 235, 235),
    (16, 235, 16),
    (235, 16, 235),
    (235, 16, 16),
    (16, 16, 235),
)

# Seven segments, and which of them each digit lights:  _ 0 |5 |1 _ 6 |4 |2 _ 3
_SEGMENTS = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")
_PLACES = {
    "a": (slice(0, 1), slice(0, 4)),
    "b": (slice(0, 4), slice(3, 4)),
    "c": (slice(3, 7), slice(3, 4)),
    "d": (slice(6, 7), slice(0, 4)),
    "e": (slice(3, 7), slice(0, 1)),
    "f": (slice(0, 4), slice(0, 1)),
    "g": (slice(3, 4), slice(0, 4)),
}


class PatternSource(Source):
    """Colour bars, a line that crosses once a second, and the stream's time in seconds.

    Live: where the reader is slow, pictures are passed over and counted; they are drawn only when looked at.
    """

    live = True
    kind = "pattern"

    def __init__(
        self,
        *,
        width: int = 1280,
        height: int = 720,
        fps: float = 30.0,
        duration_s: float | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Prepare.

        Args:
            width, height: in pixels, 64 or more.
            fps: pictures a second.
            duration_s: when to end; None is never.
            clock: for arrivals and the pace.

        Raises:
            ConfigError: a size, rate or duration that cannot be.
        """
        if min(width, height) < 64 or not 0 < fps <= 240 or (duration_s is not None and duration_s <= 0):
            raise ConfigError("pattern: needs a size of at least 64x64, fps from 0 to 240 and seconds above 0")
        self.name = f"pattern {width}x{height}"
        self._size = (width, height)
        self._fps = fps
        self._duration_s = duration_s
        self._clock = clock or MonotonicClock()
        self._began_ns: int | None = None
        self._number = -1
        self._closed = asyncio.Event()

    @classmethod
    def from_url(cls, url: str, *, clock: Clock | None = None) -> PatternSource:
        """Read ``pattern:?size=640x360&fps=25&seconds=5``.

        Raises:
            ConfigError: something else.
        """
        options = dict(parse_qsl(url.partition("?")[2]))
        size, fps, duration = (options.pop(name, None) for name in ("size", "fps", "seconds"))
        try:
            width, height = map(int, (size or "1280x720").split("x"))
            rate, duration_s = float(fps or 30), None if duration is None else float(duration)
        except ValueError:
            raise ConfigError("pattern: is written pattern:?size=1280x720&fps=30&seconds=5") from None
        if options:
            raise ConfigError(f"pattern: does not know {min(options)!r}; it knows size, fps, seconds")
        return cls(width=width, height=height, fps=rate, duration_s=duration_s, clock=clock)

    async def open(self) -> None:
        """Start the time."""
        if self._began_ns is None:
            self._began_ns = self._clock.now_ns()

    async def recv(self) -> Frame:
        """Wait until the next picture is due. See `Source.recv`."""
        if self._began_ns is None:
            raise RuntimeError("open the source first")
        elapsed_s = seconds(self._clock.now_ns() - self._began_ns)
        due = max(self._number + 1, math.floor(elapsed_s * self._fps))
        if self._duration_s is not None and due / self._fps >= self._duration_s:
            self._closed.set()
        else:
            await self._sleep(due / self._fps - elapsed_s)
        if self._closed.is_set():
            raise SourceEnded("the pattern is over")
        self.overwritten += due - self._number - 1
        self._number = due
        media_s = due / self._fps
        return Frame(
            lambda: draw_pattern(media_s, *self._size),
            sequence=due,
            media_s=media_s,
            arrived_ns=self._began_ns + round(media_s * NS_PER_S),
            width=self._size[0],
            height=self._size[1],
        )

    async def close(self) -> None:
        """End it. See `Source.close`."""
        self._closed.set()

    def transport(self) -> Transport:
        """Return the size and rate. See `Source.transport`."""
        return Transport(codec="RAW", width=self._size[0], height=self._size[1], fps=self._fps)

    async def _sleep(self, duration_s: float) -> None:
        """Sleep, or until closed."""
        try:
            await asyncio.wait_for(self._closed.wait(), max(0.0, duration_s))
        except TimeoutError:
            return


def draw_pattern(at_s: float, width: int, height: int) -> NDArray[np.uint8]:
    """Draw the picture of one moment.

    Args:
        at_s: seconds, shown with two decimals.
        width, height: in pixels.

    Returns:
        uint8, shape (height, width, 3), RGB.
    """
    bars = np.array(_BARS, np.uint8)[np.arange(width) * len(_BARS) // width]
    picture = np.repeat(bars[np.newaxis], height, axis=0)
    column = int(at_s % 1.0 * width)
    picture[:, column : column + max(2, width // 160)] = 0
    cell = max(1, height // 60)
    text = f"{at_s:07.2f}"
    top, left = height // 2 - 4 * cell, width // 2 - len(text) * 3 * cell
    picture[top - cell : top + 8 * cell, max(0, left - cell) : left + len(text) * 6 * cell] = 16
    for place, sign in enumerate(text):
        mask = _digit(sign).repeat(cell, 0).repeat(cell, 1)
        x = left + place * 6 * cell
        area = picture[top : top + mask.shape[0], x : x + mask.shape[1]]
        area[mask[:, : area.shape[1]]] = 235
    return picture


def _digit(sign: str) -> NDArray[np.bool_]:
    """Return a sign of the time as 7 x 4 cells."""
    cells = np.zeros((7, 4), bool)
    if sign == ".":
        cells[6, 1] = True
        return cells
    for segment in _SEGMENTS[int(sign)]:
        cells[_PLACES[segment]] = True
    return cells
