"""Writes down what was said of each session: events and scores, a line each, as they go over the wire.

No pixels, unless evidence is asked for: then the face at the moment an alarm is raised. Lines go to the operating
system at least every half second, so a process that is killed loses no more than that; against a power cut only
the file system helps.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from stream_guard.errors import ConfigError
from stream_guard.face import Box
from stream_guard.frame import Frame
from stream_guard.protocol.messages import Engine, Event, Hello, Scores, ServerMessage, Session, Stats
from stream_guard.recording.archive import new_name, prune
from stream_guard.recording.line import Header, Line
from stream_guard.recording.session_file import SessionFile

__all__ = ["Journal"]

log = logging.getLogger(__name__)

_FLUSH_S = 0.5
_RETRY_S = 5.0
_PRUNE_S = 3600.0
_CLOSE_LIMIT_S = 2.0

_WAITING = 20_000
"""Lines and pictures of one session that may wait for a disk that does not take them; some 10 MB."""

_ENDED = 64
"""Sessions that have ended and wait for such a disk; beyond them the oldest are given up."""

_PICTURES = 50
"""Pictures kept of one session."""


@dataclass(slots=True)
class _Picture:
    n: int
    face: int
    t: float
    frame: Frame
    box: Box


@dataclass(slots=True)
class _Writing:
    """A session that is being written.

    Attributes:
        waiting: lines and pictures that are not in the file yet, oldest first.
        n: number of the next line.
        next_scores_s: on the session's time line.
        lived: whether there ever was a picture: an offer that led to none leaves nothing behind.
    """

    file: SessionFile
    waiting: deque[Line | _Picture]
    n: int = 0
    lost: int = 0
    pictures: int = 0
    next_scores_s: float = 0.0
    lived: bool = False
    ended: bool = False

    def add(self, item: Line | _Picture) -> None:
        if len(self.waiting) >= _WAITING:
            self.waiting.popleft()
            self.lost += 1
        self.waiting.append(item)
        self.n += 1


class Journal:
    """A journal of all sessions. Use as ``async with``; `take` and `keep_face` return at once.

    One thread writes. Where the disk takes nothing, sessions go on: lines wait, the oldest are dropped when they
    are too many, which a gap in their numbers shows, and the log says so once.
    """

    def __init__(
        self,
        folder: Path,
        *,
        hello: Callable[[], Hello],
        keep_evidence: bool = False,
        days: float = 30,
        total_bytes: int = 1 << 30,
        part_bytes: int = 16 << 20,
        scores_per_s: float = 5.0,
    ) -> None:
        """Prepare; nothing is written yet.

        Args:
            folder: for one folder a session.
            hello: what is running now.
            keep_evidence: whether `keep_face` keeps anything.
            days: older sessions are deleted, at the start and every hour.
            total_bytes: of all sessions together; beyond them the oldest are deleted.
            part_bytes: a session goes on in another file beyond this many.
            scores_per_s: of one session; events are all written.
        """
        self._folder = folder
        self._hello = hello
        self._keep_evidence = keep_evidence
        self._days = days
        self._total_bytes = total_bytes
        self._part_bytes = part_bytes
        self._gap_s = 1 / scores_per_s
        self._lock = threading.Lock()
        self._sessions: dict[str, _Writing] = {}
        self._ended: list[_Writing] = []
        self._given_up: list[SessionFile] = []
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._failing = False

    async def __aenter__(self) -> Self:
        """Make the folder, delete what is too old, and begin.

        Raises:
            ConfigError: the folder cannot be written to.
        """
        await asyncio.to_thread(self._begin)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what waits, for two seconds at most."""
        self._closing.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, _CLOSE_LIMIT_S)

    def take(self, message: ServerMessage) -> None:
        """Write a message down, if it is one that is kept."""
        if isinstance(message, Hello | Stats):
            return
        with self._lock:
            if isinstance(message, Engine) or message.session is None:  # it concerns all
                for writing in self._sessions.values():
                    writing.add(Line(n=writing.n, at=_now(), message=message))
                return
            ended = isinstance(message, Session) and message.state == "ended"
            found = self._sessions.get(message.session)
            if found is None:
                # What else is said of a session may come after its end, and would begin one that never ends.
                if ended or not isinstance(message, Session | Scores | Event):
                    return
                found = self._sessions[message.session] = self._new(message.session)
            if isinstance(message, Scores):
                if message.t < found.next_scores_s:
                    return
                found.next_scores_s = message.t + self._gap_s
            found.lived |= not isinstance(message, Session) or message.state == "live"
            found.add(Line(n=found.n, at=_now(), message=message))
            if ended:
                found.ended = True
                self._ended.append(self._sessions.pop(message.session))
                if self._failing:
                    self._give_up()

    def keep_face(self, session: str, *, face: int, t: float, frame: Frame, box: Box) -> None:
        """Keep a picture of a face, if evidence is to be kept; no more than fifty a session.

        Args:
            session: its name on the wire.
            face: its number.
            t: seconds on the session's time line.
            frame: that it is on.
            box: where, as fractions of the frame.
        """
        with self._lock:
            found = self._sessions.get(session)
            # While nothing can be written, frames that wait would fill the memory.
            wanted = self._keep_evidence and not self._failing
            if wanted and found is not None and found.pictures < _PICTURES:
                found.pictures += 1
                found.add(_Picture(found.n, face, t, frame, box))

    def _give_up(self) -> None:
        """Drop the oldest sessions that have ended, where too many wait. Their files are closed by the thread."""
        self._given_up += [writing.file for writing in self._ended[:-_ENDED]]
        del self._ended[:-_ENDED]

    def _new(self, session: str) -> _Writing:
        hello = self._hello()
        header = Header(session=session, server=hello.server, engine=hello.engine, model=hello.model)
        folder = self._folder / new_name(session, datetime.now(UTC))
        return _Writing(SessionFile(folder, header, part_bytes=self._part_bytes), deque())

    def _begin(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = self._folder / f".{new_name('probe', datetime.now(UTC))}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ConfigError(f"sessions cannot be kept in {self._folder}: {error.strerror or error}") from error
        self._prune()

    def _run(self) -> None:
        """Write, until closed, and then what came before that."""
        pruned_s = time.monotonic()
        while True:
            closing = self._closing.wait(_RETRY_S if self._failing else _FLUSH_S)
            try:
                rotated = self._flush()
                if rotated or time.monotonic() - pruned_s > _PRUNE_S:
                    self._prune()
                    pruned_s = time.monotonic()
            except Exception:
                log.exception("the journal stumbled, and goes on")
            if closing:
                break
        for writing in [*self._sessions.values(), *self._ended]:
            writing.file.close()

    def _flush(self) -> bool:
        """Write all that waits; returns whether a file was begun that is not a session's first."""
        with self._lock:
            ended, self._ended = self._ended, []
            everything = [*ended, *self._sessions.values()]
        failure: OSError | None = None
        rotated = False
        unwritten = []
        for number, writing in enumerate(everything):
            before = writing.file.rotated
            over = number < len(ended)  # others may end meanwhile, and have more to say
            try:
                self._write(writing)
            except OSError as error:
                failure = error
                if over:
                    unwritten.append(writing)
                continue
            rotated |= writing.file.rotated > before
            if over:
                writing.file.close()
        with self._lock:
            self._ended = [*unwritten, *self._ended]
            if failure is not None:
                self._give_up()
            given_up, self._given_up = self._given_up, []
        for file in given_up:
            file.close()
        self._tell(failure, everything)
        return rotated

    def _write(self, writing: _Writing) -> None:
        """Write what waits of one session; what cannot be written waits on."""
        with self._lock:
            if not writing.lived:
                return
            batch = list(writing.waiting)
            writing.waiting.clear()
        try:
            writing.file.append([self._line(writing, item) for item in batch])
        except OSError:
            with self._lock:
                writing.waiting.extendleft(reversed(batch))
                while len(writing.waiting) > _WAITING:
                    writing.waiting.popleft()
                    writing.lost += 1
            raise

    def _line(self, writing: _Writing, item: Line | _Picture) -> Line:
        if isinstance(item, Line):
            return item
        from stream_guard.recording.picture import face_crop  # brings OpenCV, which a journal alone does without

        try:
            jpeg = face_crop(item.frame.rgb(), item.box)
        except Exception as error:  # pixels and boxes come from outside; the lines beside them must not suffer
            log.warning("a face could not be cut out: %s", type(error).__name__)
            jpeg = b""
        name = f"{item.t:010.3f}s-face{item.face}.jpg"
        return Line(n=item.n, at=_now(), evidence=writing.file.picture(name, jpeg) if jpeg else None)

    def _tell(self, failure: OSError | None, sessions: list[_Writing]) -> None:
        """Say in the log when writing begins to fail, and when it works again."""
        if failure is not None and not self._failing:
            log.warning(
                "the journal cannot be written: %s; sessions go on, and what they say waits",
                failure.strerror or type(failure).__name__,
            )
        elif failure is None and self._failing:
            log.warning(
                "the journal is written again; %d lines were lost meanwhile", sum(one.lost for one in sessions)
            )
            for writing in sessions:
                writing.lost = 0
        self._failing = failure is not None

    def _prune(self) -> None:
        with self._lock:
            running = {writing.file.folder.name for writing in self._sessions.values()}
        gone = prune(self._folder, days=self._days, total_bytes=self._total_bytes, running=running)
        if gone:
            log.info("%d old sessions were deleted", len(gone))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
