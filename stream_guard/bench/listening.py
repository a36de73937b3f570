"""When a server begins to listen."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from stream_guard.errors import StreamGuardError

__all__ = ["listening"]

_AGAIN_S = 0.01
_PATIENCE_S = 120.0


async def listening(url: str, *, within_s: float = _PATIENCE_S) -> None:
    """Wait until somebody listens at a URL's host and port, to a hundredth of a second.

    Raises:
        StreamGuardError: nobody does within the time.
    """
    address = urlsplit(url)
    try:
        async with asyncio.timeout(within_s):
            while True:
                try:
                    _, writer = await asyncio.open_connection(address.hostname, address.port)
                except OSError:
                    await asyncio.sleep(_AGAIN_S)
                    continue
                writer.close()
                return
    except TimeoutError:
        raise StreamGuardError(f"nothing listens at {url} after {within_s:.0f} s") from None
