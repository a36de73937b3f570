"""A self-test: some seconds of somebody's own picture, encoded as another call is, and scored before and after.

Pictures are encoded while they come. What the codec left of them is looked at afterwards, in small steps with
pauses between them, so that live scores hardly notice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.budget.plan import Plan
from stream_guard.clock import NS_PER_S
from stream_guard.face import Reason
from stream_guard.inference.daemon import DaemonThread
from stream_guard.pipeline.looker import Tracker
from stream_guard.pipeline.observers import Scored
from stream_guard.pipeline.self_test_figures import Figures, Pair, figures
from stream_guard.pipeline.self_test_stretch import SelfTestTools, SentPicture, Stretch
from stream_guard.sources.re_encode import Decoder, VideoSetting

__all__ = ["Finding", "SelfTest"]

T = TypeVar("T")

_GATHER_LIMIT_S = 15.0
_COMPARE_LIMIT_S = 120.0

_PAUSE = 3.0
"""How long to rest after each step, over what it took: live calls keep three quarters of that time."""

_LONGEST_PAUSE_S = 0.3

_BATCH = 2
"""Faces that are scored at once, each before and after. Live ones wait meanwhile."""

_SAME = 0.3
"""Intersection over union from which on the tracker's face is the one that was sent."""

_PLAN = Plan(faces=4)
_GAP_PX = 4
_JPEG_QUALITY = 92


@dataclass(frozen=True, slots=True)
class Finding:
    """What a self-test found.

    Attributes:
        call: how the call's video is encoded.
        sent: how the own picture was; None where no picture came.
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
    reached_kbps: float | None = None
    left_out: int = 0
    with_face: int = 0
    refused: Counter[Reason | None] = field(default_factory=Counter)
    figures: Figures | None = None
    picture: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Crops:
    """A face as it was and as it arrived: uint8, shape (size, size, 3)."""

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
        self._stretch = Stretch(call, tools)
        self._last: _Crops | None = None

    @property
    def waiting(self) -> bool:
        """Whether a frame that was offered has not been taken yet: another one would be passed over."""
        return self.gathering and self._stretch.waiting

    def offer(self, scored: Scored) -> None:
        """Take a live frame, or pass it over."""
        if self.gathering:
            self._stretch.offer(scored)

    async def run(self) -> Finding:
        """Gather pictures, compare them, and return what was found. Nothing of them is kept but its picture.

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
            thread.submit(self._forget)  # after what it has in hand
            thread.shutdown(wait=False)

    def _forget(self) -> None:
        """Let go of every picture. In the thread."""
        self._stretch.forget()
        self._last = None

    async def _gather(self, thread: DaemonThread) -> None:
        """Encode frames as they come, until there are enough. If no more come, what there is has to do."""
        loop, stretch = asyncio.get_running_loop(), self._stretch
        ends_s = loop.time() + _GATHER_LIMIT_S
        while stretch.progress < 1 and loop.time() < ends_s:
            try:
                async with asyncio.timeout_at(ends_s):  # in Python 3.11, wait_for swallows a cancellation at times
                    scored = await stretch.next()
            except TimeoutError:
                break
            await loop.run_in_executor(thread, stretch.send, scored)
            self.progress = 0.5 * stretch.progress
        self.gathering = False

    async def _compare(self, thread: DaemonThread) -> Finding:
        """Look at what arrived, and score each face as it was and as it is now."""
        stretch, setting = self._stretch, self._stretch.setting
        if setting is None:
            return Finding(self.call)
        gathered, reached = len(stretch.sent), stretch.reached_kbps
        left_out = sum(not sent.coded for sent in stretch.settled)
        with_face = sum(bool(sent.coded) and sent.before is not None for sent in stretch.settled)
        refused: Counter[Reason | None] = Counter()
        pairs: list[Pair] = []
        batch: list[_Crops] = []
        decoder, tracker = Decoder(setting.codec), self._tools.tracker()
        for number in range(gathered):
            at_ns = round(number / setting.fps * NS_PER_S)
            look = partial(self._look, stretch.sent.popleft(), at_ns, decoder, tracker, refused)
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
            reached_kbps=reached,
            left_out=left_out,
            with_face=with_face,
            refused=refused,
            figures=figures(pairs, clip=self._tools.clip, correlation_s=self._tools.correlation_s),
            picture=picture,
        )

    def _look(
        self, sent: SentPicture, at_ns: int, decoder: Decoder, tracker: Tracker, refused: Counter[Reason | None]
    ) -> _Crops | None:
        """Decode one picture and follow its faces; return the crops where both can be judged. In the thread."""
        rgb = decoder.decode(sent.coded)
        if rgb is None:
            return None
        faces = tracker.update(rgb, at_ns, plan=_PLAN).faces
        box, before = sent.box, sent.before
        if box is None or before is None:
            return None
        face = max(faces, key=lambda one: one.box.iou(box), default=None)
        if face is None or not face.measured or face.box.iou(box) < _SAME:
            refused[None] += 1
            return None
        if face.reasons:
            refused[face.reasons[0]] += 1
            return None
        # Cut out at the same place: what moves the score is the picture, not the frame around the face.
        return _Crops(sent.at_s, before, self._tools.crop(rgb, box))

    async def _score(self, batch: list[_Crops]) -> list[Pair]:
        """Ask the model for each face as it was and as it arrived."""
        self._last = batch[-1]
        crops = np.stack([one.before for one in batch] + [one.after for one in batch])
        llrs = [float(llr) for llr in (await self._tools.infer(crops)).llrs]
        both = zip(batch, llrs[: len(batch)], llrs[len(batch) :], strict=True)
        return [Pair(crops.at_s, before, after) for crops, before, after in both]


def _side_by_side(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> bytes:
    """Return two crops beside each other, as a JPEG file."""
    gap = np.full((before.shape[0], _GAP_PX, 3), 255, np.uint8)
    both = cv2.cvtColor(np.hstack([before, gap, after]), cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", both, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return data.tobytes()


async def _gently(thread: DaemonThread, work: Callable[[], T]) -> T:
    """Do something in the thread, and rest."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    done = await loop.run_in_executor(thread, work)
    await asyncio.sleep(min(_LONGEST_PAUSE_S, _PAUSE * (loop.time() - began_s)))
    return done
