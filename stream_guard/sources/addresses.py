"""Which addresses may be reached: media of a call kept on 127.0.0.1, and URLs that a server sends us to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import urlsplit

import aioice.ice

from stream_guard.errors import SignallingError

__all__ = ["address_to_follow", "only_loopback"]

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


async def address_to_follow(url: str, *, given: str) -> str | None:
    """Return the address to use for a URL that came over the network; the user gave another one.

    Whoever is sent on by a server reaches what that server cannot: a router's pages, a cloud's metadata, services
    on this machine. So a name is looked up, every address it has must be a public one, and that address is used:
    looked up again, it might be another (DNS rebinding).

    Args:
        url: http or https; where a server sends us.
        given: the URL the user gave. Its host may be anywhere, and on loopback so may other ports of loopback.

    Returns:
        The address to connect to in place of the host's name; None where the host is the one the user gave.

    Raises:
        SignallingError: 403, another scheme, no host, a name that is not found, or an address that is not public.
    """
    try:
        parts, own = urlsplit(url), urlsplit(given)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise SignallingError(403, "the server sends us to an address that cannot be read") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise SignallingError(403, "the server sends us to something that is not http")
    if host == own.hostname:
        return None
    addresses = await _addresses(host, port)
    both_here = all(ip.is_loopback for ip in [*addresses, *await _addresses(own.hostname or "", port)])
    if not both_here and not all(_is_public(ip) for ip in addresses):
        raise SignallingError(
            403,
            f"the server sends us to {host[:100]}, inside a private network; give that URL yourself to allow it",
        )
    return str(addresses[0])


async def _addresses(host: str, port: int) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SignallingError(403, f"the server sends us to {host[:100]}, which is not found") from None
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def _is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    # An IPv4 address may hide in an IPv6 one, and routers unpack it: mapped, 6to4, NAT64 (RFC 6052).
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in ipaddress.ip_network("64:ff9b::/96"):
            return _is_public(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is not None:
            return _is_public(inner)
    return ip.is_global and not ip.is_multicast
