"""The contract of everything that frames come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from stream_guard.frame import Frame

__all__ = ["Source", "Transport"]


@dataclass(frozen=True, slots=True)
class Transport:
    """How the picture gets here, as measured over the last seconds. None or 0 where it is not known.

    Attributes:
        codec: its name.
        width, height: in pixels.
        fps: pictures a second.
        kbps: kilobits a second.
        lost: packets that did not arrive the first time, since the beginning.
        decode_errors: pictures that could not be decoded, since the beginning.
        passed_over: pictures that came and were not decoded, because one they build on was lost, since the
            beginning.
        damaged: pictures that were decoded all the same: in part, no camera made them. Since the beginning.
    """

    codec: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    kbps: float | None = None
    lost: int | None = None
    decode_errors: int = 0
    passed_over: int = 0
    damaged: int = 0

    @property
    def bits_per_pixel(self) -> float | None:
        """How many bits a pixel of the picture has, on average; None where the bitrate is not known."""
        pixels = self.width * self.height * self.fps
        return self.kbps * 1000 / pixels if self.kbps is not None and pixels > 0 else None


class Source(ABC):
    """Frames, one `recv` at a time, in order.

    ``async with source:`` opens and closes it. One task at a time may call `recv`.

    A live source never waits for its reader: where frames arrive faster than `recv` is called, the newest
    is delivered and the number of those passed over goes into `overwritten`. A file waits and delivers all.

    Attributes:
        live: whether frames come at their own pace.
        name: short, for people; passwords and tokens in URLs are blotted out.
        kind: ``webrtc``, ``whep``, ``file``, ``rtsp``, ``rtmp``, ``udp``, ``tcp``, ``camera``, ``screen`` or
            ``pattern``.
    """

    live: bool
    name: str
    kind: str

    waits: bool = False
    """Whether opening takes as long as a sender takes to come."""

    overwritten: int = 0
    """Frames a newer one took the place of before `recv` was called."""

    frames: int | None = None
    """How many frames a recording has, about, as far as its container tells; for progress bars."""

    @abstractmethod
    async def open(self) -> None:
        """Start. Returns once frames may be expected.

        Raises:
            SourceNotFound: no such file, device or address.
            UnsupportedMedia: no video we can decode.
            SourceError: anything else; the message says what.
        """

    @abstractmethod
    async def recv(self) -> Frame:
        """Wait for the next frame.

        Raises:
            SourceEnded: there will be no more; raised again on every later call.
            SourceError: the stream broke; the message says what. For files, after the last whole frame.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of the device, file or connection. Safe to call twice, and while `recv` waits: that ends."""

    def transport(self) -> Transport:
        """Return how the picture gets here."""
        return Transport()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
