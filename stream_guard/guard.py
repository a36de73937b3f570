"""The whole pipeline inside your own program.

::

    from stream_guard import Guard

    async with Guard("call.mp4") as guard:
        async for update in guard:
            for face in update.faces:
                print(update.t, face.id, face.state, face.authenticity)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from stream_guard.app import Runtime
from stream_guard.clock import ms
from stream_guard.config import Config
from stream_guard.errors import ConfigError
from stream_guard.frame import Frame
from stream_guard.pipeline.observers import Scored, SessionInfo, Ticked
from stream_guard.scoring.observation import FaceScore, ScoreEvent
from stream_guard.sources.base import Source
from stream_guard.sources.registry import open_source

__all__ = ["Guard", "GuardUpdate"]


@dataclass(frozen=True, slots=True)
class GuardUpdate:
    """What one frame, or its absence, changed.

    Attributes:
        t: seconds on the stream's time line.
        faces: every face as it stands.
        events: what happened; none is ever left out, however slowly updates are taken.
        frame: the picture behind it; None where a silent stream is the news.
        age_ms: from the frame's arrival to its scores.
    """

    t: float
    faces: tuple[FaceScore, ...]
    events: tuple[ScoreEvent, ...]
    frame: Frame | None
    age_ms: float | None


class Guard:
    """Watches one source. Use as ``async with``, then iterate.

    A live source skips frames while you are busy with an update; a file waits for you.
    """

    def __init__(
        self,
        source: str | Path | Source,
        *,
        engine: str = "auto",
        model: Path | None = None,
        threads: int = 0,
        budget_ms: float = 33.0,
        max_faces: int = 25,
        realtime: bool = False,
        every: int = 1,
        runtime: Runtime | None = None,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            source: a URL or path as `stream_guard.sources.registry` knows them, or a source of your own.
            engine: inference engine, or ``auto``.
            model: a model of your own, its manifest beside it.
            threads: CPU threads for inference; 0 lets the engine decide.
            budget_ms: latency budget of a frame of a live source.
            max_faces: faces followed at a time.
            realtime: play a file at its own pace, as if it were live.
            every: look at every n-th frame only.
            runtime: an engine that other guards use too; else one is loaded here and closed again.
        """
        self._config = Config.make(
            engine=engine, model=model, threads=threads, budget_ms=budget_ms, max_faces=max_faces
        )
        self._source = source
        self._realtime = realtime
        self._every = every
        self._runtime = runtime
        self._stack = AsyncExitStack()
        self._updates: AsyncGenerator[GuardUpdate, None] | None = None

    async def __aenter__(self) -> Self:
        """Load the engine. The source is opened by the first step of the iteration.

        Raises:
            ConfigError: no such kind of source.
            EngineError: no engine can run here.
            ModelError: a model file is missing or damaged.
        """
        source = self._source
        if not isinstance(source, Source):
            source = await asyncio.to_thread(open_source, str(source), realtime=self._realtime)
        async with AsyncExitStack() as stack:
            runtime = self._runtime
            if runtime is None:
                runtime = await stack.enter_async_context(Runtime(self._config))
            info = SessionInfo(id="c1", kind=source.kind, label=source.name, live=source.live)
            pipeline = runtime.pipeline(info, source, every=self._every)
            self._updates = await stack.enter_async_context(aclosing(_updates(pipeline.results())))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def __aiter__(self) -> AsyncIterator[GuardUpdate]:
        """Iterate over the updates, until the source ends.

        Raises:
            ConfigError: the guard has not been entered.
        """
        if self._updates is None:
            raise ConfigError("enter the guard first: async with Guard(...) as guard")
        return self._updates


async def _updates(results: AsyncGenerator[Scored | Ticked, None]) -> AsyncGenerator[GuardUpdate, None]:
    """Turn the pipeline's results into updates."""
    async with aclosing(results):
        async for result in results:
            scored = result if isinstance(result, Scored) else None
            yield GuardUpdate(
                t=result.at_s,
                faces=result.update.faces,
                events=result.update.events,
                frame=scored.frame if scored else None,
                age_ms=ms(scored.scored_ns - scored.frame.arrived_ns) if scored else None,
            )
