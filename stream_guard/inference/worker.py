"""The one place that runs the engine, shared by all streams; another engine takes over where one fails.

Streams hand in their faces and wait. `stream_guard.budget.batching` decides which go together; while the
engine works, requests gather for the next batch. Nothing here blocks the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from stream_guard.budget.batching import Batcher, Piece
from stream_guard.errors import EngineError, EngineLost
from stream_guard.inference.engine import Engine, EngineOptions, Prediction
from stream_guard.inference.faces import Faces
from stream_guard.inference.shapes import check_batch, check_cuts
from stream_guard.inference.standing import Standing
from stream_guard.inference.succession import Succession
from stream_guard.models.manifest import Manifest

__all__ = ["InferenceWorker"]

log = logging.getLogger(__name__)

_TRIES = 3
"""How often an engine may fail in a row before it is doubted."""


@dataclass(slots=True, eq=False)
class _Request:
    faces: Faces
    answer: asyncio.Future[Prediction]
    parts: list[Prediction] = field(default_factory=list)


class InferenceWorker:
    """Runs one engine for many streams: ``async with InferenceWorker(...) as worker: await worker.infer(batch)``.

    An engine that says it is lost, that hangs, or that fails three times in a row is given up, and the next one is
    asked again for what was in flight: callers wait, and notice nothing else. A batch that fails three times while
    the engine still answers a plain grey one is at fault itself: only those whose faces were in it are told. A
    caller that is cancelled disturbs nobody else.
    """

    def __init__(
        self,
        engines: Sequence[Callable[[], Engine]],
        model: Path,
        manifest: Manifest,
        *,
        options: EngineOptions | None = None,
        insist: bool = False,
        max_waiting: int = 64,
        patience_s: float = 5.0,
        load_patience_s: float = 300.0,
        changed: Callable[[Standing], None] = lambda standing: None,
    ) -> None:
        """Prepare; nothing is loaded yet.

        Args:
            engines: engines' classes, or anything that makes them, the one to take first in front; see
                `stream_guard.inference.registry.ranked`.
            model: the ONNX file.
            manifest: the file's.
            options: threads, precision and the largest batch.
            insist: start with the first engine or not at all. Later, others may take over all the same.
            max_waiting: how many requests may wait at once; a stream has one at a time.
            patience_s: an engine that has not answered a batch after so many seconds hangs.
            load_patience_s: the same for loading, which may include compiling.
            changed: is told, on the event loop, when another engine has taken over, or none is left.
        """
        options = options or EngineOptions()
        self._engines = Succession(engines, model, manifest, options, load_patience_s=load_patience_s)
        self._manifest = manifest
        self._insist = insist
        self._patience_s = patience_s
        self._changed = changed
        self._batcher: Batcher[_Request] = Batcher(max_faces=options.max_batch, max_requests=max_waiting)
        self._pending: set[asyncio.Future[Prediction]] = set()
        self._asked = asyncio.Event()
        self._failures = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def standing(self) -> Standing:
        """Which engine runs, and why those before it do not."""
        return self._engines.standing

    async def start(self) -> None:
        """Load the first engine that loads, each on its own thread; returns when it is warm.

        Raises:
            EngineUnavailable: none can run here; the message gives the reasons.
            EngineError: none loads this model. The worker can then be started again.
        """
        if self._task is not None:
            raise EngineError("the inference worker is running already")
        self._failures = 0
        try:
            await self._engines.begin(only_first=self._insist)
        except BaseException:
            await self._engines.close()
            raise
        self._task = asyncio.create_task(self._serve(), name="inference worker")

    @property
    def cuts(self) -> bool:
        """Whether the engine that runs takes frames, and cuts faces out by itself. May be asked from any thread."""
        return self._engines.cuts

    async def infer(self, batch: NDArray[np.uint8] | Faces) -> Prediction:
        """Ask the model; batches larger than the engine takes go in several.

        Args:
            batch: uint8, shape (n, size, size, 3), RGB, contiguous, n >= 1; or faces that are still to be cut out,
                which any engine can be given. It must stay as it is until the answer comes.

        Raises:
            EngineError: no engine can answer this batch, the batch has the wrong shape, too many requests
                wait, or the worker was not started or has been closed.
        """
        if self._task is None or self._task.done():
            raise EngineError("the inference worker does not run: start it first, and ask nothing after close")
        # Before it is queued: a wrong shape must not spoil the batch of others.
        if not isinstance(batch, Faces):
            check_batch(batch, size=self._manifest.size, max_batch=max(1, len(batch)))
            batch = Faces(batch)
        elif batch.frame is not None:
            check_cuts([batch.frame], max_batch=max(1, len(batch)))
        request = _Request(batch, asyncio.get_running_loop().create_future())
        try:
            self._batcher.add(request, faces=len(batch))
        except BufferError as error:
            raise EngineError(f"the engine cannot keep up: {error}") from error
        self._pending.add(request.answer)
        self._asked.set()
        try:
            return await request.answer
        finally:
            self._pending.discard(request.answer)

    async def close(self) -> None:
        """Finish the batch that runs, refuse those that wait, free the engine. Safe to call twice."""
        task, self._task = self._task, None
        self._asked.set()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)
        await self._engines.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _serve(self) -> None:
        """Run batches until the worker is closed."""
        try:
            while self._task is not None:
                pieces = [piece for piece in self._batcher.take() if not piece.item.answer.done()]
                if pieces:
                    await self._run(pieces)
                elif not len(self._batcher):
                    self._asked.clear()
                    await self._asked.wait()
        finally:
            while self._batcher.take():
                pass
            for answer in self._pending:
                if not answer.done():
                    answer.set_exception(EngineError("the inference worker was closed"))

    async def _run(self, pieces: Sequence[Piece[_Request]]) -> None:
        """Run one batch, by as many engines as it takes, and hand out the answers."""
        try:
            predictions = await self._answer([piece.item.faces.part(piece.start, piece.stop) for piece in pieces])
            for piece, prediction in zip(pieces, predictions, strict=True):
                piece.item.parts.append(prediction)
                if piece.last and not piece.item.answer.done():
                    piece.item.answer.set_result(_joined(piece.item.parts))
        except Exception as error:
            for piece in pieces:
                if not piece.item.answer.done():
                    piece.item.answer.set_exception(_own(error))

    async def _answer(self, parts: Sequence[Faces]) -> list[Prediction]:
        """Ask the engine, again where it fails, and the next one where it cannot go on."""
        while True:
            engine = self._engines.current
            try:
                answer = await engine.infer(parts, within_s=self._patience_s)
                self._failures = 0
                return answer
            except EngineError as error:
                reason = error
            if not isinstance(reason, EngineLost):
                self._failures += 1
                if self._failures < _TRIES and self._task is not None:
                    continue
                if await engine.answers(sum(map(len, parts)), within_s=self._patience_s):
                    self._failures = 0
                    raise reason
            if self._task is None:
                raise reason  # closing: no time to load another
            await self._take_over(reason)

    async def _take_over(self, reason: EngineError) -> None:
        """Give the engine up and load the next one that loads.

        Raises:
            EngineError: none is left.
        """
        log.error("engine %s is given up: %s", self.standing.engine, reason)
        self._failures = 0
        try:
            await self._engines.next(reason)
            log.warning("engine %s goes on", self.standing.engine)
        finally:
            self._changed(self.standing)


def _own(error: Exception) -> EngineError:
    """Return a new error for each caller: one shared by several tasks would gather all their traces."""
    own = EngineError(str(error))
    own.__cause__ = error
    return own


def _joined(parts: Sequence[Prediction]) -> Prediction:
    if len(parts) == 1:
        return parts[0]
    patches = [part.patches for part in parts if part.patches is not None]
    return Prediction(np.concatenate([part.logits for part in parts]), np.concatenate(patches) if patches else None)
