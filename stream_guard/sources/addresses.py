"""Keeps one WebRTC connection's media on 127.0.0.1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import aioice.ice

__all__ = ["only_loopback"]

_restricted: ContextVar[bool] = ContextVar("stream_guard_only_loopback", default=False)

_all_host_addresses = aioice.ice.get_host_addresses


def _host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """Stand in for aioice's own, which leaves loopback out and knows no other restriction."""
    if _restricted.get():
        return ["127.0.0.1"]
    return _all_host_addresses(use_ipv4=use_ipv4, use_ipv6=use_ipv6)


aioice.ice.get_host_addresses = _host_addresses


@contextmanager
def only_loopback(restrict: bool) -> Iterator[None]:
    """Let candidates gathered inside be 127.0.0.1 only, if ``restrict``; tasks started inside inherit it.

    A browser on the same machine still connects: the kernel delivers packets between its own addresses.
    """
    token = _restricted.set(restrict)
    try:
        yield
    finally:
        _restricted.reset(token)
