"""One slot between the reader and the worker. For live streams the newest wins; for files nothing is lost."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

__all__ = ["Closed", "Mailbox"]

T = TypeVar("T")


class Closed(Exception):
    """The mailbox is closed and empty."""


class Mailbox(Generic[T]):
    """Holds at most one item. One task puts, one task takes."""

    def __init__(self) -> None:
        self._item: T | None = None
        self._closed = False
        self._changed = asyncio.Condition()

    async def replace(self, item: T) -> bool:
        """Put an item, throwing out the one that waits. Never waits for the taker.

        Returns:
            Whether one was thrown out.
        """
        async with self._changed:
            replaced = self._item is not None
            self._item = item
            self._changed.notify_all()
            return replaced

    async def put(self, item: T) -> None:
        """Wait until the slot is empty, then put an item.

        Raises:
            Closed: nobody will take it.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._item is None or self._closed)
            if self._closed:
                raise Closed
            self._item = item
            self._changed.notify_all()

    async def take(self, timeout_s: float | None = None) -> T | None:
        """Wait for an item and take it out.

        Args:
            timeout_s: how long to wait at most, in seconds.

        Returns:
            The item, or None when the time is over.

        Raises:
            Closed: the slot is empty and will stay so.
        """
        async with self._changed:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._changed.wait_for(lambda: self._item is not None or self._closed)
            except TimeoutError:
                return None
            item, self._item = self._item, None
            if item is None:
                raise Closed
            self._changed.notify_all()
            return item

    async def close(self) -> None:
        """Say that no more will come. What waits can still be taken."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()
