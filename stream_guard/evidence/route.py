"""Whether the picture still gets here in the same way: a comparison with the past ends where it does not."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stream_guard.clock import NS_PER_S
from stream_guard.errors import ConfigError

__all__ = ["Route", "RouteSettings"]


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """What counts as another way.

    Attributes:
        factor: of the two means; a rate that grows or shrinks to three times or a third of what it was is seen.
        short_s, long_s: of a mean over so many seconds against one over so many.
        broken_s: how long pictures count as broken after one that was.
    """

    factor: float = 2.0
    short_s: float = 2.0
    long_s: float = 15.0
    broken_s: float = 2.0

    def __post_init__(self) -> None:
        if not (self.factor > 1 and 0 < self.short_s < self.long_s and self.broken_s > 0):
            raise ConfigError("evidence: a route needs a factor above 1, 0 < short_s < long_s and broken_s > 0")


class Route:
    """Watches codec, picture size, bitrate and damage. Each shifts what a model says of one and the same face.

    A bitrate wanders with what is in the picture, so it is two means that are compared, in logarithms; the first
    seconds of a stream, while its rate climbs, count for neither. Pictures that were made of what is left after a
    loss are another way than whole ones: a past that was learnt from them is no measure.
    """

    __slots__ = ("_at_ns", "_broken_ns", "_damaged", "_kind", "_long", "_settings", "_short", "_since_ns")

    def __init__(self, settings: RouteSettings | None = None) -> None:
        self._settings = settings or RouteSettings()
        self._kind: tuple[str, int, int, bool] | None = None
        self._damaged = 0
        self._broken_ns: int | None = None
        self._since_ns = self._at_ns = 0
        self._short = self._long = math.nan

    def changed(
        self, at_ns: int, *, codec: str, width: int, height: int, kbps: float | None, damaged: int = 0
    ) -> bool:
        """Take what is known of the stream at a frame; return whether it is another way from here on.

        Args:
            at_ns: place on the session's time line; not before the last one's.
            codec: its name.
            width, height: of the frame in pixels.
            kbps: over the last moments, in kilobits a second; None where unknown, as for files.
            damaged: how many pictures so far were decoded only in part, or not at all.
        """
        if damaged > self._damaged:
            self._damaged, self._broken_ns = damaged, at_ns
        broken = self._broken_ns is not None and at_ns - self._broken_ns < self._settings.broken_s * NS_PER_S
        kind = (codec, width, height, broken)
        if self._kind is not None and kind != self._kind:
            self._begin(at_ns, kind)
            return True
        if self._kind is None:
            self._begin(at_ns, kind)
        gap_s = max(0, at_ns - self._at_ns) / NS_PER_S
        self._at_ns = max(at_ns, self._at_ns)
        if kbps is None or kbps <= 0 or at_ns - self._since_ns < 2 * self._settings.short_s * NS_PER_S:
            return False
        rate = math.log(kbps)
        if math.isnan(self._short):
            self._short = self._long = rate
        self._short += (1 - math.exp(-gap_s / self._settings.short_s)) * (rate - self._short)
        self._long += (1 - math.exp(-gap_s / self._settings.long_s)) * (rate - self._long)
        if abs(self._short - self._long) < math.log(self._settings.factor):
            return False
        self._begin(at_ns, kind)
        return True

    def _begin(self, at_ns: int, kind: tuple[str, int, int, bool]) -> None:
        self._kind, self._since_ns, self._at_ns = kind, at_ns, at_ns
        self._short = self._long = math.nan
