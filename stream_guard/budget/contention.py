"""Which streams have a frame in work: whether the machine has room for one more than is owed."""

from __future__ import annotations

from stream_guard.clock import NS_PER_S

__all__ = ["Contention"]


class Contention:
    """Shared by the admissions of all streams. Use from one thread.

    A frame in work keeps about one core busy. While fewer streams than cores work, one more disturbs nobody; beyond
    that every frame waits for the others, all get later, and nobody gets more. So a stream whose faces have had
    their rate leaves such a frame to the streams whose faces have not (`stream_guard.budget.admission`).

    Memory: one number for each stream with a frame in work.
    """

    def __init__(self, *, places: int, forget_ns: int = NS_PER_S) -> None:
        """Start with nobody at work.

        Args:
            places: how many frames can be in work at a time without waiting for each other: cores.
            forget_ns: a stream that has not said for so long that its frame is done has ended or broken.

        Raises:
            ValueError: a limit is not above 0.
        """
        if places < 1 or forget_ns < 1:
            raise ValueError("places and forget_ns must be at least 1")
        self._places = places
        self._forget_ns = forget_ns
        self._began_ns: dict[object, int] = {}

    def begin(self, stream: object, now_ns: int) -> None:
        """Take note that a stream's frame is in work from now on."""
        self._began_ns[stream] = now_ns

    def end(self, stream: object) -> None:
        """Take note that it is done; one of which nothing is known is no error."""
        self._began_ns.pop(stream, None)

    def crowded(self, stream: object, now_ns: int) -> bool:
        """Return whether other streams fill all places."""
        for other, began_ns in [*self._began_ns.items()]:
            if now_ns - began_ns >= self._forget_ns:
                del self._began_ns[other]
        return len(self._began_ns.keys() - {stream}) >= self._places
