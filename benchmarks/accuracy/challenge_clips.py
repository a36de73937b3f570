"""Clips as a challenge sees them: played through the real pipeline, with something drawn over them or not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing

import av
import numpy as np
from numpy.typing import NDArray

from stream_guard.app import Runtime
from stream_guard.challenges.glimpse import Glimpse
from stream_guard.errors import SourceEnded
from stream_guard.evaluation.clips import Clip, labelled_part
from stream_guard.frame import Frame
from stream_guard.pipeline.observers import Scored, SessionInfo
from stream_guard.server.glimpses import Follower
from stream_guard.sources.base import Source

__all__ = ["ClipSource", "Draw", "glimpses", "results"]

Draw = Callable[[NDArray[np.uint8], float], NDArray[np.uint8]]
"""From a frame, uint8 (height, width, 3), and its time in seconds to what is shown in its place."""


class ClipSource(Source):
    """The labelled part of a clip, at a steady rate; played forth and back for longer than it is, if asked."""

    live = False
    kind = "file"

    def __init__(self, clip: Clip, *, rate: float, seconds: float | None = None, draw: Draw | None = None) -> None:
        self.name = clip.path.name
        self._rate, self._draw = rate, draw
        self._pictures = list(_pictures(clip, rate, seconds))
        count = len(self._pictures)
        wanted = round(seconds * rate) if seconds is not None else count
        there_and_back = [*range(count), *range(count - 2, 0, -1)] or [0]
        self._order = [there_and_back[number % len(there_and_back)] for number in range(wanted)]
        self._next = 0

    async def open(self) -> None:
        return

    async def recv(self) -> Frame:
        if self._next >= len(self._order):
            raise SourceEnded("the clip is over")
        number, self._next = self._next, self._next + 1
        at_s = number / self._rate
        rgb = self._pictures[self._order[number]]
        if self._draw is not None:
            rgb = self._draw(rgb, at_s)
        return Frame.from_rgb(rgb, sequence=number, media_s=at_s)

    async def close(self) -> None:
        self._pictures.clear()


def _pictures(clip: Clip, rate: float, seconds: float | None) -> Iterator[NDArray[np.uint8]]:
    taken = 0
    with av.open(str(clip.path)) as container:
        stream = container.streams.video[0]
        for number, frame in enumerate(container.decode(stream)):
            at_s = frame.time if frame.time is not None else number / float(stream.average_rate or 30)
            if seconds is not None and taken >= seconds * rate:
                return
            if at_s >= taken / rate - 1e-6:
                taken += 1
                yield np.ascontiguousarray(
                    labelled_part(frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False), clip)
                )


async def results(runtime: Runtime, source: Source) -> AsyncIterator[Scored]:
    """Yield the pipeline's results for a source that is a file."""
    pipeline = runtime.pipeline(SessionInfo("c1", source.kind, source.name, live=False), source)
    async with aclosing(pipeline.results()) as stream:
        async for result in stream:
            if isinstance(result, Scored):
                yield result


async def glimpses(
    runtime: Runtime, clip: Clip, *, rate: float, seconds: float | None = None, draw: Draw | None = None
) -> list[Glimpse]:
    """Return what the clip's first face shows on each frame; empty where there is none."""
    found: list[Glimpse] = []
    follower: Follower | None = None
    async for result in results(runtime, ClipSource(clip, rate=rate, seconds=seconds, draw=draw)):
        if follower is None and result.tracked.faces:
            follower = Follower(max(result.tracked.faces, key=lambda face: face.box.area).id)
        if follower is not None:
            found.append(follower.glimpse(result))
    return found
