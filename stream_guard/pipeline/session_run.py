"""One session's life: a pipeline, another one where it breaks by an error of ours, and an end in words."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from stream_guard.budget.restarts import RestartLimit
from stream_guard.clock import NS_PER_S
from stream_guard.errors import SignallingError, SourceError, StreamGuardError
from stream_guard.frame import Frame
from stream_guard.pipeline.kept_source import KeptSource
from stream_guard.pipeline.observers import Fault, Observer, Scored, SessionInfo, SessionState, Ticked
from stream_guard.pipeline.pipeline import Pipeline
from stream_guard.scoring.observation import EventKind
from stream_guard.sources.base import Source

__all__ = ["End", "MakePipeline", "SessionRun"]

log = logging.getLogger(__name__)

_MENDS_S = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Pauses before a live stream's pipeline is built anew: so often, a minute, it may break by an error of ours. The
source stays open meanwhile. Together they outlast what passes by itself: no memory, no file handles, no threads."""

_MENDS_WITHIN_S = 60.0

_WAIT_S = 1.0
"""How long silence is waited for at a time. Whoever wakes much later has slept, and so have those who send."""

_FINAL = frozenset({401, 403, 406})
"""What a WHEP server answers that another attempt would only hear again."""


class MakePipeline(Protocol):
    """Wires one pipeline."""

    def __call__(
        self, info: SessionInfo, source: Source, observers: Sequence[Observer], /, *, after: Pipeline | None = None
    ) -> Pipeline:
        """Wire a pipeline of a session; with ``after`` one that goes on where another broke."""
        ...


@dataclass(frozen=True, slots=True)
class End:
    """How a session ended.

    Attributes:
        reason: why, in words.
        again: whether another attempt at the same source makes sense.
        failed: whether it was an error of ours.
        lived: whether a frame ever came.
    """

    reason: str
    again: bool
    failed: bool = False
    lived: bool = False


class SessionRun:
    """Runs one session. The source is closed by whoever made it, behind `run`."""

    def __init__(
        self,
        info: SessionInfo,
        source: Source,
        *,
        make_pipeline: MakePipeline,
        observers: Sequence[Observer],
        silence_s: float,
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            info: who the session is.
            source: open or not; stays open.
            make_pipeline: wires its pipelines.
            observers: are told of everything; none may raise.
            silence_s: without a frame for this long, a live session is ended.
        """
        self.state = _State(info, observers)
        self._info = info
        self._source = source
        self._make_pipeline = make_pipeline
        self._observers = (self.state, *observers)
        self._silence_s = silence_s
        self._pipeline: Pipeline | None = None
        self._opened = False

    def trust(self, face: int) -> bool:
        """Take a face for real at somebody's word; return whether there is one of which enough was seen."""
        return self._pipeline is not None and self._pipeline.trust(face)

    async def run(self) -> End:
        """Run to the end; a live session's pipeline is built anew around the same source, so often a minute."""
        mends = RestartLimit(len(_MENDS_S), within_s=_MENDS_WITHIN_S)
        while True:
            end = await self._run_pipeline()
            mended = mends.take(_now_ns()) if end.failed and self._info.live else None
            if mended is None:
                return end
            fault = Fault("stream", f"{end.reason}; it is begun anew", self._info.id)
            for observer in self._observers:
                observer.fault(fault)
            await asyncio.sleep(_MENDS_S[mended])

    async def _run_pipeline(self) -> End:
        """Run one pipeline, and say why it ended and whether another attempt makes sense."""
        live = self._info.live
        source = KeptSource(self._source, opened=self._opened)
        running: asyncio.Task[None] | None = None
        try:
            running = asyncio.create_task(self._wire(source).run(), name=f"pipeline {self._info.id}")
            if live:
                await self._until_silent(running, patient=source.waits)
            else:
                await asyncio.wait([running])
            if not running.done():
                return End(f"no frame for {self._silence_s:.0f} s", again=True)
            running.result()
            return End("the stream ended", again=live)
        except SourceError as error:
            # A camera may be plugged in again, a sender begin with its picture; a file stays what it is.
            return End(str(error), again=live)
        except SignallingError as error:
            return End(str(error), again=error.status not in _FINAL)
        except StreamGuardError as error:
            log.error("session %s: %s", self._info.id, error)
            return End(str(error), again=live, failed=True)
        except Exception as error:
            # One stream's accident must not take the others down; the trace is for the developer.
            log.exception("session %s failed", self._info.id)
            return End(f"an internal error ({type(error).__name__}); see the log", again=live, failed=True)
        finally:
            if running is not None:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
            self._opened = source.opened

    def _wire(self, source: Source) -> Pipeline:
        """Make a pipeline that goes on where the last one broke, if there was one."""
        if self._pipeline is None:
            self._pipeline = self._make_pipeline(self._info, source, self._observers)
        else:
            self._pipeline = self._make_pipeline(self._info, source, self._observers, after=self._pipeline)
        return self._pipeline

    async def _until_silent(self, running: asyncio.Task[None], *, patient: bool) -> None:
        """Wait until the pipeline is done or its source has been silent for too long.

        Args:
            running: the pipeline.
            patient: whether the first frame may take as long as it likes.
        """
        loop = asyncio.get_running_loop()
        since_s = loop.time()
        while not running.done():
            asked_s = loop.time()
            left_s = max(self.state.heard_s, since_s) + self._silence_s - asked_s
            if patient and not self.state.lived:
                left_s = _WAIT_S
            if left_s <= 0:
                return
            await asyncio.wait([running], timeout=min(left_s, _WAIT_S))
            if loop.time() - asked_s > 2 * _WAIT_S:
                since_s = loop.time()  # we stood still, or the machine slept: silence is counted from here


class _State(Observer):
    """Follows one session's state and passes every change on once."""

    def __init__(self, info: SessionInfo, observers: Sequence[Observer]) -> None:
        self._info = info
        self._tell: tuple[Callable[[SessionInfo, SessionState, str | None], None], ...] = tuple(
            observer.session_changed for observer in observers
        )
        self.now: SessionState | None = None
        self.heard_s = 0.0
        self.lived = False

    def become(self, state: SessionState, reason: str | None = None) -> None:
        if state != self.now:
            self.now = state
            for tell in self._tell:
                tell(self._info, state, reason)

    def frame_received(self, session: SessionInfo, frame: Frame, missed: int = 0) -> None:
        self.heard_s = asyncio.get_running_loop().time()
        self.lived = True
        self.become("live")

    def frame_scored(self, session: SessionInfo, scored: Scored) -> None:
        self._follow([event.kind for event in scored.update.events])

    def ticked(self, session: SessionInfo, ticked: Ticked) -> None:
        self._follow([event.kind for event in ticked.update.events])

    def _follow(self, kinds: Sequence[EventKind]) -> None:
        if EventKind.STALE in kinds:
            self.become("stale")


def _now_ns() -> int:
    """Return the event loop's time, which is monotonic, in nanoseconds."""
    return round(asyncio.get_running_loop().time() * NS_PER_S)
