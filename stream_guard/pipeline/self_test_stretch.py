"""Some seconds of live pictures, each encoded as soon as it comes: what is kept is small, whatever their size."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream_guard.face import Box, Face
from stream_guard.faces.align import crop_matrix, cut
from stream_guard.pipeline.looker import Tracker
from stream_guard.pipeline.observers import Scored
from stream_guard.pipeline.pipeline import Judgement
from stream_guard.sources.re_encode import Encoder, VideoSetting

__all__ = ["SelfTestTools", "SentPicture", "Stretch"]

_SECONDS = 5.0
_MOST_FPS = 15.0
_MOST_BYTES = 64 << 20
"""Of coded pictures and crops. 75 crops of 176 px are 7 MB; only a call of 90 Mb/s would come to the rest."""

_SETTLE_S = 1.0
"""At the start, in which the rate control finds its level; not compared."""


@dataclass(frozen=True, slots=True)
class SelfTestTools:
    """What a self-test scores with: the same as live sessions.

    Attributes:
        tracker: makes a new one.
        infer: asks the model; uint8, shape (n, size, size, 3), to what it says of each.
        size: side of the model's input in pixels.
        margin: the model's crop margin.
        clip: one frame's log-likelihood ratio counts no more than this, either way.
        correlation_s: how long errors last; see `stream_guard.scoring.smoothing.SmoothingSettings`.
    """

    tracker: Callable[[], Tracker]
    infer: Callable[[NDArray[np.uint8]], Awaitable[Judgement]]
    size: int
    margin: float
    clip: float
    correlation_s: float

    def crop(self, rgb: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
        """Return the face in a box as the model sees it: uint8, shape (size, size, 3), RGB."""
        return cut(rgb, crop_matrix(box, size=self.size, margin=self.margin), size=self.size)


@dataclass(frozen=True, slots=True)
class SentPicture:
    """One picture that was encoded.

    Attributes:
        at_s: seconds on the session's time line.
        coded: empty where the encoder left it out.
        box: of the face, in pixels of the coded picture; None where it cannot be judged, or it is too early.
        before: the face as it was, cut out: uint8, shape (size, size, 3), or None together with the box.
    """

    at_s: float
    coded: bytes
    box: Box | None
    before: NDArray[np.uint8] | None


class Stretch:
    """Gathers pictures. `offer` and `next` belong to the event loop, `send` to a thread; one of them at a time.

    Attributes:
        sent: what was encoded, in order.
        setting: how; None before the first one.
    """

    def __init__(self, call: VideoSetting, tools: SelfTestTools) -> None:
        """Prepare; nothing is kept yet.

        Args:
            call: what is imitated.
            tools: cut the faces out.
        """
        self.sent: deque[SentPicture] = deque()
        self.setting: VideoSetting | None = None
        self._call = call
        self._tools = tools
        self._fps = min(_MOST_FPS, call.fps)
        self._wanted = max(1, round(_SECONDS * self._fps))
        self._settled = round(_SETTLE_S * self._fps)
        self._offered: asyncio.Queue[Scored] = asyncio.Queue(maxsize=1)
        self._due_s: float | None = None
        self._chosen: int | None = None
        self._encoder: Encoder | None = None
        self._bytes = 0

    @property
    def progress(self) -> float:
        """0 to 1; 1 is all that is wanted."""
        return 1.0 if self._bytes >= _MOST_BYTES else min(1.0, len(self.sent) / self._wanted)

    @property
    def waiting(self) -> bool:
        """Whether a frame that was offered has not been taken yet: another one would be passed over."""
        return self._offered.full()

    @property
    def settled(self) -> list[SentPicture]:
        """What was encoded after the rate control had found its level."""
        return list(self.sent)[self._settled :]

    @property
    def reached_kbps(self) -> float | None:
        """The bitrate since then, were the picture as large and as fast as the call; None where there is none."""
        settled, setting, call = self.settled, self.setting, self._call
        if not settled or setting is None:
            return None
        bits = sum(8 * len(one.coded) for one in settled) / len(settled)
        return bits / (setting.width * setting.height) * call.width * call.height * call.fps / 1000

    def offer(self, scored: Scored) -> None:
        """Take a live frame, or pass it over: where it comes too early, or one before it is still in hand."""
        if self.waiting or (self._due_s is not None and scored.at_s < self._due_s - 0.005):
            return
        # The average rate is kept, and frames that came late are not made up for by a burst.
        step_s = 1 / self._fps
        since_s = scored.at_s if self._due_s is None else max(self._due_s, scored.at_s - step_s / 2)
        self._due_s = since_s + step_s
        self._offered.put_nowait(scored)

    async def next(self) -> Scored:
        """Wait for a frame that was offered."""
        return await self._offered.get()

    def send(self, scored: Scored) -> None:
        """Encode one frame, and cut its face out."""
        rgb = scored.frame.rgb()
        height, width = rgb.shape[:2]
        if self._encoder is None:
            self._encoder = Encoder(self._call.for_picture(width, height, fps=self._fps))
        setting = self.setting = self._encoder.setting
        coded = self._encoder.encode(rgb)
        face = self._face(scored) if len(self.sent) >= self._settled else None
        box = before = None
        if face is not None:
            before = self._tools.crop(rgb, face.box)
            across, down = setting.width / width, setting.height / height
            box = Box(face.box.x * across, face.box.y * down, face.box.width * across, face.box.height * down)
        self.sent.append(SentPicture(scored.at_s, coded, box, before))
        self._bytes += len(coded) + (0 if before is None else before.nbytes)

    def forget(self) -> None:
        """Let go of every picture."""
        self.sent.clear()
        self._offered = asyncio.Queue(maxsize=1)
        self._encoder = None

    def _face(self, scored: Scored) -> Face | None:
        """Return the face that is compared, if it can be judged: one that is vouched for, else the largest."""
        faces = {face.id: face for face in scored.tracked.faces}
        if not faces:
            return None
        if self._chosen not in faces:
            trusted = {face.id for face in scored.update.faces if face.trusted}
            self._chosen = max(faces, key=lambda number: (number in trusted, faces[number].box.area))
        face = faces[self._chosen]
        return face if face.measured and not face.reasons else None
