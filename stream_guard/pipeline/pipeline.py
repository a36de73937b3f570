"""One stream's way from source to scores. Read `Pipeline.results` downwards: that is a frame's life."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from stream_guard.budget.plan import DropCause, Plan, Skip
from stream_guard.budget.restarts import RestartLimit
from stream_guard.clock import NS_PER_S, Clock, seconds
from stream_guard.errors import ConfigError, SourceEnded, StreamGuardError, TrackingError
from stream_guard.evidence.route import Route
from stream_guard.face import Reason
from stream_guard.frame import Frame
from stream_guard.inference.faces import Faces
from stream_guard.pipeline.looker import Looked, Looker
from stream_guard.pipeline.mailbox import Closed, Mailbox
from stream_guard.pipeline.observers import Fault, Observer, Scored, SessionInfo, Stage, Ticked
from stream_guard.scoring.observation import FaceObservation, Observation, Update
from stream_guard.sources.base import Source

__all__ = ["Budget", "Judgement", "Pipeline", "Scorer"]

log = logging.getLogger(__name__)

_TICK_S = 0.25
"""How often a silent stream is looked after, in seconds."""

_LOOK_LIMIT_S = 30.0
"""How long following the faces may take on one frame. What it works with has shorter limits of its own, and another
engine or process then goes on; this one is for what has none."""

_FAILURES = 3
"""Frames of a live stream that may fail in a row; one is an accident, of memory or of a strange picture."""

_CLOSE_S = 2.0
"""How long the frame in hand may take once the stream has ended."""


class Judgement(NamedTuple):
    """What the model says of a batch, calibrated. Positive leans to synthetic.

    Attributes:
        llrs: log-likelihood ratios, float32, shape (n,).
        patches: the same per region of each crop, float32, shape (n, rows, columns), or None.
    """

    llrs: NDArray[np.float32]
    patches: NDArray[np.float32] | None = None


_NOTHING = Judgement(np.empty(0, dtype=np.float32))


class Budget(Protocol):
    """Decides what may be done with a frame, and learns what things cost."""

    def admit(self, *, arrived_ns: int, now_ns: int, faces: int) -> Plan | Skip:
        """Decide for one frame."""
        ...

    def spent(self, stage: Stage, duration_ns: int, *, faces: int) -> None:
        """Learn what a stage cost."""
        ...


class Scorer(Protocol):
    """Turns what frames show into what is said. See `stream_guard.scoring.session`."""

    def receive(self, observation: Observation) -> Update:
        """Take one frame's observation."""
        ...

    def tick(self, now_ns: int) -> Update:
        """Take note that time has passed without a frame."""
        ...

    def trust(self, face: int) -> bool:
        """Take a face for real at somebody's word."""
        ...


class Pipeline:
    """Frames of one source in, results out.

    A live source's frames wait in one slot where the newest wins; a file's are all looked at. After admission none
    is dropped, but for those of a live source on which something failed.

    Attributes:
        next_face: above the id of every face so far.
    """

    def __init__(
        self,
        info: SessionInfo,
        source: Source,
        *,
        looker: Looker,
        infer: Callable[[NDArray[np.uint8] | Faces], Awaitable[Judgement]],
        budget: Budget,
        scorer: Scorer,
        clock: Clock,
        observers: Sequence[Observer] = (),
        every: int = 1,
        after: Pipeline | None = None,
        evidence: Callable[[float], float] = lambda bits_per_pixel: 1.0,
    ) -> None:
        """Wire one stream.

        Args:
            info: who the session is.
            source: not yet open; the pipeline opens and closes it.
            looker: tracker and cutter.
            infer: uint8 (n, size, size, 3), or faces that the engine cuts out, to what the model says of each.
            budget: what may be done with a frame.
            scorer: what is said about the faces.
            clock: for arrivals and durations.
            observers: are told of everything.
            every: look at every n-th frame only.
            evidence: bits a pixel to the share of the model's evidence that is left.
            after: one that broke; its time line and its scorer go on.

        Raises:
            ConfigError: ``every`` is below 1.
        """
        if every < 1:
            raise ConfigError(f"every {every}th frame cannot be looked at; 1 is every frame")
        self.info = info
        self._source = source
        self._looker = looker
        self._infer = infer
        self._budget = budget
        self._scorer: Scorer = scorer if after is None else after._scorer
        self._clock = clock
        self._observers = tuple(observers)
        self._every = every
        self._evidence = evidence
        self._mailbox: Mailbox[Frame] = Mailbox()
        self._route: Route = Route() if after is None else after._route
        self._began_ns: int | None = None if after is None else after._began_ns
        self._faces = 0
        self.next_face: int = 1 if after is None else after.next_face
        self._busy_since_ns: int | None = None
        self._failures = 0
        self._telling: RestartLimit = RestartLimit(3, within_s=60) if after is None else after._telling
        self._closing: asyncio.Task[None] | None = None

    async def results(self) -> AsyncGenerator[Scored | Ticked, None]:
        """Open the source and yield a result for every frame that is looked at, until the source ends.

        Silence is reported too (`Ticked`). Closing the iterator closes the source.

        Raises:
            SourceError: the source could not be opened, or broke. What was received before has been yielded.
        """
        if self._began_ns is None:
            self._began_ns = self._clock.now_ns()
        try:
            await self._source.open()
        except BaseException:
            await self._close()
            raise
        reader = asyncio.create_task(self._read(), name=f"read {self.info.id}")
        try:
            while True:
                try:
                    frame = await self._mailbox.take(_TICK_S if self.info.live else None)
                except Closed:
                    break
                if frame is None:
                    ticked = self._tick()
                    if ticked is not None:
                        yield ticked
                    continue
                plan = self._admit(frame)
                scored = await self._attempt(frame, plan) if plan is not None else None
                if scored is not None:
                    yield scored
            await reader  # raises what the source raised
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            await self._close()

    def trust(self, face: int) -> bool:
        """Take a face for real at somebody's word; see `stream_guard.scoring.session.Session.trust`."""
        return self._scorer.trust(face)

    async def run(self) -> None:
        """Run to the end, telling the observers.

        Raises:
            SourceError: as `results`.
        """
        ticking = asyncio.create_task(self._tick_meanwhile(), name=f"tick {self.info.id}")
        try:
            async with aclosing(self.results()) as results:
                async for result in results:
                    for observer in self._observers:
                        if isinstance(result, Scored):
                            observer.frame_scored(self.info, result)
                        else:
                            observer.ticked(self.info, result)
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)

    async def _tick_meanwhile(self) -> None:
        """See to it that scores go stale, too, while a frame takes long: something it needs may hang."""
        while self.info.live:
            await asyncio.sleep(_TICK_S)
            if self._busy_since_ns is None or self._clock.now_ns() - self._busy_since_ns < _TICK_S * NS_PER_S:
                continue
            ticked = self._tick()
            if ticked is not None:
                for observer in self._observers:
                    observer.ticked(self.info, ticked)

    async def _read(self) -> None:
        """Move frames from the source to the slot, as fast as they come."""
        passed_over = 0
        try:
            while True:
                frame = await self._source.recv()
                if frame.sequence % self._every:
                    continue
                missed = self._source.overwritten - passed_over
                passed_over += missed
                for observer in self._observers:
                    observer.frame_received(self.info, frame, missed)
                if not self.info.live:
                    await self._mailbox.put(frame)
                    continue
                lost = missed + await self._mailbox.replace(frame)
                if lost:
                    self._dropped(DropCause.SUPERSEDED, lost)
        except SourceEnded:
            pass
        finally:
            await self._mailbox.close()

    def _admit(self, frame: Frame) -> Plan | None:
        """Ask the budget; a refusal is reported."""
        now_ns = self._clock.now_ns()
        self._spent("wait", now_ns - frame.arrived_ns)
        decision = self._budget.admit(arrived_ns=frame.arrived_ns, now_ns=now_ns, faces=self._faces)
        if isinstance(decision, Skip):
            self._dropped(decision.cause, 1)
            return None
        return decision

    async def _attempt(self, frame: Frame, plan: Plan) -> Scored | None:
        """Score a frame. One on which something fails costs a live stream that frame, and no more."""
        self._busy_since_ns = self._clock.now_ns()
        scored: Scored | None = None
        try:
            scored = await self._score(frame, plan)
        except Exception as error:
            self._failures += 1
            if not self.info.live or self._failures >= _FAILURES or isinstance(error, TrackingError):
                raise
            self._dropped(DropCause.FAILED, 1)
            if self._telling.take(self._clock.now_ns()) is not None:
                words = str(error) if isinstance(error, StreamGuardError) else type(error).__name__
                log.warning("session %s: a frame was lost: %s", self.info.id, words, exc_info=True)
                for observer in self._observers:
                    observer.fault(Fault("stream", f"a frame was lost: {words}", self.info.id))
            return None
        finally:
            self._busy_since_ns = None
            if scored is None:  # the budget must not wait for its end
                self._budget.spent("total", self._clock.now_ns() - frame.arrived_ns, faces=1)
        self._failures = 0
        return scored

    async def _look(self, frame: Frame, at_ns: int, plan: Plan) -> Looked:
        """Follow the faces, in the one thread that may.

        Raises:
            TrackingError: it takes too long.
        """
        loop = asyncio.get_running_loop()
        looking = loop.run_in_executor(self._looker.thread, self._looker.look, frame, at_ns, plan)
        try:
            # In two halves: a process that was stopped meanwhile (Ctrl+Z, a machine asleep) did not hang.
            for _ in range(2):
                if (await asyncio.wait((looking,), timeout=_LOOK_LIMIT_S / 2))[0]:
                    return looking.result()
        finally:
            looking.cancel()  # nothing where it is done
        raise TrackingError(f"following the faces hangs: nothing within {_LOOK_LIMIT_S:g} s")

    async def _score(self, frame: Frame, plan: Plan) -> Scored:
        """Look at one frame, ask the model, decide what to say."""
        at_ns = self._place(frame)
        looked = await self._look(frame, at_ns, plan)
        self.next_face = max((self.next_face, *(face.id + 1 for face in looked.tracked.faces)))
        said = _NOTHING
        asked_ns = self._clock.now_ns()
        if looked.judged:
            said = await self._infer(looked.batch)
            self._spent("infer", self._clock.now_ns() - asked_ns, faces=len(looked.judged))
        transport = self._source.transport()
        rerouted = self._route.changed(
            at_ns,
            codec=transport.codec,
            width=frame.width,
            height=frame.height,
            kbps=transport.kbps,
            damaged=transport.damaged + transport.decode_errors,
        )
        bits = transport.bits_per_pixel
        evidence = self._evidence(bits) if bits is not None else 1.0
        update = self._scorer.receive(
            _observation(frame, at_ns, looked, said.llrs, rerouted=rerouted, evidence=evidence)
        )
        self._faces = looked.tracked.measurable
        scored_ns = self._clock.now_ns()
        self._spent("convert", looked.convert_ns)
        if looked.tracked.find_ns:
            self._spent("find", looked.tracked.find_ns)
        self._spent("track", looked.tracked.track_ns, faces=looked.tracked.measured)
        self._spent("align", looked.align_ns, faces=len(looked.judged))
        self._spent("total", scored_ns - frame.arrived_ns)
        return Scored(
            frame=frame,
            at_s=seconds(at_ns),
            scored_ns=scored_ns,
            update=update,
            plan=plan,
            transport=transport,
            tracked=looked.tracked,
            evidence=evidence,
            patches={}
            if said.patches is None
            else {face.id: regions for face, regions in zip(looked.judged, said.patches, strict=True)},
        )

    def _place(self, frame: Frame) -> int:
        """Return the frame's place on the session's time line, in nanoseconds."""
        if self.info.live:
            return max(0, frame.arrived_ns - (self._began_ns or 0))
        return round(frame.media_s * NS_PER_S)

    def _tick(self) -> Ticked | None:
        at_ns = self._clock.now_ns() - (self._began_ns or 0)
        update = self._scorer.tick(at_ns)
        if not update.events:
            return None
        return Ticked(at_s=seconds(at_ns), update=update)

    def _spent(self, stage: Stage, duration_ns: int, *, faces: int = 1) -> None:
        self._budget.spent(stage, duration_ns, faces=faces)
        for observer in self._observers:
            observer.stage_done(self.info, stage, duration_ns)

    def _dropped(self, cause: DropCause, count: int) -> None:
        for observer in self._observers:
            observer.frame_dropped(self.info, cause, count)

    async def _close(self) -> None:
        """Close source and looker, once; to the end, even where whoever waits for it is cancelled."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._let_go(), name=f"close {self.info.id}")
        await asyncio.shield(self._closing)

    async def _let_go(self) -> None:
        try:
            await self._source.close()
        finally:
            if not await self._looker.ended(within_s=_CLOSE_S):
                log.warning("session %s: following its faces hangs; the thread is left behind", self.info.id)


def _observation(
    frame: Frame, at_ns: int, looked: Looked, llrs: NDArray[np.float32], *, rerouted: bool, evidence: float
) -> Observation:
    """Join what was tracked with what the model said."""
    said = {face.id: float(llr) for face, llr in zip(looked.judged, llrs, strict=True)}
    return Observation(
        sequence=frame.sequence,
        at_ns=at_ns,
        faces=tuple(
            FaceObservation(
                id=face.id,
                box=face.box.fractions_of(frame.width, frame.height),
                llr=said.get(face.id),
                # A face stays too small between finds; other reasons are news of the frame that showed them.
                reasons=face.reasons if face.measured or Reason.FACE_TOO_SMALL in face.reasons else (),
                repeated_ns=looked.playing.since_ns if face.id in looked.playing.repeated else None,
            )
            for face in looked.tracked.faces
        ),
        cut=looked.tracked.cut,
        rerouted=rerouted,
        evidence=evidence,
    )
