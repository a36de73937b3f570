"""The one thread that owns the engine, shared by all streams.

Streams hand in their faces and wait. `stream_guard.budget.batching` decides which go together; while the
engine works, requests gather for the next batch. Nothing here blocks the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from stream_guard.budget.batching import Batcher, Piece
from stream_guard.clock import NS_PER_MS, Clock, MonotonicClock, seconds
from stream_guard.errors import EngineError, EngineUnavailable
from stream_guard.inference.engine import Engine, EngineOptions, Prediction
from stream_guard.inference.shapes import check_batch
from stream_guard.models.manifest import Manifest

__all__ = ["InferenceWorker"]


@dataclass(slots=True, eq=False)
class _Request:
    faces: NDArray[np.uint8]
    answer: asyncio.Future[Prediction]
    parts: list[Prediction] = field(default_factory=list)


class InferenceWorker:
    """Runs one engine for many streams: ``async with InferenceWorker(...) as worker: await worker.infer(batch)``.

    An engine's failure reaches only those whose faces were in that batch. A caller that is cancelled
    disturbs nobody else.
    """

    def __init__(
        self,
        make_engine: Callable[[], Engine],
        model: Path,
        manifest: Manifest,
        *,
        options: EngineOptions | None = None,
        window_ms: float = 2.0,
        max_waiting: int = 64,
        clock: Clock | None = None,
    ) -> None:
        """Prepare; nothing is loaded yet.

        Args:
            make_engine: the engine's class, or anything that makes one.
            model: the ONNX file.
            manifest: the file's.
            options: threads and the largest batch.
            window_ms: how long a batch waits for the streams that announced themselves (`expect`). Where
                nobody did, nobody waits.
            max_waiting: how many requests may wait at once; a stream has one at a time.
            clock: for the window.
        """
        self._make_engine = make_engine
        self._model = model
        self._manifest = manifest
        self._options = options or EngineOptions()
        self._clock = clock or MonotonicClock()
        self._batcher: Batcher[_Request] = Batcher(
            max_faces=self._options.max_batch,
            max_wait_ns=round(window_ms * NS_PER_MS),
            max_requests=max_waiting,
        )
        self._pending: set[asyncio.Future[Prediction]] = set()
        self._changed = asyncio.Event()
        self._thread: ThreadPoolExecutor | None = None
        self._engine: Engine | None = None
        self._task: asyncio.Task[None] | None = None
        self._joint = np.empty((self._options.max_batch, manifest.size, manifest.size, 3), dtype=np.uint8)

    async def start(self) -> None:
        """Load the engine on its own thread; returns when it is warm.

        Raises:
            EngineError: as `Engine.load`. The worker can then be started again.
        """
        if self._thread is not None:
            raise EngineError("the inference worker is running already")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inference")
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._load)
        except BaseException:
            self._release()
            raise
        self._task = asyncio.create_task(self._serve(self._thread), name="inference worker")

    def expect(self, stream: str) -> None:
        """Announce that a stream works on a frame and will soon ask, or `withdraw`: others may wait for it."""
        self._batcher.expect(stream)

    def withdraw(self, stream: str) -> None:
        """Take back what `expect` announced."""
        self._batcher.withdraw(stream)
        self._changed.set()

    async def infer(self, batch: NDArray[np.uint8], *, stream: str = "") -> Prediction:
        """Ask the model; batches larger than the engine takes go in several.

        Args:
            batch: uint8, shape (n, size, size, 3), RGB, contiguous, n >= 1. It must stay as it is until the
                answer comes.
            stream: who asks, where it was announced.

        Raises:
            EngineError: the engine failed on this batch, the batch has the wrong shape, too many requests
                wait, or the worker was not started or has been closed.
        """
        if self._task is None or self._task.done():
            raise EngineError("the inference worker does not run: start it first, and ask nothing after close")
        # Before it is queued: a wrong shape must not spoil the batch of others.
        check_batch(batch, size=self._manifest.size, max_batch=max(1, len(batch)))
        request = _Request(batch, asyncio.get_running_loop().create_future())
        try:
            self._batcher.add(stream, len(batch), request, self._clock.now_ns())
        except BufferError as error:
            raise EngineError(f"the engine cannot keep up: {error}") from error
        self._pending.add(request.answer)
        self._changed.set()
        try:
            return await request.answer
        finally:
            self._pending.discard(request.answer)

    async def close(self) -> None:
        """Finish the batch that runs, refuse those that wait, free the engine. Safe to call twice."""
        task, self._task = self._task, None
        self._changed.set()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)
        freed = self._release()
        if freed is not None:
            await asyncio.wrap_future(freed)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _serve(self, thread: ThreadPoolExecutor) -> None:
        """Run batches until the worker is closed."""
        try:
            while self._task is not None:
                pieces = self._batcher.take(self._clock.now_ns())
                if pieces:
                    await self._run([piece for piece in pieces if not piece.item.answer.done()], thread)
                else:
                    await self._wait()
        finally:
            while (due_ns := self._batcher.due_ns()) is not None:
                self._batcher.take(due_ns)
            for answer in self._pending:
                if not answer.done():
                    answer.set_exception(EngineError("the inference worker was closed"))

    async def _wait(self) -> None:
        """Wait until something is asked or withdrawn, or the oldest request has waited long enough."""
        self._changed.clear()
        due_ns = self._batcher.due_ns()
        left_s = None if due_ns is None else max(0.0, seconds(due_ns - self._clock.now_ns()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                await self._changed.wait()

    async def _run(self, pieces: Sequence[Piece[_Request]], thread: ThreadPoolExecutor) -> None:
        """Run one batch on the engine's thread and hand out the answers."""
        parts = [piece.item.faces[piece.start : piece.stop] for piece in pieces]
        if not parts:
            return
        try:
            predictions = await asyncio.get_running_loop().run_in_executor(thread, self._infer, parts)
            for piece, prediction in zip(pieces, predictions, strict=True):
                piece.item.parts.append(prediction)
                if piece.last and not piece.item.answer.done():
                    piece.item.answer.set_result(_joined(piece.item.parts))
        except Exception as error:
            for piece in pieces:
                if not piece.item.answer.done():
                    piece.item.answer.set_exception(_failure(error))

    def _load(self) -> None:
        """On the engine's thread, as all that touches the engine."""
        self._engine = self._make_engine()  # kept before it is loaded, so a failed load is closed too
        try:
            self._engine.load(self._model, self._manifest, self._options)
        except Exception as error:
            raise _failure(error) from error

    def _infer(self, parts: Sequence[NDArray[np.uint8]]) -> list[Prediction]:
        """Run several requests' faces as one batch."""
        assert self._engine is not None
        if len(parts) == 1:
            return [self._engine.infer(parts[0])]
        ends = np.cumsum([len(part) for part in parts])
        logits, patches = self._engine.infer(np.concatenate(parts, out=self._joint[: ends[-1]]))
        starts = ends - [len(part) for part in parts]
        return [
            Prediction(logits[start:end], None if patches is None else patches[start:end])
            for start, end in zip(starts, ends, strict=True)
        ]

    def _release(self) -> Future[None] | None:
        """Free the engine on its own thread, after whatever still runs there, and let the thread end."""
        thread, self._thread = self._thread, None
        if thread is None:
            return None
        freed = thread.submit(self._unload)
        thread.shutdown(wait=False)
        return freed

    def _unload(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()


def _failure(error: Exception) -> EngineError:
    """Return a new error for each caller: one shared by several tasks would gather all their traces."""
    kind = EngineUnavailable if isinstance(error, EngineUnavailable) else EngineError
    told = str(error) if isinstance(error, EngineError) else f"the engine failed: {type(error).__name__}: {error}"
    failure = kind(told)
    failure.__cause__ = error
    return failure


def _joined(parts: Sequence[Prediction]) -> Prediction:
    if len(parts) == 1:
        return parts[0]
    patches = [part.patches for part in parts if part.patches is not None]
    return Prediction(np.concatenate([part.logits for part in parts]), np.concatenate(patches) if patches else None)
