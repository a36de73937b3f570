"""What FFmpeg is told for each kind of URL. Pure: nothing is opened here."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from stream_guard.errors import ConfigError, printable

__all__ = ["Input", "blot", "camera_input", "file_input", "network_input", "screen_input"]

_QUICK = {"fflags": "nobuffer", "flags": "low_delay", "probesize": "200000", "analyzeduration": "200000"}
"""Measured with OBS as sender: opens in 0.6 to 0.9 s, first frame within 2 s, 0.2 s behind."""

_PROTOCOLS = {
    "rtsp": "rtsp,rtsps,rtp,srtp,udp,tcp,tls",
    "rtmp": "rtmp,rtmps,tcp,tls,crypto",
    "udp": "udp,rtp",
    "tcp": "tcp",
}
"""What FFmpeg may use for a stream. A sender may send a playlist in place of a video, and in it name files."""

_SECRET = re.compile(r"((?:user|username|pass|passwd|password|pwd|token|key)=)[^&/;]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Input:
    """One thing FFmpeg can open.

    Attributes:
        address: what FFmpeg calls the URL.
        kind: as `Source.kind`.
        name: for people, without secrets.
        format: FFmpeg's name of the format; None lets it find out.
        options: for the protocol, format and decoder.
        live: whether frames come at their own pace.
        waits: whether opening takes as long as the sender takes to come.
    """

    address: str
    kind: str
    name: str
    format: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    live: bool = True
    waits: bool = False


def blot(url: str) -> str:
    """Return a URL without what must not be seen: user, password, query, stream key."""
    parts = urlsplit(url)
    if "@" in parts.path + parts.fragment or ("@" in parts.query and "@" not in parts.netloc):
        # A password with / ? or # in it ends the host's part early, and its rest would pass for a path.
        return f"{parts.scheme}://***"
    path = _SECRET.sub(r"\1***", parts.path)
    if parts.scheme.startswith("rtmp"):  # rtmp://host/app/KEY
        app, slash, _ = path.strip("/").partition("/")
        path = f"/{app}/***" if slash else path
    query = "***" if parts.query else ""
    return printable(urlunsplit((parts.scheme, _host(parts), path, query, "")))


def file_input(path: str, *, realtime: bool = False) -> Input:
    """Describe a file.

    Args:
        path: a path, or a ``file:`` URL.
        realtime: play it at its own pace, as if it were live.
    """
    if path.startswith("file:"):
        # Not by `urlsplit`: brackets, which it takes for half an IPv6 address, may stand in a name.
        rest = re.split(r"[?#]", path.removeprefix("file:"), maxsplit=1)[0]
        path = unquote(f"/{rest[2:].partition('/')[2]}" if rest.startswith("//") else rest)
    # "file:" keeps FFmpeg from reading a protocol out of the name; the whitelist keeps a playlist from
    # fetching what it names.
    options = {"protocol_whitelist": "file"}
    return Input(f"file:{path}", "file", printable(Path(path).name or path), options=options, live=realtime)


def network_input(url: str) -> Input:
    """Describe an RTSP, RTMP, UDP or TCP stream. ``listen=1`` in the query waits for a sender to come.

    Raises:
        ConfigError: a scheme other than rtsp, rtsps, rtmp, rtmps, udp or tcp, or no host and port.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    listen = query.pop("listen", "0") not in {"0", ""}
    bare = urlunsplit(parts._replace(query=urlencode(query)))
    scheme = parts.scheme
    protocols = {"protocol_whitelist": _PROTOCOLS.get(scheme.removesuffix("s"), "")}
    if not parts.hostname and scheme != "udp":
        raise ConfigError(f"{blot(url)} names no host")
    if scheme in {"rtsp", "rtsps"}:
        # Over UDP a lost packet smears the picture until the next key frame.
        # Listening for ever is broken in FFmpeg (it multiplies its -1 by 1000), hence twelve days.
        mode = {"rtsp_flags": "listen", "listen_timeout": "1000000"} if listen else {"rtsp_flags": "prefer_tcp"}
        return Input(
            bare if listen else url, "rtsp", blot(url), None, {**_QUICK, **protocols, **mode}, waits=listen
        )
    if scheme in {"rtmp", "rtmps"}:
        options = {**_QUICK, **protocols, **({"listen": "1"} if listen else {"rtmp_live": "live"})}
        return Input(bare, "rtmp", blot(url), "flv", options, waits=listen)
    if scheme in {"udp", "tcp"} and not _port(parts):
        raise ConfigError(f"{blot(url)} names no port")
    if scheme == "udp":
        address = _with_query(bare, {"fifo_size": "50000", "overrun_nonfatal": "1", **query})
        return Input(address, "udp", blot(url), "mpegts", {**_QUICK, **protocols}, waits=True)
    if scheme == "tcp":
        address = _with_query(bare, {**query, **({"listen": "1"} if listen else {})})
        return Input(address, "tcp", blot(url), None, {**_QUICK, **protocols}, waits=listen)
    raise ConfigError(f"{scheme}: is no stream FFmpeg receives here")


def camera_input(url: str, *, platform: str = sys.platform) -> Input:
    """Describe a webcam: ``camera:``, ``camera:1``, ``camera:/dev/video2``, ``camera:NAME?size=1280x720&fps=30``.

    Raises:
        ConfigError: an option that is not size or fps, or, on Windows, no name.
    """
    which, options = _device(url, {"size": "video_size", "fps": "framerate"})
    if platform.startswith("linux"):
        device = f"/dev/video{which or 0}" if which.isdigit() or not which else which
        return Input(device, "camera", device, "v4l2", options)
    if platform == "darwin":
        # AVFoundation refuses to start without a rate the camera has; all have 30.
        return Input(
            f"{which or 0}:none", "camera", f"camera {which or 0}", "avfoundation", {"framerate": "30", **options}
        )
    if platform == "win32":
        if not which or which.isdigit():
            raise ConfigError(
                "on Windows name the camera: camera:Integrated Camera "
                "(ffmpeg -list_devices true -f dshow -i dummy shows the names)"
            )
        return Input(f"video={which}", "camera", which, "dshow", {"rtbufsize": "64M", **options})
    raise ConfigError(f"cameras are not supported on {platform}")


def screen_input(url: str, *, platform: str = sys.platform, environ: Mapping[str, str] = os.environ) -> Input:
    """Describe a screen: ``screen:``, ``screen:1``, ``screen:?size=1280x720&at=100,50&fps=15&display=:1``.

    Raises:
        ConfigError: an option that is none of those, or that this platform has not.
    """
    known = {"size": "video_size", "fps": "framerate", "at": "at", "display": "display"}
    which, options = _device(url, known)
    options = {"framerate": "30", **options}
    at, display = options.pop("at", ""), options.pop("display", "")
    if platform.startswith("linux"):
        display = display or environ.get("DISPLAY", ":0")
        address = f"{display}{f'.{which}' if which else ''}{f'+{at}' if at else ''}"
        return Input(address, "screen", f"screen {address}", "x11grab", options)
    if display or (at and platform == "darwin"):
        raise ConfigError(f"screen: {'display' if display else 'at'} is not known on {platform}")
    if platform == "darwin":
        return Input(f"Capture screen {which or 0}:none", "screen", f"screen {which or 0}", "avfoundation", options)
    if platform == "win32":
        if at:
            options["offset_x"], _, options["offset_y"] = at.partition(",")
        return Input("desktop", "screen", "screen", "gdigrab", options)
    raise ConfigError(f"screens are not supported on {platform}")


def _device(url: str, known: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return which device is meant, and FFmpeg's options for it."""
    scheme, _, rest = url.partition(":")
    which, _, query = rest.partition("?")
    given = dict(parse_qsl(query))
    strange = sorted(given.keys() - known.keys())
    if strange:
        raise ConfigError(f"{scheme}: does not know {strange[0]!r}; it knows {', '.join(known)}")
    if "size" in given and not re.fullmatch(r"\d+x\d+", given["size"]):
        raise ConfigError(f"{scheme}: size is WIDTHxHEIGHT, such as 1280x720")
    return unquote(which), {known[name]: value for name, value in given.items()}


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        return None


def _with_query(url: str, query: Mapping[str, str]) -> str:
    return urlunsplit(urlsplit(url)._replace(query=urlencode(query)))
