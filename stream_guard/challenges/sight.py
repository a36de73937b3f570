"""How well an action was seen, and what an action's watch offers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from stream_guard.challenges.glimpse import Glimpse

__all__ = ["Finding", "Sight", "Watch"]


class Sight(StrEnum):
    """Whether what was asked for was seen. The value is what goes over the wire. None of them means "real"."""

    SEEN = "seen"
    PARTLY = "partly"
    NOT_SEEN = "not_seen"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a watch has to say.

    Attributes:
        sight: whether it was seen.
        amount: how far it went: degrees of a turn, face heights risen, times the size, share of the face hidden.
        words: the same as a sentence.
    """

    sight: Sight
    amount: float | None
    words: str


class Watch(Protocol):
    """Follows one action, frame by frame."""

    @property
    def busy(self) -> bool:
        """Whether it is being done at this very moment: such frames are scored apart."""
        ...

    @property
    def done(self) -> bool:
        """Whether it has been seen and is over."""
        ...

    @property
    def amount(self) -> float:
        """How far it goes on this frame, in the units of `Finding.amount`."""
        ...

    @property
    def progress(self) -> float:
        """How much of it has been seen, 0 to 1."""
        ...

    def add(self, glimpse: Glimpse) -> None:
        """Take a frame; times never go back."""
        ...

    def finding(self) -> Finding:
        """Return what was seen so far."""
        ...
