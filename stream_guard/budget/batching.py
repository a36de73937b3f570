"""Decides which faces go through the model together."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Batcher", "Piece"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Piece(Generic[T]):
    """A run of one request's faces.

    Attributes:
        item: the request, as it was handed in.
        start, stop: which of its faces, as in a slice.
        last: whether the request is complete with this piece.
    """

    item: T
    start: int
    stop: int
    last: bool


@dataclass(slots=True)
class _Request(Generic[T]):
    item: T
    faces: int
    done: int = 0


class Batcher(Generic[T]):
    """Forms batches for the one thread that owns the engine, first come, first served.

    Whatever waits when the engine is free goes together; nobody waits for company. Requests gather while the engine
    works, so batches grow with the load by themselves. Holding a batch back for streams that are about to ask was
    simulated: under load it saves no batch, and without load it only makes answers later. A request is never split,
    unless it alone is larger than a batch.
    """

    def __init__(self, *, max_faces: int, max_requests: int = 256) -> None:
        """Open the batcher.

        Args:
            max_faces: the engine's largest batch.
            max_requests: how many may wait at a time.

        Raises:
            ValueError: a limit makes no sense.
        """
        if max_faces < 1 or max_requests < 1:
            raise ValueError("max_faces and max_requests must be at least 1")
        self._max_faces = max_faces
        self._max_requests = max_requests
        self._waiting: deque[_Request[T]] = deque()

    def __len__(self) -> int:
        """Return how many requests wait."""
        return len(self._waiting)

    def add(self, item: T, *, faces: int) -> None:
        """Take a request.

        Args:
            item: given back in the pieces.
            faces: how many, at least 1.

        Raises:
            ValueError: no faces.
            BufferError: ``max_requests`` wait already. The request was not taken.
        """
        if faces < 1:
            raise ValueError("a request needs at least one face")
        if len(self._waiting) >= self._max_requests:
            raise BufferError(f"{len(self._waiting)} requests wait for the engine already")
        self._waiting.append(_Request(item, faces))

    def take(self) -> tuple[Piece[T], ...]:
        """Return the next batch, from the front until the next request does not fit; empty where nothing waits."""
        pieces: list[Piece[T]] = []
        room = self._max_faces
        while self._waiting and room:
            request = self._waiting[0]
            left = request.faces - request.done
            if left > room and pieces:
                break
            count = min(left, room)
            stop = request.done + count
            pieces.append(Piece(request.item, request.done, stop, last=stop == request.faces))
            request.done = stop
            room -= count
            if stop == request.faces:
                self._waiting.popleft()
        return tuple(pieces)
