"""Who runs after whom: loads engines one after the other, and remembers why each was given up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from stream_guard.errors import EngineError, EngineUnavailable
from stream_guard.inference.engine import Engine, EngineOptions
from stream_guard.inference.engine_thread import EngineThread
from stream_guard.inference.standing import PassedOver, Standing
from stream_guard.models.manifest import Manifest

__all__ = ["Succession"]

_CLOSE_S = 2.0
"""How long an engine may take to free what it holds, in seconds: the next one may need that memory."""


class Succession:
    """The engines in the order in which they are tried. One is loaded at a time."""

    def __init__(
        self,
        engines: Sequence[Callable[[], Engine]],
        model: Path,
        manifest: Manifest,
        options: EngineOptions,
        *,
        load_patience_s: float,
    ) -> None:
        """Prepare; nothing is loaded yet.

        Args:
            engines: make one each, the first to be tried in front.
            model: the ONNX file.
            manifest: the file's.
            options: for `Engine.load`.
            load_patience_s: an engine that has not loaded after so many seconds hangs.
        """
        self._engines = tuple(engines)
        self._model = model
        self._manifest = manifest
        self._options = options
        self._load_patience_s = load_patience_s
        self._left: deque[Callable[[], Engine]] = deque()
        self._current: EngineThread | None = None
        self._passed_over: list[PassedOver] = []
        self._behind: list[EngineThread] = []

    @property
    def current(self) -> EngineThread:
        """The engine that runs.

        Raises:
            EngineError: none is left.
        """
        if self._current is None:
            raise EngineError(f"no engine is left: {self.standing.reasons or 'none was started'}")
        return self._current

    @property
    def cuts(self) -> bool:
        """Whether the engine that runs cuts faces out of frames by itself. May be asked from any thread."""
        current = self._current
        return current is not None and current.cuts

    @property
    def standing(self) -> Standing:
        """Which engine runs, and why those before it do not."""
        current = self._current
        return Standing(
            engine=current.name if current else "",
            device=current.device if current else "",
            passed_over=tuple(self._passed_over),
            stuck=sum(thread.stuck for thread in self._behind),
        )

    async def begin(self, *, only_first: bool = False) -> None:
        """Load the first engine that loads.

        Args:
            only_first: try no other than the first.

        Raises:
            EngineUnavailable: none can run here.
            EngineError: at least one can, but not with this model.
        """
        self._passed_over.clear()
        self._left = deque(self._engines)
        if not self._left:
            raise EngineUnavailable("no engine was given")
        failures: list[EngineError] = []
        while self._left:
            try:
                return await self._load(self._left.popleft(), self._options)
            except EngineError as error:
                failures.append(error)
                if only_first:
                    break
        if len(failures) == 1:
            raise failures[0]
        unavailable = all(isinstance(failure, EngineUnavailable) for failure in failures)
        kind = EngineUnavailable if unavailable else EngineError
        raise kind(f"no engine can run here: {self.standing.reasons}") from failures[0]

    async def next(self, reason: EngineError) -> None:
        """Give up the engine that runs, and load the next one that loads.

        Raises:
            EngineError: none is left.
        """
        await self._give_up(self.current, reason)
        while self._left:
            try:
                # What was asked for may be what only the first can do; those that take over choose for themselves.
                return await self._load(self._left.popleft(), replace(self._options, precision="auto"))
            except EngineError:
                continue
        raise EngineError(f"no engine is left: {self.standing.reasons}") from reason

    async def close(self) -> None:
        """Free the engine that runs. Safe to call twice."""
        current, self._current = self._current, None
        if current is not None:
            await self._put_away(current)

    async def _load(self, make_engine: Callable[[], Engine], options: EngineOptions) -> None:
        try:
            self._current = thread = EngineThread(make_engine, self._model, self._manifest, options)
        except (RuntimeError, MemoryError) as error:  # the next one may need less
            reason = f"the system gives it no thread or no memory: {error}"
            self._passed_over.append(PassedOver(getattr(make_engine, "name", "the engine"), reason))
            raise EngineError(reason) from error
        try:
            await thread.load(within_s=self._load_patience_s)
        except EngineError as error:
            await self._give_up(thread, error)
            raise

    async def _give_up(self, thread: EngineThread, reason: EngineError) -> None:
        self._current = None
        self._passed_over.append(PassedOver(thread.name, str(reason)))
        await self._put_away(thread)

    async def _put_away(self, thread: EngineThread) -> None:
        """Close an engine, and count its thread from now on should it hang."""
        self._behind = [one for one in self._behind if one.stuck]
        self._behind.append(thread)
        await thread.close(within_s=_CLOSE_S)
