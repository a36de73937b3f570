"""The bounded place between whoever makes frames and the one task that reads them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque

from stream_guard.errors import SourceEnded, SourceError
from stream_guard.frame import Frame

__all__ = ["Handover"]


class Handover:
    """Frames from one producer, in any thread, to one reader on the event loop.

    With ``newest_wins`` it holds one frame and a newer one takes its place, so a slow reader is never shown
    the past. Else it holds ``depth`` frames and the producer, which must then be a thread, waits.

    Attributes:
        overwritten: frames a newer one took the place of before they were read.
    """

    def __init__(self, *, newest_wins: bool, depth: int = 4) -> None:
        self._newest_wins = newest_wins
        self._depth = depth
        self._frames: deque[Frame] = deque()
        self._end: SourceError | None = None
        self._changed = threading.Condition(threading.Lock())
        self._waiting: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self.overwritten = 0

    def put(self, frame: Frame) -> bool:
        """Hand over a frame; waits for room unless the newest wins.

        Returns:
            False once the hand-over has ended: nobody will read any more.
        """
        with self._changed:
            while not self._newest_wins and len(self._frames) >= self._depth and self._end is None:
                self._changed.wait()
            if self._end is not None:
                return False
            if self._newest_wins:
                self.overwritten += len(self._frames)
                self._frames.clear()
            self._frames.append(frame)
            self._wake_reader()
            return True

    def end(self, why: SourceError) -> None:
        """Say that there will be no more. What was handed over is still read. Only the first reason counts."""
        with self._changed:
            if self._end is None:
                self._end = why
                self._wake_reader()
                self._changed.notify_all()

    def close(self) -> None:
        """End at once: what was handed over is dropped, and whoever waits on either side goes on."""
        with self._changed:
            self._frames.clear()
            self._end = SourceEnded("the source was closed")
            self._wake_reader()
            self._changed.notify_all()

    async def get(self) -> Frame:
        """Wait for the next frame.

        Raises:
            SourceError: what `end` or `close` said, again on every later call.
        """
        while True:
            with self._changed:
                if self._frames:
                    frame = self._frames.popleft()
                    self._changed.notify_all()
                    return frame
                if self._end is not None:
                    # A fresh one each time: a raised exception drags its traceback along.
                    raise type(self._end)(*self._end.args)
                news = asyncio.Event()
                self._waiting = asyncio.get_running_loop(), news
            await news.wait()

    def _wake_reader(self) -> None:
        """Wake the reader once, however many frames come before it runs."""
        if self._waiting is not None:
            loop, news = self._waiting
            self._waiting = None
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody reads
                loop.call_soon_threadsafe(news.set)
