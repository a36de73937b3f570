"""What is owed to the faces of a stream: a rate of measurements, as it was promised."""

from __future__ import annotations

from stream_guard.clock import NS_PER_S

__all__ = ["Debt"]


class Debt:
    """Grows with time and faces, shrinks with what is measured: so a rate holds at any frame rate."""

    def __init__(self, rate: float, *, rounds: float = 1.0) -> None:
        """Owe nothing yet.

        Args:
            rate: measurements a second that are owed to each face.
            rounds: how many rounds of all faces can be owed; the rest is written off.

        Raises:
            ValueError: a limit is not above 0.
        """
        if min(rate, rounds) <= 0:
            raise ValueError("every limit must be above 0")
        self._rate = rate
        self._rounds = rounds
        self.owed = 0.0
        """Measurements, of all faces together."""

    def grow(self, elapsed_ns: int, faces: int) -> None:
        """Add what a time has added."""
        self.owed = min(faces * self._rounds, self.owed + faces * self._rate * elapsed_ns / NS_PER_S)

    def pay(self, measured: int) -> None:
        """Take off what is measured; nobody saves up."""
        self.owed = max(0.0, self.owed - measured)
