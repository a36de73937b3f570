"""The ways a picture gets from OBS to stream-guard: what OBS must be told, and what the server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["WAYS", "Sending", "way"]

WAYS = ("rtmp", "udp", "whip")

ENCODER = {
    "VBitrate": "2500",
    "StreamEncoder": "x264",
    "UseAdvanced": "true",
    "Preset": "veryfast",
    # A key frame a second, so that a receiver starts at once; no B frames, so that none waits for the next.
    "x264Settings": "keyint=30 bframes=0 tune=zerolatency profile=baseline",
}
"""Section ``SimpleOutput`` of a profile."""


@dataclass(frozen=True, slots=True)
class Sending:
    """One way.

    Attributes:
        service: OBS's type of streaming service.
        settings: of that service; they may hold the token.
        source: what ``stream-guard serve --source`` must listen on; None where OBS comes to the server itself.
        needs: what OBS must be able to.
    """

    service: str
    settings: dict[str, Any] = field(repr=False)
    source: str | None
    needs: str


def way(name: str, *, server: str, token: str | None = None) -> Sending:
    """Return one of `WAYS`.

    Args:
        name: ``rtmp``, ``udp`` (MPEG-TS) or ``whip``.
        server: address of stream-guard, such as ``http://127.0.0.1:8765``.
        token: one of the server's that may send; only WHIP shows it. The other ways reach no further than this
            machine.
    """
    settings: dict[str, Any]
    if name == "whip":
        settings = {"service": "WHIP", "server": f"{server}/whip", "bearer_token": token or ""}
        return Sending("whip_custom", settings, None, "OBS Studio 30 or newer, built with WebRTC")
    if name == "rtmp":
        settings = {"server": "rtmp://127.0.0.1:1935/live", "key": "stream-guard", "use_auth": False}
        source = "rtmp://127.0.0.1:1935/live/stream-guard?listen=1"
    elif name == "udp":
        settings = {"server": "udp://127.0.0.1:5000?pkt_size=1316", "key": "", "use_auth": False}
        source = "udp://127.0.0.1:5000"
    else:
        raise ValueError(f"{name!r} is none of {', '.join(WAYS)}")
    return Sending("rtmp_custom", settings, source, "any OBS Studio")
