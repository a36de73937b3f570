"""Every error stream-guard raises, in one tree.

::

    StreamGuardError
    ├── ConfigError            a setting that cannot work
    ├── SourceError            frames cannot be had
    │   ├── SourceNotFound     no such file, device or address
    │   ├── UnsupportedMedia   there is something, but no video we can decode
    │   └── SourceEnded        the last frame has been delivered (normal end)
    ├── SignallingError        a WHIP or WHEP exchange went wrong; carries the HTTP status
    ├── ModelError             a model file is missing, damaged or of the wrong kind
    ├── EngineError            an inference backend failed
    │   ├── EngineUnavailable  it cannot run here; the message says why
    │   └── EngineLost         it ran, and its device is gone; only another engine can go on
    ├── TrackingError          faces cannot be followed
    ├── TooManySessions    the limit of simultaneous sessions is reached
    ├── ConnectionRefused  the client cannot reach the server, or is not wanted
    ├── SignatureError     a signature is missing, torn, or none of that key on those bytes
    └── ProtocolError          a message on the wire that breaks the rules

Messages are one line and say what to do. They never hold pixels, SDP or passwords.
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "ConnectionRefused",
    "EngineError",
    "EngineLost",
    "EngineUnavailable",
    "ModelError",
    "ProtocolError",
    "SignallingError",
    "SignatureError",
    "SourceEnded",
    "SourceError",
    "SourceNotFound",
    "StreamGuardError",
    "TooManySessions",
    "TrackingError",
    "UnsupportedMedia",
    "printable",
]


def printable(text: str) -> str:
    """Return what others wrote, fit for a message: no line breaks, nothing a terminal obeys, no half letters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


class StreamGuardError(Exception):
    """Root of all errors raised on purpose."""

    retryable: bool = False
    """Whether the same call may succeed later without anything being changed."""


class ConfigError(StreamGuardError):
    """A setting that cannot work, alone or with the others."""


class SourceError(StreamGuardError):
    """Frames cannot be had from a source."""

    retryable = True


class SourceNotFound(SourceError):
    """There is no such file, device or address."""

    retryable = False


class UnsupportedMedia(SourceError):
    """Something is there, but it holds no video that can be decoded."""

    retryable = False


class SourceEnded(SourceError):
    """The source has delivered its last frame. Raised by `Source.recv`, again on every later call."""

    retryable = False


class SignallingError(StreamGuardError):
    """A WHIP (RFC 9725) or WHEP exchange went wrong.

    Attributes:
        status: the HTTP status to answer with, or the one that was received.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ModelError(StreamGuardError):
    """A model file is missing, damaged or not what its manifest says."""


class EngineError(StreamGuardError):
    """An inference backend failed."""


class EngineUnavailable(EngineError):
    """A backend cannot run on this machine; the message is the reason its probe gave."""


class EngineLost(EngineError):
    """The device, its driver or its context is gone: the engine cannot go on, another one can."""


class TrackingError(StreamGuardError):
    """Faces cannot be followed: what follows them hangs, or fails again and again."""


class TooManySessions(StreamGuardError):
    """The limit of simultaneous sessions is reached; try again later."""

    retryable = True


class ConnectionRefused(StreamGuardError):
    """The client could not reach the server, or the server does not want it; the message says which."""

    retryable = True


class ProtocolError(StreamGuardError):
    """A message on the wire that breaks the rules of `stream_guard.protocol`."""


class SignatureError(StreamGuardError):
    """A signature is missing or torn, or it is none of that key on those bytes: something was changed."""
