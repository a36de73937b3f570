"""The contract suite fails an engine that breaks the contract: each of these is broken in one way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.onnxruntime import OnnxRuntimeEngine
from stream_guard.errors import EngineError
from stream_guard.inference.engine import EngineOptions, Prediction
from stream_guard.models.manifest import Manifest
from stream_guard.testing.engine_contract import MAX_BATCH, EngineContract, faces, reference
from stream_guard.testing.engines import make_model

pytestmark = pytest.mark.engine


class Remembers(OnnxRuntimeEngine):
    seen = 0

    def infer(self, batch: Any) -> Prediction:
        self.seen += 1
        logits, patches = super().infer(batch)
        return Prediction(logits + np.float32(self.seen), patches)


class Overwrites(OnnxRuntimeEngine):
    def infer(self, batch: Any) -> Prediction:
        answer = super().infer(batch)
        batch[:] = 0
        return answer


class ReusesItsAnswer(OnnxRuntimeEngine):
    buffer = np.zeros(MAX_BATCH, dtype=np.float32)

    def infer(self, batch: Any) -> Prediction:
        logits, patches = super().infer(batch)
        self.buffer[: len(logits)] = logits
        return Prediction(self.buffer[: len(logits)], patches)


class MixesFaces(OnnxRuntimeEngine):
    def infer(self, batch: Any) -> Prediction:
        logits, patches = super().infer(batch)
        return Prediction(logits - logits.mean(), patches)


class Imprecise(OnnxRuntimeEngine):
    def infer(self, batch: Any) -> Prediction:
        logits, patches = super().infer(batch)
        return Prediction((logits + np.float32(0.01)), patches)


class Double(OnnxRuntimeEngine):
    def infer(self, batch: Any) -> Prediction:
        logits, patches = super().infer(batch)
        return Prediction(logits.astype(np.float64), patches)


class TakesAnything(OnnxRuntimeEngine):
    def infer(self, batch: Any) -> Prediction:
        try:
            return super().infer(batch)
        except EngineError:
            return Prediction(np.zeros(len(batch), dtype=np.float32), None)


class NeverCloses(OnnxRuntimeEngine):
    def close(self) -> None:
        pass


class LeaksBackendErrors(OnnxRuntimeEngine):
    def load(self, model: Path, manifest: Manifest, options: EngineOptions) -> None:
        try:
            super().load(model, manifest, options)
        except EngineError as error:
            raise RuntimeError(str(error)) from error


@pytest.mark.parametrize(
    ("broken", "caught_by"),
    [
        (Remembers, "test_the_same_batch_gives_the_same_answer"),
        (Remembers, "test_keeps_nothing_from_one_batch_to_the_next"),
        (Overwrites, "test_the_input_is_left_as_it_was"),
        (Overwrites, "test_memory_that_may_not_be_written_is_fine"),
        (ReusesItsAnswer, "test_an_answer_stands_when_the_next_comes"),
        (MixesFaces, "test_a_batch_is_as_its_faces_one_by_one"),
        (Imprecise, "test_agrees_with_what_is_expected"),
        (Double, "test_shapes_and_types"),
        (TakesAnything, "test_wrong_batches_are_refused_and_do_no_harm"),
        (NeverCloses, "test_nothing_works_before_load_or_after_close"),
        (LeaksBackendErrors, "test_a_wrong_file_is_refused_in_one_line"),
    ],
)
def test_a_broken_engine_is_caught(broken: type[OnnxRuntimeEngine], caught_by: str, tmp_path: Path) -> None:
    model, manifest = make_model(tmp_path)
    options = EngineOptions(threads=1, max_batch=MAX_BATCH)

    def run(engine: type[OnnxRuntimeEngine]) -> None:
        suite = EngineContract()
        suite.engine = engine  # type: ignore[misc]
        loaded = engine()
        loaded.load(model, manifest, options)
        given: dict[str, Any] = {
            "loaded": loaded,
            "model": (model, manifest),
            "expected": reference(model, faces(MAX_BATCH, manifest.size)),
            "count": 3,
            "tmp_path": tmp_path,
        }
        test = getattr(suite, caught_by)
        names = test.__func__.__code__.co_varnames[1 : test.__func__.__code__.co_argcount]
        test(**{name: given[name] for name in names})

    run(OnnxRuntimeEngine)
    with pytest.raises((AssertionError, RuntimeError, ValueError, pytest.fail.Exception)):
        run(broken)
