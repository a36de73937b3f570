"""Owns the running sessions: starts and ends them, and tries pull sources again."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from stream_guard.budget.restarts import RestartLimit
from stream_guard.clock import NS_PER_S
from stream_guard.errors import StreamGuardError, TooManySessions
from stream_guard.pipeline.observers import Fault, Observer, SessionInfo, Shielded
from stream_guard.pipeline.session_run import End, MakePipeline, SessionRun
from stream_guard.sources.base import Source

__all__ = ["MakePipeline", "Supervisor"]

log = logging.getLogger(__name__)

_BACK_OFF_S = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Pauses between attempts to reach a pull source again; the last one repeats."""

_FAILED_SESSIONS = 3
"""How many sessions of one pull source may end by an error of ours, an hour, before it is given up."""

_FAILED_WITHIN_S = 3600.0


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
            observers: are told of every session. One that raises ends no session.
            max_sessions: further ones are refused.
            silence_s: a live session without a frame for this long is ended.
        """
        self._make_pipeline = make_pipeline
        self._observers = tuple(Shielded(observer, self.fault) for observer in observers)
        self._max_sessions = max_sessions
        self._silence_s = silence_s
        self._numbers = itertools.count(1)
        self._running: dict[str, tuple[asyncio.Task[End], Source]] = {}
        self._runs: dict[str, SessionRun] = {}
        self._watches: set[asyncio.Task[None]] = set()
        self._closing = False

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
        watch; so does an error that another attempt would only repeat, and one of ours that keeps coming back.

        Args:
            make_source: called before every attempt, in a thread.
        """
        task = asyncio.create_task(self._watch(make_source), name="watch")
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)

    async def stop(self, session: str, reason: str = "stopped") -> None:
        """End one session and wait for it. An unknown id is no error: it may just have ended.

        Args:
            session: its id.
            reason: why, in words, for whoever watches.
        """
        if session not in self._running:
            return
        task, source = self._running[session]
        if not task.cancelling():
            task.cancel(reason)
        await asyncio.gather(task, return_exceptions=True)
        await source.close()  # its task may not even have begun

    async def close(self, reason: str = "stopped") -> None:
        """Take no more sessions, end every watch and every session at once, and wait for them. Safe to call twice.

        Args:
            reason: why, in words, for whoever watches.
        """
        self._closing = True
        watches = tuple(self._watches)
        for task in watches:
            task.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        await asyncio.gather(*(self.stop(session, reason) for session in self.sessions))

    def fault(self, fault: Fault) -> None:
        """Tell all observers of something that failed and was mended."""
        for observer in self._observers:
            observer.fault(fault)

    def trust(self, session: str, face: int) -> bool:
        """Take a face for real at somebody's word; return whether there is one of which enough was seen."""
        run = self._runs.get(session)
        return run is not None and run.trust(face)

    async def finished(self, session: str) -> None:
        """Wait until a session has ended by itself."""
        if session in self._running:
            await asyncio.wait([self._running[session][0]])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _begin(self, source: Source) -> str:
        if self._closing:
            raise TooManySessions("the server is closing")
        if len(self._running) >= self._max_sessions:
            raise TooManySessions(f"{self._max_sessions} sessions are running, which is the limit; end one first")
        session = f"c{next(self._numbers)}"
        task = asyncio.create_task(self._run(session, source), name=f"session {session}")
        self._running[session] = task, source
        task.add_done_callback(lambda _: self._running.pop(session, None))
        return session

    async def _run(self, session: str, source: Source) -> End:
        """Run one session to its end."""
        info = SessionInfo(id=session, kind=source.kind, label=source.name, live=source.live)
        run = SessionRun(
            info,
            source,
            make_pipeline=self._make_pipeline,
            observers=self._observers,
            silence_s=self._silence_s,
        )
        self._runs[session] = run
        run.state.become("connecting")
        end = End("stopped", again=False)
        try:
            end = await run.run()
        except asyncio.CancelledError as stopped:
            end = End(str(stopped) or end.reason, again=False)
            raise
        finally:
            try:
                await source.close()
            finally:
                self._runs.pop(session, None)
                run.state.become("ended", end.reason)
        return replace(end, lived=run.state.lived)

    async def _watch(self, make_source: Callable[[], Source]) -> None:
        """Run sessions of one source, one after the other."""
        attempt = 0
        failures = RestartLimit(_FAILED_SESSIONS, within_s=_FAILED_WITHIN_S)
        while True:
            end = End("too many sessions are running", again=True)
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
                end = End(str(error), again=False)
            except Exception as error:  # no thread, no file handle: that may pass
                log.exception("a source could not be made")
                end = End(f"an internal error ({type(error).__name__}); see the log", again=True, failed=True)
            now_ns = round(asyncio.get_running_loop().time() * NS_PER_S)
            given_up = end.failed and failures.take(now_ns) is None
            if given_up or not end.again:
                log.error("given up: %s", end.reason)
                return
            attempt = 0 if end.lived else attempt + 1
            pause_s = _BACK_OFF_S[min(attempt, len(_BACK_OFF_S) - 1)]
            log.warning("%s; trying again in %.0f s", end.reason, pause_s)
            await asyncio.sleep(pause_s)
