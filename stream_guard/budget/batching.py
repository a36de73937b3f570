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
    stream: str
    item: T
    faces: int
    asked_ns: int
    done: int = 0


class Batcher(Generic[T]):
    """Forms batches for the one thread that owns the engine, first come, first served.

    A batch is closed when it is full, when its oldest request has waited ``max_wait_ns``, or when every stream
    that announced faces (`expect`) has handed them in or withdrawn: waiting on then would gain nothing. A request
    is never split, unless it alone is larger than a batch.
    """

    def __init__(self, *, max_faces: int, max_wait_ns: int, max_requests: int = 256) -> None:
        """Open the batcher.

        Args:
            max_faces: the engine's largest batch.
            max_wait_ns: how long a request may wait for company.
            max_requests: how many may wait at a time.

        Raises:
            ValueError: a limit makes no sense.
        """
        if max_faces < 1 or max_wait_ns < 0 or max_requests < 1:
            raise ValueError("max_faces and max_requests must be at least 1, max_wait_ns at least 0")
        self._max_faces = max_faces
        self._max_wait_ns = max_wait_ns
        self._max_requests = max_requests
        self._waiting: deque[_Request[T]] = deque()
        self._expected: set[str] = set()

    def __len__(self) -> int:
        """Return how many requests wait."""
        return len(self._waiting)

    def expect(self, stream: str) -> None:
        """Take note that a stream is working on a frame and will soon add faces, or withdraw."""
        self._expected.add(stream)

    def withdraw(self, stream: str) -> None:
        """Take note that a stream adds nothing this time: its frame has no face to score, or it has ended."""
        self._expected.discard(stream)

    def add(self, stream: str, faces: int, item: T, now_ns: int) -> None:
        """Take a request.

        Args:
            stream: whose it is. It is no longer expected.
            faces: how many, at least 1.
            item: given back in the pieces.
            now_ns: now; not before an earlier call's.

        Raises:
            ValueError: no faces.
            BufferError: ``max_requests`` wait already. The request was not taken.
        """
        if faces < 1:
            raise ValueError("a request needs at least one face; withdraw instead")
        if len(self._waiting) >= self._max_requests:
            raise BufferError(f"{len(self._waiting)} requests wait for the engine already")
        self._expected.discard(stream)
        self._waiting.append(_Request(stream, item, faces, now_ns))

    def due_ns(self) -> int | None:
        """Return the moment at which `take` answers even if nothing more comes; None where nothing waits."""
        return self._waiting[0].asked_ns + self._max_wait_ns if self._waiting else None

    def take(self, now_ns: int) -> tuple[Piece[T], ...]:
        """Return the next batch if one is closed, else nothing. Ask again at once: there may be more."""
        due_ns = self.due_ns()
        if due_ns is None:
            return ()
        full = sum(request.faces - request.done for request in self._waiting) >= self._max_faces
        if not full and self._expected and now_ns < due_ns:
            return ()
        return tuple(self._fill())

    def _fill(self) -> list[Piece[T]]:
        """Take from the front until the next request does not fit."""
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
        return pieces
