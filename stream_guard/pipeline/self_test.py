"""A self-test: some seconds of somebody's own picture, encoded as another call is, and scored before and after.

While pictures are gathered each is encoded at once: what is kept is small, whatever its size. What the codec left
of them is looked at afterwards, in small steps with pauses between them, so that live scores hardly notice.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.budget.plan import Plan
from stream_guard.clock import NS_PER_S
from stream_guard.face import Box, Face, Reason
from stream_guard.faces.align import crop_matrix, cut
from stream_guard.inference.daemon import DaemonThread
from stream_guard.pipeline.looker import Tracker
from stream_guard.pipeline.observers import Scored
from stream_guard.pipeline.pipeline import Judgement
from stream_guard.pipeline.self_test_figures import Figures, Pair, figures
from stream_guard.sources.re_encode import Decoder, Encoder, VideoSetting

__all__ = ["Finding", "SelfTest", "SelfTestTools"]

T = TypeVar("T")

_SECONDS = 5.0
_MOST_FPS = 15.0
_MOST_BYTES = 64 << 20
"""What may be kept of a stretch: coded pictures, and the crops from before. 75 crops of 176 px are 7 MB."""

_SETTLE_S = 1.0
"""At the start of a stretch, in which the rate control finds its level; not compared."""

_GATHER_LIMIT_S = 15.0
_COMPARE_LIMIT_S = 120.0
_LONGEST_PAUSE_S = 0.1

_BATCH = 4
"""Faces that are scored at once, each before and after."""

_SAME = 0.3
"""Intersection over union from which on the tracker's face is the one that was sent."""

_PLAN = Plan(faces=4)
_GAP_PX = 4
_JPEG_QUALITY = 92


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


@dataclass(frozen=True, slots=True)
class Finding:
    """What a self-test found.

    Attributes:
        call: how the call's video is encoded.
        sent: how the own picture was; None where no picture came.
        gathered: pictures, in all.
        reached_kbps: what the encoder really spent, brought to the call's picture and rate, so that it compares
            with ``call.kbps``. None where there were too few pictures for the rate to settle.
        left_out: pictures that the encoder left out to save bits, after it had settled.
        with_face: pictures of the rest on which the face could be judged before.
        refused: why it could not be judged afterwards, and how often; under None where it was not found.
        figures: how far the score moved; None where too little could be judged both before and after.
        picture: JPEG, the crop as it was and as it arrived, side by side; None where there was none.
    """

    call: VideoSetting
    sent: VideoSetting | None = None
    gathered: int = 0
    reached_kbps: float | None = None
    left_out: int = 0
    with_face: int = 0
    refused: Counter[Reason | None] = field(default_factory=Counter)
    figures: Figures | None = None
    picture: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Sent:
    """One picture: coded, and the face as it was, cut out; its box is in pixels of the coded picture."""

    at_s: float
    coded: bytes
    box: Box | None
    before: NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True)
class _Crops:
    at_s: float
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]


class SelfTest:
    """One self-test; `offer` is called on the event loop while `run` waits there. Not to be used twice.

    Attributes:
        call: how the call's video is encoded.
        gathering: whether pictures are still wanted.
        progress: 0 to 1.
    """

    def __init__(self, call: VideoSetting, tools: SelfTestTools) -> None:
        """Prepare; nothing is kept yet.

        Args:
            call: what is imitated.
            tools: what is scored with.
        """
        self.call = call
        self.gathering = True
        self.progress = 0.0
        self._tools = tools
        self._fps = min(_MOST_FPS, call.fps)
        self._wanted = max(1, round(_SECONDS * self._fps))
        self._settled = round(_SETTLE_S * self._fps)
        self._offered: asyncio.Queue[Scored] = asyncio.Queue(maxsize=1)
        self._due_s: float | None = None
        self._chosen: int | None = None
        self._encoder: Encoder | None = None
        self._sent: deque[_Sent] = deque()
        self._bytes = 0
        self._last: _Crops | None = None

    def offer(self, scored: Scored) -> None:
        """Take a live frame, or pass it over: where it comes too early, or the one before is still in hand."""
        if not self.gathering or self._offered.full():
            return
        if self._due_s is not None and scored.at_s < self._due_s - 0.005:
            return
        # Never far behind: frames that come late are not made up for by a burst.
        self._due_s = max((self._due_s or 0.0) + 1 / self._fps, scored.at_s)
        self._offered.put_nowait(scored)

    async def run(self) -> Finding:
        """Gather pictures, compare them, and return what was found.

        Raises:
            EngineError: the model cannot be asked.
            UnsupportedMedia: there is no such encoder.
            TimeoutError: the machine is far too busy.
        """
        thread = DaemonThread("stream-guard-self-test")
        try:
            await self._gather(thread)
            async with asyncio.timeout(_COMPARE_LIMIT_S):
                return await self._compare(thread)
        finally:
            self.gathering = False
            self._offered = asyncio.Queue(maxsize=1)
            thread.submit(self._forget)  # after what it has in hand
            thread.shutdown(wait=False)

    def _forget(self) -> None:
        """Let go of every picture. In the thread."""
        self._sent.clear()
        self._last = self._encoder = None

    async def _gather(self, thread: DaemonThread) -> None:
        """Encode frames as they come, until there are enough, or no more come."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_GATHER_LIMIT_S):
                while len(self._sent) < self._wanted and self._bytes < _MOST_BYTES:
                    scored = await self._offered.get()
                    await loop.run_in_executor(thread, self._send, scored)
                    self.progress = 0.5 * len(self._sent) / self._wanted
        except TimeoutError:
            pass  # what there is has to do
        self.gathering = False
        self.progress = 0.5

    def _send(self, scored: Scored) -> None:
        """Encode one picture, and cut its face out. In the thread."""
        rgb = scored.frame.rgb()
        height, width = rgb.shape[:2]
        if self._encoder is None:
            self._encoder = Encoder(self.call.for_picture(width, height, fps=self._fps))
        sent = self._encoder.setting
        coded = self._encoder.encode(rgb)
        face = self._face(scored) if len(self._sent) >= self._settled else None
        box = before = None
        if face is not None:
            before = _crop(rgb, face.box, self._tools)
            across, down = sent.width / width, sent.height / height
            box = Box(face.box.x * across, face.box.y * down, face.box.width * across, face.box.height * down)
        self._sent.append(_Sent(scored.at_s, coded, box, before))
        self._bytes += len(coded) + (0 if before is None else before.nbytes)

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

    async def _compare(self, thread: DaemonThread) -> Finding:
        """Look at what arrived, and score each face as it was and as it is now."""
        if self._encoder is None:
            return Finding(self.call)
        setting, gathered = self._encoder.setting, len(self._sent)
        settled = list(self._sent)[self._settled :]
        arrived = [sent for sent in settled if sent.coded]
        refused: Counter[Reason | None] = Counter()
        pairs: list[Pair] = []
        batch: list[_Crops] = []
        reached = _reached_kbps(self.call, setting, settled)
        left_out, with_face = len(settled) - len(arrived), sum(sent.before is not None for sent in arrived)
        del settled, arrived  # each picture goes once it has been looked at
        decoder, tracker = Decoder(setting.codec), self._tools.tracker()
        for number in range(gathered):
            at_ns = round(number / setting.fps * NS_PER_S)
            look = partial(self._look, self._sent.popleft(), at_ns, decoder, tracker, refused)
            crops = await _gently(thread, look)
            batch += [crops] if crops is not None else []
            if len(batch) == _BATCH or (batch and number == gathered - 1):
                pairs += await self._score(batch)
                batch = []
            self.progress = 0.5 + 0.5 * (number + 1) / gathered
        picture = None
        if self._last is not None:
            picture = await _gently(thread, partial(_side_by_side, self._last.before, self._last.after))
        return Finding(
            call=self.call,
            sent=setting,
            gathered=gathered,
            reached_kbps=reached,
            left_out=left_out,
            with_face=with_face,
            refused=refused,
            figures=figures(pairs, clip=self._tools.clip, correlation_s=self._tools.correlation_s),
            picture=picture,
        )

    def _look(
        self, sent: _Sent, at_ns: int, decoder: Decoder, tracker: Tracker, refused: Counter[Reason | None]
    ) -> _Crops | None:
        """Decode one picture and follow its faces; return the crops where both can be judged. In the thread."""
        rgb = decoder.decode(sent.coded)
        if rgb is None:
            return None  # left out by the encoder: nothing arrived to be judged
        faces = tracker.update(rgb, at_ns, plan=_PLAN).faces
        if sent.box is None or sent.before is None:
            return None
        face = max(faces, key=lambda one: one.box.iou(sent.box or one.box), default=None)
        if face is None or not face.measured or face.box.iou(sent.box) < _SAME:
            refused[None] += 1
            return None
        if face.reasons:
            refused[face.reasons[0]] += 1
            return None
        # Cut out at the same place: what moves the score is the picture, not the frame around the face.
        return _Crops(sent.at_s, sent.before, _crop(rgb, sent.box, self._tools))

    async def _score(self, batch: list[_Crops]) -> list[Pair]:
        """Ask the model for each face as it was and as it arrived."""
        self._last = batch[-1]
        crops = np.stack([one.before for one in batch] + [one.after for one in batch])
        llrs = [float(llr) for llr in (await self._tools.infer(crops)).llrs]
        both = zip(batch, llrs[: len(batch)], llrs[len(batch) :], strict=True)
        return [Pair(crops.at_s, before, after) for crops, before, after in both]


def _crop(rgb: NDArray[np.uint8], box: Box, tools: SelfTestTools) -> NDArray[np.uint8]:
    return cut(rgb, crop_matrix(box, size=tools.size, margin=tools.margin), size=tools.size)


def _reached_kbps(call: VideoSetting, sent: VideoSetting, stretch: list[_Sent]) -> float | None:
    """Return the bitrate of a stretch, were it as large and as fast as the call."""
    if not stretch:
        return None
    bits_per_pixel = sum(8 * len(one.coded) for one in stretch) / (len(stretch) * sent.width * sent.height)
    return bits_per_pixel * call.width * call.height * call.fps / 1000


def _side_by_side(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> bytes:
    """Return two crops beside each other, as a JPEG file."""
    gap = np.full((before.shape[0], _GAP_PX, 3), 255, np.uint8)
    both = cv2.cvtColor(np.hstack([before, gap, after]), cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", both, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return data.tobytes()


async def _gently(thread: DaemonThread, work: Callable[[], T]) -> T:
    """Do something in the thread, and rest as long as it took: half a core is left to those who watch calls."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    done = await loop.run_in_executor(thread, work)
    await asyncio.sleep(min(_LONGEST_PAUSE_S, loop.time() - began_s))
    return done
