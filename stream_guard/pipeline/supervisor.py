"""Owns the running pipelines: starts them, notices silence and ends, tries pull sources again."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from stream_guard.errors import SourceError, StreamGuardError
from stream_guard.frame import Frame
from stream_guard.pipeline.observers import Observer, Scored, SessionInfo, SessionState, Ticked
from stream_guard.pipeline.pipeline import Pipeline
from stream_guard.scoring.observation import EventKind
from stream_guard.sources.base import Source

__all__ = ["MakePipeline", "Supervisor", "TooManySessions"]

log = logging.getLogger(__name__)

MakePipeline = Callable[[SessionInfo, Source, Sequence[Observer]], Pipeline]

_BACK_OFF_S = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Pauses between attempts to reach a pull source again; the last one repeats."""


class TooManySessions(StreamGuardError):
    """The limit of simultaneous sessions is reached."""

    retryable = True


class _State(Observer):
    """Follows one session's state and passes every change on once. Ends a session that stays silent."""

    def __init__(self, tell: Callable[[SessionInfo, SessionState, str | None], None]) -> None:
        self._tell = tell
        self.now: SessionState | None = None
        self.heard_s = 0.0
        self.reason: str | None = None

    def become(self, session: SessionInfo, state: SessionState, reason: str | None = None) -> None:
        if state != self.now:
            self.now = state
            self._tell(session, state, reason)

    def frame_received(self, session: SessionInfo, frame: Frame, missed: int = 0) -> None:
        self.heard_s = asyncio.get_running_loop().time()
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
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def sessions(self) -> tuple[str, ...]:
        """Ids of the running sessions, oldest first."""
        return tuple(self._tasks)

    async def start(self, source: Source) -> str:
        """Run a source that is there now, such as an incoming call. It is not tried again when it ends.

        Returns:
            The session's id.

        Raises:
            TooManySessions: try again later.
        """
        return self._begin(lambda: source, again=False)

    async def watch(self, make_source: Callable[[], Source]) -> str:
        """Run a source that is pulled; when it breaks, try again with growing pauses.

        Args:
            make_source: called before every attempt.

        Raises:
            TooManySessions: try again later.
        """
        return self._begin(make_source, again=True)

    async def stop(self, session: str) -> None:
        """End one session and wait for it. An unknown id is no error: it may just have ended."""
        task = self._tasks.get(session)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def finished(self, session: str) -> None:
        """Wait until a session has ended by itself."""
        task = self._tasks.get(session)
        if task is not None:
            await asyncio.wait([task])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(self.stop(session) for session in self.sessions))

    def _begin(self, make_source: Callable[[], Source], *, again: bool) -> str:
        if len(self._tasks) >= self._max_sessions:
            raise TooManySessions(f"{self._max_sessions} sessions are running, which is the limit; end one first")
        session = f"c{next(self._numbers)}"
        task = asyncio.create_task(self._keep(session, make_source, again=again), name=f"session {session}")
        self._tasks[session] = task
        task.add_done_callback(lambda _: self._tasks.pop(session, None))
        return session

    async def _keep(self, session: str, make_source: Callable[[], Source], *, again: bool) -> None:
        """Run a session to its end, with attempts as wanted."""
        state = _State(self._tell)
        attempt = 0
        info = None
        reason: str | None = "stopped"
        try:
            while True:
                # Making one may look at files, which the event loop must not wait for. A call is there already.
                source = await asyncio.to_thread(make_source) if again else make_source()
                info = SessionInfo(id=session, kind=source.kind, label=source.name, live=source.live)
                state.become(info, "connecting")
                retry, reason = await self._run(info, source, state)
                if not (again and retry):
                    return
                if state.now == "live":
                    attempt = 0
                pause_s = _BACK_OFF_S[min(attempt, len(_BACK_OFF_S) - 1)]
                attempt += 1
                log.warning("session %s: %s; trying again in %.0f s", session, reason, pause_s)
                state.become(info, "connecting", reason)
                await asyncio.sleep(pause_s)
        except asyncio.CancelledError:
            reason = "stopped"
            raise
        finally:
            if info is not None:
                state.become(info, "ended", reason)

    async def _run(self, info: SessionInfo, source: Source, state: _State) -> tuple[bool, str | None]:
        """Run one pipeline. Returns whether another attempt makes sense, and why it ended."""
        state.heard_s = asyncio.get_running_loop().time()
        running: asyncio.Task[None] | None = None
        try:
            pipeline = self._make_pipeline(info, source, (state, *self._observers))
            running = asyncio.create_task(pipeline.run(), name=f"pipeline {info.id}")
            if info.live:
                await self._until_silent(running, state)
            else:
                await asyncio.wait([running])
            if not running.done():
                return True, f"no frame for {self._silence_s:.0f} s"
            running.result()
            return info.live, "the stream ended"
        except SourceError as error:
            return error.retryable, str(error)
        except StreamGuardError as error:
            log.error("session %s: %s", info.id, error)
            return False, str(error)
        except Exception:
            # One stream's accident must not take the others down; the trace is for the developer.
            log.exception("session %s failed", info.id)
            return False, "an internal error; see the log"
        finally:
            if running is not None:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
            else:
                await source.close()  # no pipeline will: and an incoming call is open already

    async def _until_silent(self, running: asyncio.Task[None], state: _State) -> None:
        """Wait until the pipeline is done or its source has been silent for too long."""
        loop = asyncio.get_running_loop()
        while not running.done():
            left_s = state.heard_s + self._silence_s - loop.time()
            if left_s <= 0:
                return
            await asyncio.wait([running], timeout=left_s)

    def _tell(self, info: SessionInfo, state: SessionState, reason: str | None) -> None:
        for observer in self._observers:
            observer.session_changed(info, state, reason)
