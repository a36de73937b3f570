"""STUN and TURN: how a call gets here where routers are between, and why a TURN server is of no help."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import aioice.stun
from aioice import Candidate
from aioice.turn import create_turn_endpoint
from aiortc import RTCConfiguration, RTCIceServer
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from aiortc.rtcicetransport import parse_stun_turn_uri

from stream_guard.errors import ConfigError

__all__ = ["IceSettings", "relayed", "why_no_relay"]

_ANSWER_LIMIT_S = 5.0

_REFUSALS = {
    401: "refuses our user name or password",
    403: "forbids it",
    437: "has mixed up our allocations; try again",
    486: "has no room for this user",
    508: "has no port left",
}
"""Error codes of an allocation (RFC 8656, section 19; RFC 8489, section 14.8)."""


@dataclass(frozen=True, slots=True)
class IceSettings:
    """Which servers help media on its way. Without any nobody outside is asked anything.

    Attributes:
        stun: ``stun:host:port``, which tells us our public address; empty for none.
        turn: ``turn:host:port?transport=udp``, ``tcp``, or ``turns:``, which passes media on; empty for none.
        user, password: for the TURN server.
        relay_only: let no media come but through it.
    """

    stun: str = ""
    turn: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    relay_only: bool = False

    def __post_init__(self) -> None:
        """Check.

        Raises:
            ConfigError: a URL is none that can be used, or media is to go through a server that is not named.
        """
        for url, schemes in ((self.stun, ("stun:",)), (self.turn, ("turn:", "turns:"))):
            if url and not (url.startswith(schemes) and _readable(url)):
                named = " or ".join(schemes)
                raise ConfigError(f"an ICE server is written as {named}host:port, without user and password")
        if self.turn.startswith("turns:") and self.turn.endswith("transport=udp"):
            raise ConfigError("turns: is TLS over TCP here; write turn: for UDP")
        if self.relay_only and not self.turn:
            raise ConfigError("media can go through a TURN server only where one is named")

    @property
    def configuration(self) -> RTCConfiguration:
        """The same for aiortc, whose own default asks one of Google's servers."""
        servers = [RTCIceServer(self.stun)] if self.stun else []
        if self.turn:
            servers.append(RTCIceServer(self.turn, username=self.user, credential=self.password))
        policy = RTCIceTransportPolicy.RELAY if self.relay_only else RTCIceTransportPolicy.ALL
        return RTCConfiguration(iceServers=servers, iceTransportPolicy=policy)


def relayed(description: str) -> bool:
    """Return whether a description names an address of a TURN server."""
    return any(" typ relay" in line for line in description.splitlines() if line.startswith("a=candidate:"))


async def why_no_relay(ice: IceSettings) -> str:
    """Ask the TURN server for an address once more, because aioice does not say why it got none.

    Returns:
        The reason in words, without user and password.
    """
    where = parse_stun_turn_uri(ice.turn)
    named = f"the TURN server {where['host']}"
    try:
        async with asyncio.timeout(_ANSWER_LIMIT_S):
            transport, _ = await create_turn_endpoint(
                _Nobody,
                server_addr=(where["host"], where["port"]),
                username=ice.user,
                password=ice.password,
                ssl=where["scheme"] == "turns",
                transport=where["transport"],
            )
    except aioice.stun.TransactionFailed as error:
        code = error.response.attributes.get("ERROR-CODE", (0,))[0]  # some refuse without a word
        return f"{named} {_REFUSALS.get(code, 'refuses us')} (error {code})"
    except (TimeoutError, aioice.stun.TransactionTimeout):
        return f"{named} does not answer"
    except (OSError, ConnectionError) as error:
        return f"{named} cannot be reached: {type(error).__name__}"
    transport.close()
    return f"{named} was too slow"


class _Nobody(asyncio.DatagramProtocol):
    """Receives nothing: the address is given back at once."""

    local_candidate: Candidate


def _readable(url: str) -> bool:
    if "@" in url:
        return False
    try:
        return bool(parse_stun_turn_uri(url)["host"])
    except ValueError:
        return False
