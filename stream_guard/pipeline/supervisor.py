"""Owns the running pipelines: starts them, notices silence and ends, tries pull sources again."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from stream_guard.errors import SignallingError, SourceError, StreamGuardError, TooManySessions
from stream_guard.frame import Frame
from stream_guard.pipeline.observers import Observer, Scored, SessionInfo, SessionState, Ticked
from stream_guard.pipeline.pipeline import Pipeline
from stream_guard.scoring.observation import EventKind
from stream_guard.sources.base import Source

__all__ = ["MakePipeline", "Supervisor"]

log = logging.getLogger(__name__)

MakePipeline = Callable[[SessionInfo, Source, Sequence[Observer]], Pipeline]

_BACK_OFF_S = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Pauses between attempts to reach a pull source again; the last one repeats."""


_FINAL = frozenset({401, 403, 406})
"""What a WHEP server answers that another attempt would only hear again."""


@dataclass(frozen=True, slots=True)
class _End:
    """How a session ended: why, whether to try again, and whether a frame ever came."""

    reason: str
    again: bool
    lived: bool = False


class _State(Observer):
    """Follows one session's state and passes every change on once. Ends a session that stays silent."""

    def __init__(self, tell: Callable[[SessionInfo, SessionState, str | None], None]) -> None:
        self._tell = tell
        self.now: SessionState | None = None
        self.heard_s = 0.0
        self.lived = False

    def become(self, session: SessionInfo, state: SessionState, reason: str | None = None) -> None:
        if state != self.now:
            self.now = state
            self._tell(session, state, reason)

    def frame_received(self, session: SessionInfo, frame: Frame, missed: int = 0) -> None:
        self.heard_s = asyncio.get_running_loop().time()
        self.lived = True
        self.become(session, "live")

    def frame_scored(self, session: SessionInfo, scored: Scored) -> None:
        self._follow(session, [event.kind for event in scored.update.events])

    def ticked(self, session: SessionInfo, ticked: Ticked) -> None:
        self._follow(session, [event.kind for event in ticked.update.events])

    def _follow(self, session: SessionInfo, kinds: Sequence[EventKind]) -> None:
        if EventKind.STALE in kinds:
            self.become(session, "stale")


class Supervisor:
    """Runs any number of sessions, each its own task.

    ``async with Supervisor(...)``: leaving ends every session and waits for it.
    """

    def __init__(
        self,
        make_pipeline: MakePipeline,
        *,
        observers: Sequence[Observer] = (),
        max_sessions: int = 16,
        silence_s: float = 30.0,
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            make_pipeline: wires one pipeline.
            observers: are told of every session.
            max_sessions: further ones are refused.
            silence_s: a live session without a frame for this long is ended.
        """
        self._make_pipeline = make_pipeline
        self._observers = tuple(observers)
        self._max_sessions = max_sessions
        self._silence_s = silence_s
        self._numbers = itertools.count(1)
        self._running: dict[str, tuple[asyncio.Task[_End], Source]] = {}
        self._pipelines: dict[str, Pipeline] = {}
        self._watches: set[asyncio.Task[None]] = set()

    @property
    def sessions(self) -> tuple[str, ...]:
        """Ids of the running sessions, oldest first."""
        return tuple(self._running)

    async def start(self, source: Source) -> str:
        """Run a source that is there now, such as an incoming call. It is not tried again when it ends.

        Returns:
            The session's id.

        Raises:
            TooManySessions: try again later.
        """
        return self._begin(source)

    def watch(self, make_source: Callable[[], Source]) -> None:
        """Run a source that is pulled; when it ends or breaks, try again with growing pauses.

        Every attempt is a session of its own: its time begins anew, and so do its faces. Stopping it ends the
        watch; so does an error that another attempt would only repeat.

        Args:
            make_source: called before every attempt, in a thread.
        """
        task = asyncio.create_task(self._watch(make_source), name="watch")
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)

    async def stop(self, session: str) -> None:
        """End one session and wait for it. An unknown id is no error: it may just have ended."""
        if session not in self._running:
            return
        task, source = self._running[session]
        if not task.cancelling():
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await source.close()  # its task may not even have begun

    def trust(self, session: str, face: int) -> bool:
        """Take a face for real at somebody's word; return whether there is one of which enough was seen."""
        pipeline = self._pipelines.get(session)
        return pipeline is not None and pipeline.trust(face)

    async def finished(self, session: str) -> None:
        """Wait until a session has ended by itself."""
        if session in self._running:
            await asyncio.wait([self._running[session][0]])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        watches = tuple(self._watches)
        for task in watches:
            task.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        await asyncio.gather(*(self.stop(session) for session in self.sessions))

    def _begin(self, source: Source) -> str:
        if len(self._running) >= self._max_sessions:
            raise TooManySessions(f"{self._max_sessions} sessions are running, which is the limit; end one first")
        session = f"c{next(self._numbers)}"
        task = asyncio.create_task(self._run(session, source), name=f"session {session}")
        self._running[session] = task, source
        task.add_done_callback(lambda _: self._running.pop(session, None))
        return session

    async def _watch(self, make_source: Callable[[], Source]) -> None:
        """Run sessions of one source, one after the other."""
        attempt = 0
        while True:
            end = _End("too many sessions are running", again=True)
            try:
                source = await asyncio.to_thread(make_source)
                session = self._begin(source)
                task = self._running[session][0]
                await asyncio.wait([task])
                if task.cancelled():
                    return
                end = task.result()
            except TooManySessions:
                pass
            except StreamGuardError as error:
                end = _End(str(error), again=False)
            if not end.again:
                log.error("given up: %s", end.reason)
                return
            attempt = 0 if end.lived else attempt + 1
            pause_s = _BACK_OFF_S[min(attempt, len(_BACK_OFF_S) - 1)]
            log.warning("%s; trying again in %.0f s", end.reason, pause_s)
            await asyncio.sleep(pause_s)

    async def _run(self, session: str, source: Source) -> _End:
        """Run one session to its end."""
        info = SessionInfo(id=session, kind=source.kind, label=source.name, live=source.live)
        state = _State(self._tell)
        state.become(info, "connecting")
        end = _End("stopped", again=False)
        try:
            end = await self._run_pipeline(info, source, state)
        finally:
            state.become(info, "ended", end.reason)
        return replace(end, lived=state.lived)

    async def _run_pipeline(self, info: SessionInfo, source: Source, state: _State) -> _End:
        """Run one pipeline, and say why it ended and whether another attempt makes sense."""
        running: asyncio.Task[None] | None = None
        try:
            pipeline = self._make_pipeline(info, source, (state, *self._observers))
            self._pipelines[info.id] = pipeline
            running = asyncio.create_task(pipeline.run(), name=f"pipeline {info.id}")
            if info.live:
                await self._until_silent(running, state, patient=source.waits)
            else:
                await asyncio.wait([running])
            if not running.done():
                return _End(f"no frame for {self._silence_s:.0f} s", again=True)
            running.result()
            return _End("the stream ended", again=info.live)
        except SourceError as error:
            # A camera may be plugged in again, a sender begin with its picture; a file stays what it is.
            return _End(str(error), again=info.live)
        except SignallingError as error:
            return _End(str(error), again=error.status not in _FINAL)
        except StreamGuardError as error:
            log.error("session %s: %s", info.id, error)
            return _End(str(error), again=False)
        except Exception:
            # One stream's accident must not take the others down; the trace is for the developer.
            log.exception("session %s failed", info.id)
            return _End("an internal error; see the log", again=False)
        finally:
            self._pipelines.pop(info.id, None)
            if running is not None:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
            else:
                await source.close()  # no pipeline will: and an incoming call is open already

    async def _until_silent(self, running: asyncio.Task[None], state: _State, *, patient: bool) -> None:
        """Wait until the pipeline is done or its source has been silent for too long.

        Args:
            running: the pipeline.
            state: knows when a frame was heard of.
            patient: whether the first frame may take as long as it likes.
        """
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        while not running.done():
            if patient and not state.lived:
                await asyncio.wait([running], timeout=1.0)
                continue
            left_s = max(state.heard_s, began_s) + self._silence_s - loop.time()
            if left_s <= 0:
                return
            await asyncio.wait([running], timeout=left_s)

    def _tell(self, info: SessionInfo, state: SessionState, reason: str | None) -> None:
        for observer in self._observers:
            observer.session_changed(info, state, reason)
