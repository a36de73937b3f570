"""Keeps a test swap out of what is said of a session, and finds out what would have been said."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

from stream_guard.scoring.observation import FaceObservation, Observation, Update
from stream_guard.scoring.session import Session

__all__ = ["RehearsedScorer"]


class RehearsedScorer:
    """A session's scorer, and beside it, while a rehearsal runs, a copy that alone sees the swapped faces.

    The true one is told of those frames that the faces were there and that it was not their turn: faces keep their
    ids and their past, evidence ages, no alarm is raised and none is cleared by anything that is not real.
    """

    def __init__(self, scorer: Session, *, is_swapped: Callable[[int], bool]) -> None:
        """Take the session's scorer.

        Args:
            scorer: of this session alone.
            is_swapped: whether a frame, by its number, shows a test swap; asked once for each.
        """
        self._scorer = scorer
        self._is_swapped = is_swapped
        self._copy: Session | None = None
        self._told: Callable[[Observation, Update], None] = lambda observation, update: None

    def begin(self, told: Callable[[Observation, Update], None]) -> None:
        """Let a copy of the scorer, with all it knows, judge the swapped frames from now on.

        Args:
            told: is given each of them, and what the copy says.
        """
        self._copy, self._told = deepcopy(self._scorer), told

    def end(self) -> None:
        """Drop the copy."""
        self._copy = None

    def receive(self, observation: Observation) -> Update:
        """Take one frame's observation. See `Session.receive`."""
        if not self._is_swapped(observation.sequence):
            return self._scorer.receive(observation)
        if self._copy is not None:
            self._told(observation, self._copy.receive(observation))
        unjudged = tuple(FaceObservation(face.id, face.box) for face in observation.faces)
        return self._scorer.receive(replace(observation, faces=unjudged))

    def tick(self, now_ns: int) -> Update:
        """Take note that time has passed without a frame. See `Session.tick`."""
        return self._scorer.tick(now_ns)

    def trust(self, face: int) -> bool:
        """Take a face for real at somebody's word. See `Session.trust`."""
        return self._scorer.trust(face)
