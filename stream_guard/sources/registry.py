"""From a URL to a source."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stream_guard.clock import Clock
from stream_guard.errors import ConfigError
from stream_guard.sources.base import Source

if TYPE_CHECKING:
    from stream_guard.sources.ice import IceSettings

__all__ = ["SCHEMES", "open_source"]

SCHEMES: dict[str, str] = {
    "PATH": "a video file; every frame, however long it takes",
    "rtsp://": "a network camera; rtsps:// too. With ?listen=1 a sender may publish to us",
    "rtmp://": "an RTMP stream; rtmps:// too. rtmp://127.0.0.1:1935/live/key?listen=1 waits for OBS or ffmpeg",
    "udp://": "MPEG-TS by UDP: udp://127.0.0.1:5000",
    "tcp://": "MPEG-TS by TCP: tcp://127.0.0.1:5000?listen=1",
    "whep://": "a WebRTC stream pulled by WHEP over http; wheps:// over https. Token: ?token=",
    "camera:": "a webcam: camera:, camera:1, camera:/dev/video2?size=1280x720&fps=30",
    "screen:": "a screen: screen:, screen:?size=1280x720&at=0,0&fps=15",
    "pattern:": "a drawn test picture: pattern:?size=1280x720&fps=30&seconds=10",
}
"""What `open_source` understands, one line each, for help and documentation."""


def open_source(
    url: str, *, clock: Clock | None = None, realtime: bool = False, ice: IceSettings | None = None
) -> Source:
    """Return the source a URL or path stands for. It is not open yet: ``async with`` opens it.

    Nothing heavy is imported for sources that are not used.

    Args:
        url: see `SCHEMES`.
        clock: for arrivals.
        realtime: play a file at its own pace, as if it were live; means nothing for others.
        ice: STUN and TURN servers for WebRTC; None asks none.

    Raises:
        ConfigError: an unknown scheme, or options it does not know.
    """
    # One letter is a drive: C:\clip.mp4. What exists is a file, whatever its name looks like.
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", url)
    scheme = match[1].lower() if match and not os.path.exists(url) else "file"
    if match and scheme != "file":
        url = scheme + url[len(scheme) :]
        try:
            urlsplit(url)
            url.encode()  # half letters, as in names of files that are no text
        except ValueError:
            raise ConfigError(f"{scheme}: is followed by no address that can be read") from None
    if scheme == "pattern":
        from stream_guard.sources.pattern import PatternSource

        return PatternSource.from_url(url, clock=clock)
    if scheme in {"whep", "wheps", "whep+http", "whep+https"}:
        from stream_guard.sources.whep import WhepSource

        return WhepSource(url, clock=clock, ice=ice)
    return _through_ffmpeg(url, scheme, clock=clock, realtime=realtime)


def _through_ffmpeg(url: str, scheme: str, *, clock: Clock | None, realtime: bool) -> Source:
    from stream_guard.sources import inputs

    if scheme == "file":
        described = inputs.file_input(url, realtime=realtime)
    elif scheme == "camera":
        described = inputs.camera_input(url)
    elif scheme == "screen":
        described = inputs.screen_input(url)
    elif scheme in {"rtsp", "rtsps", "rtmp", "rtmps", "udp", "tcp"}:
        described = inputs.network_input(url)
    else:
        raise ConfigError(f"{scheme}: is no source; known are {', '.join(SCHEMES)}")
    from stream_guard.sources.pyav import PyAvSource

    return PyAvSource(described, clock=clock)
