"""The pipeline inside another program."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from stream_guard import Guard, StreamGuardError
from stream_guard.app import Runtime
from stream_guard.config import Config
from stream_guard.errors import ConfigError, SourceEnded, SourceNotFound
from stream_guard.frame import Frame
from stream_guard.scoring.observation import EventKind
from stream_guard.sources.base import Source
from stream_guard.testing.caller import Caller

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60)]


class Drawn(Source):
    """A source of one's own: the made-up caller, as a recording."""

    live = False
    kind = "pattern"
    name = "drawn"

    def __init__(self, caller: Caller, frames: int) -> None:
        self._caller = caller
        self._numbers: Iterator[int] = iter(range(frames))
        self.closed = False

    async def open(self) -> None:
        pass

    async def recv(self) -> Frame:
        number = next(self._numbers, None)
        if number is None:
            raise SourceEnded("that was all")
        rgb = await asyncio.to_thread(self._caller.frame, number / 15)
        return Frame.from_rgb(rgb, sequence=number, media_s=number / 15)

    async def close(self) -> None:
        self.closed = True


@pytest.fixture(scope="module")
def caller() -> Caller:
    return Caller(width=640, height=360)


async def test_every_frame_of_a_recording_is_an_update(caller: Caller) -> None:
    source = Drawn(caller, 30)
    updates = []
    async with Guard(source) as guard:
        async for update in guard:
            updates.append(update)
    assert [update.frame.sequence for update in updates if update.frame] == list(range(30))
    assert [event.kind for update in updates for event in update.events].count(EventKind.FACE_APPEARED) == 1
    (face,) = updates[-1].faces
    assert face.authenticity is not None
    assert updates[-1].t == pytest.approx(29 / 15)
    assert source.closed


async def test_leaving_early_closes_the_source(caller: Caller, nothing_left: None) -> None:
    source = Drawn(caller, 1000)
    async with Guard(source) as guard:
        async for update in guard:
            assert update.frame is not None
            assert isinstance(update.frame.rgb(), np.ndarray)
            break
    assert source.closed


async def test_many_guards_share_one_engine(caller: Caller, nothing_left: None) -> None:
    async with Runtime(Config.make()) as runtime:

        async def watch() -> int:
            async with Guard(Drawn(caller, 15), runtime=runtime) as guard:
                return len([update async for update in guard])

        assert await asyncio.gather(watch(), watch(), watch()) == [15, 15, 15]


async def test_mistakes_are_told_plainly(nothing_left: None) -> None:
    with pytest.raises(ConfigError, match="enter the guard"):
        aiter(Guard("x.mp4"))
    with pytest.raises(ConfigError, match="gopher"):
        async with Guard("gopher://x"):
            pass
    async with Guard("nothere.mp4") as guard:
        with pytest.raises(SourceNotFound, match=r"nothere\.mp4"):
            await anext(aiter(guard))
    with pytest.raises(StreamGuardError, match="no engine called"):
        async with Guard("x.mp4", engine="abacus"):
            pass
