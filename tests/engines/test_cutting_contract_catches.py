"""The contract of engines that cut fails those that break it: each of these is broken in one way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from engines.onnxruntime import OnnxRuntimeEngine
from stream_guard.inference.engine import EngineOptions, Prediction
from stream_guard.inference.faces import FrameFaces
from stream_guard.inference.shapes import check_cuts
from stream_guard.testing.cutting import crops_of
from stream_guard.testing.cutting_contract import SIZES, CuttingEngineContract
from stream_guard.testing.engine_contract import MAX_BATCH
from stream_guard.testing.engines import make_model

pytestmark = [pytest.mark.engine, pytest.mark.timeout(90)]


class Cuts(OnnxRuntimeEngine):
    """Keeps the contract: cuts as the CPU does."""

    name = "cuts"
    cuts: ClassVar[bool] = True

    def infer_cuts(self, frames: Sequence[FrameFaces]) -> Prediction:
        check_cuts(frames, max_batch=self._max_batch)
        return self.infer(crops_of(frames, self._size))


class ForgetsTheRange(Cuts):
    def infer_cuts(self, frames: Sequence[FrameFaces]) -> Prediction:
        return super().infer_cuts([replace(one, planes=replace(one.planes, full_range=False)) for one in frames])


class OneToTheRight(Cuts):
    def infer_cuts(self, frames: Sequence[FrameFaces]) -> Prediction:
        shift = np.array([[0, 0, 1.0], [0, 0, 0]])
        return super().infer_cuts([replace(one, matrices=one.matrices + shift) for one in frames])


class Reverses(Cuts):
    def infer_cuts(self, frames: Sequence[FrameFaces]) -> Prediction:
        return super().infer_cuts(frames[::-1])


class KeepsTheFirstOfASize(Cuts):
    kept: ClassVar[dict[tuple[int, int], Any]] = {}

    def infer_cuts(self, frames: Sequence[FrameFaces]) -> Prediction:
        check_cuts(frames, max_batch=self._max_batch)
        first = [self.kept.setdefault((one.planes.width, one.planes.height), one.planes) for one in frames]
        return super().infer_cuts([replace(one, planes=planes) for one, planes in zip(frames, first, strict=True)])


class Scribbles(Cuts):
    def infer_cuts(self, frames: Sequence[FrameFaces]) -> Prediction:
        answer = super().infer_cuts(frames)
        frames[0].planes.planes[0][0, 0] ^= 1
        return answer


class LooksAtNothing(Cuts):
    def infer_cuts(self, frames: Sequence[FrameFaces]) -> Prediction:
        faces = sum(map(len, frames))
        return Prediction(np.zeros(faces, np.float32), None)


class NeverSaysSo(Cuts):
    cuts = False


@pytest.mark.parametrize(
    ("broken", "caught_by"),
    [
        (ForgetsTheRange, "test_matrix_and_range_count"),
        (OneToTheRight, "test_cuts_as_the_cpu_does"),
        (Reverses, "test_faces_of_several_frames_are_one_batch_in_order"),
        (KeepsTheFirstOfASize, "test_faces_of_several_frames_are_one_batch_in_order"),
        (Scribbles, "test_a_frame_is_read_and_left_as_it_was"),
        (LooksAtNothing, "test_cuts_as_the_cpu_does"),
        (LooksAtNothing, "test_wrong_frames_are_refused_and_do_no_harm"),
        (LooksAtNothing, "test_no_cutting_before_load_or_after_close"),
        (NeverSaysSo, "test_says_that_it_cuts"),
    ],
)
def test_a_broken_engine_is_caught(broken: type[Cuts], caught_by: str, tmp_path: Path) -> None:
    model = make_model(tmp_path)
    KeepsTheFirstOfASize.kept.clear()

    def run(engine: type[Cuts]) -> None:
        suite = CuttingEngineContract()
        suite.engine = engine  # type: ignore[misc]
        loaded = engine()
        loaded.load(*model, EngineOptions(threads=1, max_batch=MAX_BATCH))
        given: dict[str, Any] = {"loaded": loaded, "model": model, "pixel_format": "yuv420p", "size": SIZES[1]}
        test = getattr(suite, caught_by)
        names = test.__func__.__code__.co_varnames[1 : test.__func__.__code__.co_argcount]
        test(**{name: given[name] for name in names})

    run(Cuts)
    with pytest.raises((AssertionError, ValueError, pytest.fail.Exception)):
        run(broken)
