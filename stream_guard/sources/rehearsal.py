"""A source that can show its own picture with a test swap in it for a while, and then as it is again."""

from __future__ import annotations

from stream_guard.frame import Frame
from stream_guard.sources.base import Source, Transport
from stream_guard.sources.own_swap import OwnSwap

__all__ = ["RehearsableSource"]


class RehearsableSource(Source):
    """Wraps another source, and is it in every other way."""

    def __init__(self, source: Source) -> None:
        """Take a source, open or not."""
        self._source = source
        self.live, self.name, self.kind, self.waits = source.live, source.name, source.kind, source.waits
        self.frames = source.frames
        self._swap: OwnSwap | None = None
        self._swapped: set[int] = set()

    def go_on_with(self, source: Source) -> None:
        """Read from another source from now on: another reader's view of the same stream."""
        self._source = source
        self.overwritten = source.overwritten

    def begin(self, swap: OwnSwap) -> None:
        """Draw the swap into every frame that is received from now on."""
        self._swap = swap  # what the last one drew may still be on its way: its numbers stay

    def end(self) -> None:
        """Show the picture as it is again."""
        self._swap = None

    def is_swapped(self, sequence: int) -> bool:
        """Return whether a frame was received during a rehearsal, by its number; each is asked for once."""
        if sequence not in self._swapped:
            return False
        self._swapped = {number for number in self._swapped if number > sequence}  # those before were dropped
        return True

    async def open(self) -> None:
        """Start. See `Source.open`."""
        await self._source.open()

    async def recv(self) -> Frame:
        """Wait for the next frame. See `Source.recv`."""
        frame = await self._source.recv()
        self.overwritten = self._source.overwritten
        swap = self._swap
        if swap is None:
            return frame
        self._swapped.add(frame.sequence)
        return Frame(
            lambda: swap.draw(frame.rgb()),  # in the thread that wants the pixels, and only if any does
            sequence=frame.sequence,
            media_s=frame.media_s,
            arrived_ns=frame.arrived_ns,
            width=frame.width,
            height=frame.height,
        )

    async def close(self) -> None:
        """Let go. See `Source.close`."""
        await self._source.close()

    def transport(self) -> Transport:
        """Return how the picture gets here. See `Source.transport`."""
        return self._source.transport()
