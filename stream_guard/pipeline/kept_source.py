"""A source that outlives the pipeline that reads it, so that another pipeline can go on with it."""

from __future__ import annotations

from stream_guard.frame import Frame
from stream_guard.sources.base import Source, Transport

__all__ = ["KeptSource"]


class KeptSource(Source):
    """Stands before a source for one reader: opens it, unless an earlier one has, and does not close it.

    Attributes:
        opened: whether the source is open.
        overwritten: frames passed over since this was made; those before were told to another reader.
    """

    def __init__(self, source: Source, *, opened: bool) -> None:
        """Stand before a source.

        Args:
            source: the real one; whoever keeps it closes it.
            opened: whether an earlier reader has opened it.
        """
        self.live, self.name, self.kind, self.waits = source.live, source.name, source.kind, source.waits
        self.frames = source.frames
        self.opened = opened
        self._source = source
        self._before = source.overwritten

    async def open(self) -> None:
        """Open the source, if nobody has. See `Source.open`."""
        if not self.opened:
            await self._source.open()
            self.opened = True
            self.frames = self._source.frames

    async def recv(self) -> Frame:
        """Wait for the next frame. See `Source.recv`."""
        frame = await self._source.recv()
        self.overwritten = self._source.overwritten - self._before
        return frame

    async def close(self) -> None:
        """Leave the source open."""

    def transport(self) -> Transport:
        """Return how the picture gets here. See `Source.transport`."""
        return self._source.transport()
