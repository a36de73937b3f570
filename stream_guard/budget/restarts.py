"""How often what broke may be begun anew: so many times in so many seconds, and no more."""

from __future__ import annotations

from collections import deque

from stream_guard.clock import NS_PER_S
from stream_guard.errors import ConfigError

__all__ = ["RestartLimit"]


class RestartLimit:
    """Counts restarts over a sliding window. What broke long ago no longer counts."""

    def __init__(self, most: int, *, within_s: float) -> None:
        """Begin with none.

        Args:
            most: restarts allowed in any ``within_s`` seconds.
            within_s: length of the window in seconds.

        Raises:
            ConfigError: ``most`` is below 0, or the window has no length.
        """
        if most < 0 or within_s <= 0:
            raise ConfigError(f"{most} restarts within {within_s:g} s is no limit that can be kept")
        self.most = most
        self.within_s = within_s
        self._within_ns = round(within_s * NS_PER_S)
        self._times: deque[int] = deque()

    def take(self, now_ns: int) -> int | None:
        """Ask for one more restart; where it is allowed, it counts.

        Args:
            now_ns: monotonic nanoseconds.

        Returns:
            How many there were in the window before this one, or None where there were too many.
        """
        while self._times and now_ns - self._times[0] >= self._within_ns:
            self._times.popleft()
        before = len(self._times)
        if before >= self.most:
            return None
        self._times.append(now_ns)
        return before

    def __str__(self) -> str:
        """Say the limit in words."""
        return f"{self.most} times in {self.within_s:g} s"
