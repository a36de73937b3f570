"""One engine, and the one thread that may touch it. The thread can be left behind where the engine hangs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import EngineError, EngineLost
from stream_guard.inference.daemon import DaemonThread
from stream_guard.inference.engine import Engine, EngineOptions, Prediction
from stream_guard.inference.faces import Faces
from stream_guard.models.manifest import Manifest

__all__ = ["EngineThread"]

log = logging.getLogger(__name__)

T = TypeVar("T")

_CUT_TRIES = 3
"""How often in a row an engine may fail to cut faces out before it is given crops only."""


class EngineThread:
    """Makes, loads, asks and closes an engine on a thread of its own. Nothing here blocks the event loop.

    Attributes:
        name: of the engine.
        device: what it runs on; known after `load`.
        cuts: it takes frames and cuts the faces out by itself; known after `load`. Where that fails it is given
            crops, and after three failures in a row nothing but crops.
    """

    def __init__(
        self, make_engine: Callable[[], Engine], model: Path, manifest: Manifest, options: EngineOptions
    ) -> None:
        """Prepare; nothing is loaded yet.

        Args:
            make_engine: the engine's class, or anything that makes one.
            model: the ONNX file.
            manifest: the file's.
            options: for `Engine.load`.
        """
        self.name: str = getattr(make_engine, "name", "the engine")
        self.device = ""
        self.cuts = False
        self._failed_cuts = 0
        self._make_engine = make_engine
        self._model = model
        self._manifest = manifest
        self._options = options
        self._engine: Engine | None = None
        self._closed = self._left_behind = False
        self._thread = DaemonThread("inference")
        # Not shared between engines: one that hangs may still be reading it.
        self._joint = np.empty((options.max_batch, manifest.size, manifest.size, 3), dtype=np.uint8)

    @property
    def stuck(self) -> bool:
        """Whether `close` left the thread behind, and it has not come back since."""
        return self._left_behind and self._thread.alive

    async def load(self, *, within_s: float) -> None:
        """Make the engine and load the model.

        Raises:
            EngineLost: it did not load within that many seconds.
            EngineError: as `Engine.load`; whatever else it raised is told as this, too.
        """
        await self._ask(self._load, within_s)

    async def infer(self, parts: Sequence[Faces], *, within_s: float) -> list[Prediction]:
        """Run several requests' faces as one batch; returns one prediction a request.

        Args:
            parts: together at most ``max_batch`` faces.
            within_s: how long the engine may take, in seconds.

        Raises:
            EngineLost: no answer came in time, or the engine says so.
            EngineError: the engine failed.
        """
        return await self._ask(lambda: self._infer(parts), within_s)

    async def answers(self, faces: int, *, within_s: float) -> bool:
        """Return whether the engine can answer a plain grey batch: what failed before was not its fault then."""
        plain = np.full((faces, self._manifest.size, self._manifest.size, 3), 128, dtype=np.uint8)
        try:
            await self.infer([Faces(plain)], within_s=within_s)
        except EngineError:
            return False
        return True

    async def close(self, *, within_s: float) -> None:
        """Free the engine after whatever still runs, and end the thread; one that hangs is left behind.

        It closes its engine all the same, if ever it comes back. Safe to call twice.
        """
        if self._closed:
            return
        self._closed = True
        freed = self._submit(self._unload)
        self._thread.shutdown(wait=False)
        # Unlike a timeout, this leaves the job in the queue.
        _, late = await asyncio.wait([freed], timeout=within_s)
        self._left_behind = bool(late)

    async def _ask(self, job: Callable[[], T], within_s: float) -> T:
        """Run something on the engine's thread, and stop waiting for it after a while."""
        answer = self._submit(job)
        try:
            # In two halves: a process that was stopped meanwhile (Ctrl+Z, a machine asleep) did not hang.
            for _ in range(2):
                if (await asyncio.wait([answer], timeout=within_s / 2))[0]:
                    return answer.result()
        finally:
            answer.cancel()  # nothing where it is done
        raise EngineLost(f"it hangs: no answer within {within_s:g} s")

    def _submit(self, job: Callable[[], T]) -> asyncio.Future[T]:
        """Queue something; whatever it raises is an `EngineError`."""

        def told() -> T:
            try:
                return job()
            except EngineError:
                raise
            except Exception as error:
                raise EngineError(f"the engine failed: {type(error).__name__}: {error}") from error

        return asyncio.get_running_loop().run_in_executor(self._thread, told)

    def _load(self) -> None:
        self._engine = self._make_engine()  # kept before it is loaded, so a failed load is closed too
        self.name = self._engine.name
        self._engine.load(self._model, self._manifest, self._options)
        self.device = self._engine.probe().device
        self.cuts = self._engine.cuts

    def _infer(self, parts: Sequence[Faces]) -> list[Prediction]:
        answer = self._cut(parts) if self.cuts else None
        if answer is None:
            answer = self._judge([part.crops() for part in parts])
        if len(parts) == 1:
            return [answer]
        logits, patches = answer
        ends = np.cumsum([len(part) for part in parts])
        starts = ends - [len(part) for part in parts]
        return [
            Prediction(logits[start:end], None if patches is None else patches[start:end])
            for start, end in zip(starts, ends, strict=True)
        ]

    def _judge(self, crops: Sequence[NDArray[np.uint8]]) -> Prediction:
        assert self._engine is not None
        if len(crops) == 1:
            return self._engine.infer(crops[0])
        return self._engine.infer(np.concatenate(crops, out=self._joint[: sum(map(len, crops))]))

    def _cut(self, parts: Sequence[Faces]) -> Prediction | None:
        """Let the engine cut by itself; None where it cannot, now or because there are crops alone."""
        assert self._engine is not None
        frames = [part.frame for part in parts if part.frame is not None]
        if len(frames) < len(parts):
            return None
        try:
            answer = self._engine.infer_cuts(frames)
        except EngineLost:
            raise
        except Exception as error:  # whatever it is: crops are the way that every engine has
            self._failed_cuts += 1
            self.cuts = self._failed_cuts < _CUT_TRIES
            end = "this batch" if self.cuts else "from now on"
            log.warning("%s cannot cut faces out, the CPU does so %s: %s", self.name, end, error)
            return None
        self._failed_cuts = 0
        return answer

    def _unload(self) -> None:
        engine, self._engine = self._engine, None
        if engine is None:
            return
        try:
            engine.close()
        except Exception:  # what is lost cannot always be freed; nobody can do anything about it
            log.warning("%s did not close", self.name, exc_info=True)
