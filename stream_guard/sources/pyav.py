"""Everything FFmpeg reads: files, RTSP, RTMP, MPEG-TS, webcams, screens. One thread a source."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av import Packet, VideoFrame
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from stream_guard.clock import Clock, MonotonicClock, seconds
from stream_guard.errors import SourceEnded, SourceError, UnsupportedMedia
from stream_guard.frame import Frame
from stream_guard.sources.base import Source, Transport
from stream_guard.sources.colour import planes, shown_size, to_rgb
from stream_guard.sources.failures import MAX_PIXELS, expect_file, expect_size, explain, shortfall
from stream_guard.sources.handover import Handover
from stream_guard.sources.inputs import Input
from stream_guard.sources.interrupt import FOREVER_S, Interrupt
from stream_guard.sources.rates import Rate
from stream_guard.sources.timeline import Timeline

__all__ = ["PyAvSource"]

log = logging.getLogger(__name__)

_SILENCE_LIMIT_S = 10.0
"""How long opening may take, and a stream be silent, where nobody is waited for."""

_CLOSE_LIMIT_S = 2.0


class PyAvSource(Source):
    """Reads an `Input` through PyAV.

    A live one is read as it comes and the newest frame wins. A file is read as far as its reader is, every
    frame, at most four ahead. A file that is ``live`` is shown at its own pace.
    """

    def __init__(self, source: Input, *, clock: Clock | None = None) -> None:
        self.live = source.live
        self.kind = source.kind
        self.name = source.name
        self.waits = source.waits
        self._input = source
        self._clock = clock or MonotonicClock()
        self._frames = Handover(newest_wins=source.live)
        self._interrupt = Interrupt()
        self._thread: threading.Thread | None = None
        self._opened: asyncio.Future[None] | None = None
        self._finished = asyncio.Event()
        self._facts = Transport()
        self._pictures = Rate()
        self._bytes = Rate()
        self._sequence = 0
        self._decode_errors = 0

    async def open(self) -> None:
        """Open it; where a sender is waited for, that waits too. See `Source.open`."""
        if self._thread is None:
            loop = asyncio.get_running_loop()
            self._opened = loop.create_future()
            self._thread = threading.Thread(
                target=self._run, args=(loop, self._opened), name=f"{self.kind} reader", daemon=True
            )
            self._thread.start()
        assert self._opened is not None
        try:
            await asyncio.shield(self._opened)
        except BaseException:
            await self.close()
            raise

    async def recv(self) -> Frame:
        """Wait for the next frame. See `Source.recv`."""
        frame = await self._frames.get()
        self.overwritten = self._frames.overwritten
        return frame

    async def close(self) -> None:
        """Stop reading and let go. See `Source.close`."""
        self._interrupt.ask()
        self._frames.close()
        if self._thread is not None:
            try:
                async with asyncio.timeout(_CLOSE_LIMIT_S):  # in Python 3.11, wait_for swallows a cancellation
                    await self._finished.wait()
            except TimeoutError:
                log.warning("%s: the device or connection does not let go; left behind", self.name)

    def transport(self) -> Transport:
        """Return how the picture gets here. See `Source.transport`."""
        now_ns = self._clock.now_ns()
        return Transport(
            codec=self._facts.codec,
            width=self._facts.width,
            height=self._facts.height,
            fps=self._pictures.per_second(now_ns) if self.live else self._facts.fps,
            kbps=self._bytes.per_second(now_ns) * 8 / 1000 if self.live else self._facts.kbps,
            decode_errors=self._decode_errors,
        )

    # From here on: the reader's thread.

    def _run(self, loop: asyncio.AbstractEventLoop, opened: asyncio.Future[None]) -> None:
        """Read to the end, and say how it ended."""

        def tell(error: SourceError | None) -> None:
            if not opened.done():
                opened.set_exception(error) if error is not None else opened.set_result(None)
                opened.exception()  # whoever waited may have been cancelled

        end: SourceError
        try:
            with self._interrupt.of_this_thread(), self._open() as container:
                stream = self._choose(container)
                loop.call_soon_threadsafe(tell, None)
                end = self._read(container, stream)
        except SourceError as error:
            end = error
        except (av.error.FFmpegError, OSError) as error:
            end = explain(error, self._input, started=self._sequence > 0)
        except Exception:
            log.exception("%s: the reader failed", self.name)
            end = SourceError(f"{self.name}: an internal error; see the log")
        self._frames.end(end)
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits
            loop.call_soon_threadsafe(tell, end)
            loop.call_soon_threadsafe(self._finished.set)

    def _open(self) -> InputContainer:
        if self.kind == "file":
            expect_file(Path(self._input.address.removeprefix("file:")))
        silence_s = min(_SILENCE_LIMIT_S, FOREVER_S)
        opening_s = FOREVER_S if self._input.waits or not self.live else silence_s
        return av.open(
            self._input.address,
            format=self._input.format,
            options=dict(self._input.options),
            timeout=(opening_s, silence_s if self.live else FOREVER_S),
        )

    def _choose(self, container: InputContainer) -> VideoStream:
        """Return the video to decode."""
        streams = [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]
        if not streams or container.format.name == "tty":  # FFmpeg paints text files as terminals
            what = "sound but no video" if container.streams.audio else "no video"
            raise UnsupportedMedia(f"{self.name} holds {what}")
        best = container.streams.best("video")
        stream = best if best in streams and isinstance(best, VideoStream) else streams[0]
        if stream.codec_context is None:
            raise UnsupportedMedia(f"{self.name}: there is no decoder for its video")
        # Frame threads are faster but keep back as many frames as there are threads.
        stream.thread_type = "SLICE" if self.live else "AUTO"
        # Twice our own limit, which answers in words: a picture may grow where only the decoder sees it in time.
        stream.codec_context.options = {"max_pixels": str(2 * MAX_PIXELS)}
        expect_size(self.name, stream.codec_context.width, stream.codec_context.height)
        fps = float(stream.average_rate or stream.guessed_rate or 0)
        if not self.live:
            self.frames = stream.frames or round((container.duration or 0) / av.time_base * fps) or None
        kbps = stream.codec_context.bit_rate
        self._facts = Transport(
            codec=stream.codec_context.name.upper(),
            width=stream.codec_context.width,
            height=stream.codec_context.height,
            fps=fps,
            kbps=kbps / 1000 if kbps else None,
        )
        return stream

    def _read(self, container: InputContainer, stream: VideoStream) -> SourceError:
        """Decode until there is no more, and return why."""
        timeline = Timeline(live=self.live and self.kind != "file", frame_s=1 / (self._facts.fps or 30.0))
        began_ns = 0
        media_s = 0.0
        damaged = False
        for packet in container.demux(stream):
            if packet.size:
                damaged = packet.is_corrupt
            for picture in self._decode(packet):
                now_ns = self._clock.now_ns()
                media_s = timeline.place(picture.time, now_ns)
                began_ns = began_ns or now_ns
                if self.kind == "file" and self.live:
                    self._interrupt.sleep(media_s - seconds(now_ns - began_ns))
                    now_ns = self._clock.now_ns()
                if not self._hand_over(picture, media_s, now_ns):
                    return SourceEnded("the source was closed")
        if self.kind != "file":
            return SourceEnded("the sender has ended the stream")
        if not self._sequence:
            return UnsupportedMedia(f"{self.name} holds no frame that can be decoded")
        return shortfall(self.name, container, stream, read_s=media_s, damaged=damaged) or SourceEnded(
            "the file is at its end"
        )

    def _decode(self, packet: Packet[Any]) -> list[VideoFrame]:
        """Return the whole pictures a packet completes; broken ones are counted."""
        if self._interrupt.asked():
            return []
        if self.live:
            self._bytes.add(self._clock.now_ns(), packet.size)
        try:
            pictures = packet.decode()
        except av.error.FFmpegError:  # damaged, too large, or what this decoder does not know
            self._decode_errors += 1
            return []
        whole = [picture for picture in pictures if isinstance(picture, VideoFrame) and not picture.is_corrupt]
        self._decode_errors += len(pictures) - len(whole)
        return whole

    def _hand_over(self, picture: VideoFrame, media_s: float, arrived_ns: int) -> bool:
        expect_size(self.name, picture.width, picture.height)
        width, height = shown_size(picture)
        if (width, height) != (self._facts.width, self._facts.height):
            self._facts = Transport(self._facts.codec, width, height, self._facts.fps, self._facts.kbps)
        self._pictures.add(arrived_ns)
        frame = Frame(
            lambda: self._converted(picture),
            sequence=self._sequence,
            media_s=media_s,
            arrived_ns=arrived_ns,
            width=width,
            height=height,
            planes=lambda: planes(picture, hd_is_bt709=True),
        )
        self._sequence += 1
        return self._frames.put(frame)

    def _converted(self, picture: VideoFrame) -> NDArray[np.uint8]:
        """Convert a picture; in whichever thread wants it."""
        try:
            return to_rgb(picture, hd_is_bt709=True)
        except UnsupportedMedia as error:
            raise UnsupportedMedia(f"{self.name}: {error}") from None
