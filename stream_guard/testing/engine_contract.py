"""The contract of `stream_guard.inference.engine`, as tests that any engine can run.

::

    from stream_guard.testing.engine_contract import EngineContract

    class TestMyEngine(EngineContract):
        engine = MyEngine

Override the ``model`` fixture to run it on a model of your own, and ``expected`` to say what it answers. The
default model is made on the spot, and checked against the reference implementation of the ``onnx`` package.
"""

# ruff: noqa: D102  the tests' names say what they hold an engine to

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.errors import EngineError
from stream_guard.frame import Planes
from stream_guard.inference.engine import Engine, EngineOptions, Precision, Prediction, Probe
from stream_guard.inference.faces import FrameFaces
from stream_guard.models.manifest import Manifest
from stream_guard.testing.engines import make_model

__all__ = ["EngineContract", "faces", "reference"]

MAX_BATCH = 9
T = TypeVar("T")


def faces(count: int, size: int, *, seed: int = 0) -> NDArray[np.uint8]:
    """Return pictures to judge: uint8, shape (count, size, size, 3), the same for the same arguments."""
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def reference(model: Path, batch: NDArray[np.uint8]) -> Prediction:
    """Return what the ``onnx`` package's own, slow implementation answers."""
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(str(model))
    answers = dict(zip(evaluator.output_names, evaluator.run(None, {"faces": batch}), strict=True))
    return Prediction(answers["logits"], answers.get("patches"))


def elsewhere(work: Callable[[], T]) -> T:
    """Run something on a new thread, start to end, and return or raise what it did."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


class EngineContract:
    """Subclass it, set ``engine``."""

    engine: ClassVar[type[Engine]]

    precision: ClassVar[Precision] = "fp32"
    """What it is to compute in."""

    tolerance: ClassVar[float] = 1e-3
    """How far logits and patches may be from the expected ones. Less than float32 needs more."""

    @classmethod
    def options(cls, max_batch: int) -> EngineOptions:
        """Return what the engine is loaded with."""
        return EngineOptions(threads=1, max_batch=max_batch, precision=cls.precision)

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
        """The ONNX file and its manifest."""
        return make_model(tmp_path_factory.mktemp("model"))

    @pytest.fixture(scope="class")
    @classmethod
    def expected(cls, model: tuple[Path, Manifest]) -> Prediction:
        """What the model answers to ``faces(MAX_BATCH, size)``."""
        return reference(model[0], faces(MAX_BATCH, model[1].size))

    @pytest.fixture(scope="class")
    @classmethod
    def loaded(cls, model: tuple[Path, Manifest]) -> Iterator[Engine]:
        """An engine that is ready."""
        engine = cls.engine()
        engine.load(*model, cls.options(MAX_BATCH))
        yield engine
        engine.close()

    def test_probe_says_that_it_can_run_and_where(self) -> None:
        probe = self.engine.probe()
        assert isinstance(probe, Probe)
        assert probe.available, probe.reason
        assert probe.device
        assert probe.reason
        assert "\n" not in probe.reason

    def test_it_has_a_name_of_its_own(self) -> None:
        assert self.engine.name
        assert self.engine.name == self.engine.name.lower()

    def test_an_engine_that_takes_crops_alone_refuses_frames_in_words(
        self, loaded: Engine, model: tuple[Path, Manifest]
    ) -> None:
        if not self.engine.cuts:  # else it is to be held to stream_guard.testing.cutting_contract
            frame = FrameFaces(Planes.of_rgb(faces(1, model[1].size)[0]), np.eye(2, 3)[None])
            with pytest.raises(EngineError, match="cut out"):
                loaded.infer_cuts([frame])

    @pytest.mark.parametrize("count", [1, 2, 3, 5, MAX_BATCH])
    def test_shapes_and_types(self, loaded: Engine, model: tuple[Path, Manifest], count: int) -> None:
        manifest = model[1]
        logits, patches = loaded.infer(faces(count, manifest.size))
        assert logits.shape == (count,)
        assert logits.dtype == np.float32
        if manifest.patch_grid is None:
            assert patches is None
        else:
            assert patches is not None
            assert patches.shape == (count, manifest.patch_grid, manifest.patch_grid)
            assert patches.dtype == np.float32

    def test_agrees_with_what_is_expected(
        self, loaded: Engine, model: tuple[Path, Manifest], expected: Prediction
    ) -> None:
        logits, patches = loaded.infer(faces(MAX_BATCH, model[1].size))
        np.testing.assert_allclose(logits, expected.logits, rtol=0, atol=self.tolerance)
        if expected.patches is not None:
            assert patches is not None
            np.testing.assert_allclose(patches, expected.patches, rtol=0, atol=self.tolerance)

    def test_the_same_batch_gives_the_same_answer(self, loaded: Engine, model: tuple[Path, Manifest]) -> None:
        batch = faces(3, model[1].size)
        first, again = loaded.infer(batch), loaded.infer(batch)
        np.testing.assert_array_equal(first.logits, again.logits)

    def test_keeps_nothing_from_one_batch_to_the_next(self, loaded: Engine, model: tuple[Path, Manifest]) -> None:
        batches = [faces(count, model[1].size, seed=count) for count in (1, 4, 2, 7)]
        forwards = [loaded.infer(batch).logits for batch in batches]
        backwards = [loaded.infer(batch).logits for batch in reversed(batches)]
        for one, other in zip(forwards, reversed(backwards), strict=True):
            np.testing.assert_array_equal(one, other)

    def test_an_answer_stands_when_the_next_comes(self, loaded: Engine, model: tuple[Path, Manifest]) -> None:
        first = loaded.infer(faces(2, model[1].size, seed=1))
        kept = first.logits.copy(), None if first.patches is None else first.patches.copy()
        loaded.infer(faces(2, model[1].size, seed=2))
        np.testing.assert_array_equal(first.logits, kept[0])
        if first.patches is not None:
            np.testing.assert_array_equal(first.patches, kept[1])

    def test_a_batch_is_as_its_faces_one_by_one(self, loaded: Engine, model: tuple[Path, Manifest]) -> None:
        batch = faces(MAX_BATCH, model[1].size)
        together = loaded.infer(batch)
        for number in range(MAX_BATCH):
            alone = loaded.infer(batch[number : number + 1])
            np.testing.assert_allclose(alone.logits[0], together.logits[number], rtol=0, atol=1e-4)
            if together.patches is not None:
                assert alone.patches is not None
                np.testing.assert_allclose(alone.patches[0], together.patches[number], rtol=0, atol=1e-4)

    def test_different_faces_get_different_answers(self, loaded: Engine, model: tuple[Path, Manifest]) -> None:
        logits = loaded.infer(faces(MAX_BATCH, model[1].size)).logits
        assert len(np.unique(logits)) == MAX_BATCH

    def test_the_input_is_left_as_it_was(self, loaded: Engine, model: tuple[Path, Manifest]) -> None:
        batch = faces(2, model[1].size)
        before = batch.copy()
        loaded.infer(batch)
        np.testing.assert_array_equal(batch, before)

    def test_memory_that_may_not_be_written_is_fine(self, loaded: Engine, model: tuple[Path, Manifest]) -> None:
        batch = faces(2, model[1].size)
        writable = loaded.infer(batch).logits
        batch.flags.writeable = False
        np.testing.assert_array_equal(loaded.infer(batch).logits, writable)

    def test_wrong_batches_are_refused_and_do_no_harm(self, loaded: Engine, model: tuple[Path, Manifest]) -> None:
        size = model[1].size
        good = faces(2, size)
        before = loaded.infer(good).logits
        wrong = {
            "channels first": np.ascontiguousarray(good.transpose(0, 3, 1, 2)),
            "one face without its batch": good[0],
            "no face": good[:0],
            "too many": faces(MAX_BATCH + 1, size),
            "too small": faces(1, size - 1),
            "float": good.astype(np.float32),
            "every second row": faces(2, size * 2)[:, ::2, ::2],
        }
        for what, batch in wrong.items():
            try:
                loaded.infer(batch)
            except EngineError:
                continue
            pytest.fail(f"took a batch that is wrong: {what}")
        np.testing.assert_array_equal(loaded.infer(good).logits, before)

    def test_nothing_works_before_load_or_after_close(self, model: tuple[Path, Manifest]) -> None:
        path, manifest = model
        engine = self.engine()
        with pytest.raises(EngineError):
            engine.infer(faces(1, manifest.size))
        engine.close()
        engine.load(path, manifest, self.options(1))
        engine.infer(faces(1, manifest.size))
        engine.close()
        engine.close()
        with pytest.raises(EngineError):
            engine.infer(faces(1, manifest.size))

    def test_can_be_loaded_again(self, model: tuple[Path, Manifest], loaded: Engine) -> None:
        path, manifest = model
        engine = self.engine()
        for max_batch in (1, 3):
            engine.load(path, manifest, self.options(max_batch))
            batch = faces(max_batch, manifest.size)
            np.testing.assert_allclose(engine.infer(batch).logits, loaded.infer(batch).logits, rtol=0, atol=1e-4)
        engine.close()

    def test_a_wrong_file_is_refused_in_one_line(self, model: tuple[Path, Manifest], tmp_path: Path) -> None:
        path, manifest = model
        cut = tmp_path / "cut.onnx"
        cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        text = tmp_path / "text.onnx"
        text.write_text("this is not a model")
        for wrong in (tmp_path / "absent.onnx", cut, text):
            engine = self.engine()
            with pytest.raises(EngineError) as caught:
                engine.load(wrong, manifest, self.options(1))
            assert "\n" not in str(caught.value)
            engine.close()

    def test_a_file_that_is_not_what_the_manifest_says_is_refused(self, model: tuple[Path, Manifest]) -> None:
        path, manifest = model
        for change in ({"size": manifest.size + 32}, {"patch_grid": (manifest.patch_grid or 4) + 1}):
            engine = self.engine()
            with pytest.raises(EngineError):
                engine.load(path, manifest.model_copy(update=change), self.options(1))
            engine.close()

    def test_lives_on_any_one_thread(self, model: tuple[Path, Manifest], loaded: Engine) -> None:
        path, manifest = model
        batch = faces(2, manifest.size)

        def life() -> NDArray[np.float32]:
            assert threading.current_thread() is not threading.main_thread()
            engine = self.engine()
            engine.load(path, manifest, self.options(2))
            answer = engine.infer(batch).logits
            engine.close()
            return answer

        self.engine.probe()  # on this thread: `doctor` and the registry do, before any engine is made
        np.testing.assert_allclose(elsewhere(life), loaded.infer(batch).logits, rtol=0, atol=1e-4)
