"""Keeps packets that no peer sends from ending or disturbing a call.

Whoever reaches a call's port may send to it: aioice hands on what is no STUN message, whoever it is from, and in
aiortc an empty datagram ended the call. So did a peer's own packet with a header extension of the wrong length; and
a report whose number does not fit left a task dead for which closing waits for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aioice.stun
from aiortc import RTCPeerConnection

__all__ = ["pass_over_broken"]

log = logging.getLogger(__name__)

_WAITING = 2048
"""Datagrams that are held before anybody reads them, which is once the connection is there; some two megabytes."""


def pass_over_broken(connection: RTCPeerConnection) -> None:
    """Pass over what is broken from now on. Call it once the media sections are known, before media flows.

    aiortc has no setting for it, so private methods are wrapped, where they are there.
    """
    for transceiver in connection.getTransceivers():
        receiver: Any = transceiver.receiver
        dtls: Any = receiver.transport
        for holder, name in ((dtls, "_handle_rtp_data"), (dtls, "_handle_rtcp_data"), (receiver, "_send_rtcp")):
            _wrap(holder, name, _without_errors)
        _wrap(dtls.transport, "_recv", _without_empty)
        ice: Any = getattr(dtls.transport, "_connection", None)
        if hasattr(ice, "_queue") and not isinstance(ice._queue, _Bounded):
            ice._queue = _Bounded()


class _Bounded(asyncio.Queue[Any]):
    """A queue that loses what comes when it is full, but for the None that says it is over."""

    def put_nowait(self, item: Any) -> None:
        if item is None or self.qsize() < _WAITING:
            super().put_nowait(item)


def _wrap(holder: Any, name: str, how: Callable[[Any], Any]) -> None:
    """Replace a method of one object, once."""
    method = getattr(holder, name, None)
    if method is not None and not getattr(method, "passes_over_broken", False):
        wrapped = how(method)
        wrapped.passes_over_broken = True
        setattr(holder, name, wrapped)


def _without_errors(method: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def call(*arguments: Any, **named: Any) -> None:
        try:
            await method(*arguments, **named)
        except ConnectionError:
            raise  # that is how a connection ends
        except Exception as error:
            # The parsers are written for well-formed packets and fail in any way on others.
            log.debug("a packet was passed over: %s", type(error).__name__)

    return call


def _without_empty(receive: Callable[[], Awaitable[bytes]]) -> Callable[[], Awaitable[bytes]]:
    async def call() -> bytes:
        while not (data := await receive()):
            pass
        return data

    return call


_stun: Any = aioice.stun
_parse_message = _stun.parse_message


def _parsed(data: bytes) -> Any:
    """Stand in for aioice's own, whose callers expect ValueError only; attributes cut short raise others."""
    try:
        return _parse_message(data)
    except ValueError:
        raise
    except Exception as error:
        raise ValueError("STUN message has an attribute that cannot be read") from error


_stun.parse_message = _parsed
