"""The kinds of bad network that are tried, and what happens in the middle of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from stream_guard.bench.impairment import Impairment
from stream_guard.bench.relay import Relay

__all__ = ["DAMAGES", "HAPPENS_AT_S", "LASTS_S", "Damage"]

HAPPENS_AT_S, LASTS_S = 5.0, 5.0
"""When it happens to a call, and for how long, in seconds."""

_USUAL = Impairment(delay_ms=30)
_NARROW = replace(_USUAL, kbps=250, queue_ms=400)

Happening = Callable[[Relay], Awaitable[None]]


async def _nothing(_: Relay) -> None:
    pass


async def _outage(relay: Relay) -> None:
    relay.cut()
    await asyncio.sleep(LASTS_S)
    relay.mend()


async def _collapse(relay: Relay) -> None:
    relay.become(_NARROW)
    await asyncio.sleep(LASTS_S)
    relay.become(_USUAL)


async def _rebind(relay: Relay) -> None:
    await relay.rebind()


@dataclass(frozen=True)
class Damage:
    """A bad network.

    Attributes:
        name: for people.
        network: all the time.
        happens: in the middle of the call, besides.
        camera_off: whether the camera is off for as long, and sends black.
    """

    name: str
    network: Impairment = _USUAL
    happens: Happening = _nothing
    camera_off: bool = False


DAMAGES = (
    Damage("none"),
    *(Damage(f"{share} % lost", replace(_USUAL, loss=share / 100)) for share in (1, 5, 10, 20, 30)),
    Damage("10 % lost, 8 in a row", replace(_USUAL, loss=0.1, burst=8)),
    Damage("20 % lost, 30 in a row", replace(_USUAL, loss=0.2, burst=30)),
    Damage("10 % overtaken by 50 ms", replace(_USUAL, reorder=0.1, held_ms=50)),
    Damage("10 % doubled, 200 ms later", replace(_USUAL, duplicate=0.1, held_ms=200)),
    Damage("500 ms of jitter", replace(_USUAL, jitter_ms=500)),
    Damage("5 s outage", happens=_outage),
    Damage("5 s at 250 kb/s", happens=_collapse),
    Damage("another port", happens=_rebind),
    Damage("5 s of black", camera_off=True),
)
