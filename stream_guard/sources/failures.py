"""FFmpeg's errors as one line that says what to do."""

from __future__ import annotations

import errno
import re
import stat
from pathlib import Path

import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from stream_guard.errors import SourceEnded, SourceError, SourceNotFound, UnsupportedMedia, printable
from stream_guard.sources.inputs import Input

__all__ = ["MAX_PIXELS", "expect_file", "expect_size", "explain", "shortfall"]

MAX_PIXELS = 8192 * 4320
"""Of a picture: 8K and a little. Codecs allow 16383x16383, which is 800 MB in RGB."""

_LENGTH = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", re.ASCII)
"""How Matroska states a length: 00:00:10.033000000."""

_MISSING_S = 0.5
"""Seconds of a file's stated duration that may be missing at its end. Muxers round, and edit lists cut."""


def explain(error: OSError | av.error.FFmpegError, source: Input, *, started: bool) -> SourceError:
    """Return what to tell the user. FFmpeg's own text is left out: it may hold the URL.

    Args:
        error: what FFmpeg said.
        source: what was read.
        started: whether frames had come before.
    """
    name = source.name
    if started and source.waits and error.errno in {errno.EIO, errno.ECONNRESET, errno.EPIPE}:
        return SourceEnded("the sender has ended the stream")  # RTMP senders just hang up
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return SourceError(f"{name} refuses: give the right user and password in the URL")
    if isinstance(error, av.error.ProtocolNotFoundError | av.error.DemuxerNotFoundError):
        return UnsupportedMedia(f"{name}: this build of PyAV cannot receive it")
    if source.kind == "file":
        return _of_file(error, name)
    if source.kind in {"camera", "screen"}:
        return _of_device(error, source)
    return _of_network(error, name)


def expect_file(path: Path) -> None:
    """Refuse what is there but is no file. A pipe that nobody writes to cannot even be opened, or given up again.

    Raises:
        SourceNotFound: it is something else.
        OSError: it cannot be looked at.
    """
    try:
        mode = path.stat().st_mode
    except ValueError:  # no name of a file: it holds a zero, or half a letter
        raise SourceNotFound(f"no such file: {printable(path.name)}") from None
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        raise SourceNotFound(f"{path.name} is a pipe; save what comes through it to a file first")
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise SourceNotFound(f"{path.name} is a device; name a video file, or a camera as camera:{path}")


def expect_size(name: str, width: int, height: int) -> None:
    """Refuse a picture that is too large.

    Args:
        name: of what it is in.
        width, height: in pixels.

    Raises:
        UnsupportedMedia: it has more than `MAX_PIXELS`.
    """
    if width * height > MAX_PIXELS:
        raise UnsupportedMedia(f"{name}: a picture of {width}x{height} is too large; 8K is the most that is taken")


def shortfall(
    name: str, container: InputContainer, stream: VideoStream, *, read_s: float, damaged: bool
) -> SourceError | None:
    """Return what to say of a file that ended before the end it states; None for a whole one.

    Args:
        name: of the file.
        container, stream: what was read.
        read_s: time of the last whole frame, in seconds from the first.
        damaged: whether the last packet was cut.
    """
    stated_s = _stated_s(container, stream)
    frame_s = 1 / float(stream.average_rate or 30)
    missing = stated_s is not None and stated_s - (read_s + frame_s) > _MISSING_S
    if not missing and not damaged:
        return None
    of = f" of {stated_s:.1f}" if stated_s is not None else ""
    return SourceError(
        f"{name} ends early: {read_s + frame_s:.1f}{of} s could be read; the file is cut off or damaged"
    )


def _stated_s(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    stated = _LENGTH.match(stream.metadata.get("DURATION", ""))
    if stated is not None:
        return int(stated[1]) * 3600 + int(stated[2]) * 60 + float(stated[3])
    if container.duration is not None and not container.streams.audio:
        return container.duration / 1_000_000
    return None


def _of_file(error: Exception, name: str) -> SourceError:
    match error:
        case FileNotFoundError():
            return SourceNotFound(f"no such file: {name}")
        case IsADirectoryError():
            return SourceNotFound(f"{name} is a folder; name a video file")
        case PermissionError():
            return SourceNotFound(f"{name} may not be read by this user")
        case av.error.InvalidDataError() | EOFError():
            return UnsupportedMedia(f"{name} is not a video, or was cut off before its index")
    return SourceError(f"{name}: {_text(error)}")


def _of_device(error: Exception, source: Input) -> SourceError:
    match error:
        case FileNotFoundError():
            return SourceNotFound(f"there is no {source.kind} at {source.name}")
        case PermissionError():
            return SourceError(f"{source.name} may not be opened by this user")
        case BlockingIOError():
            return SourceError(f"{source.name} is in use by another program")
    if getattr(error, "errno", None) == errno.EBUSY:
        return SourceError(f"{source.name} is in use by another program")
    if source.format == "x11grab":
        return SourceNotFound(
            f"{source.name} cannot be opened; is DISPLAY right? (Wayland: share it from the browser)"
        )
    return SourceError(f"{source.name}: {_text(error)}")


def _of_network(error: Exception, name: str) -> SourceError:
    match error:
        case ConnectionRefusedError():
            return SourceError(f"nothing answers at {name}")
        case av.error.ExitError() | TimeoutError():
            return SourceError(f"{name} is silent: nothing has come for 10 s")
        case av.error.HTTPNotFoundError():
            return SourceError(f"{name}: there is no such stream")
        case av.error.InvalidDataError():
            return SourceError(f"{name} sends nothing that is a video")
    if getattr(error, "errno", None) == errno.EADDRINUSE:
        return SourceError(f"{name}: the port is in use by another program")
    return SourceError(f"{name} cannot be reached: {_text(error)}")


def _text(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or type(error).__name__)
