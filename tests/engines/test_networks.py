"""Other networks than the detector: `Engine.open_network`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from engines.onnxruntime import OnnxRuntimeEngine
from engines.openvino import OpenVinoEngine
from stream_guard.errors import EngineError
from stream_guard.inference.engine import Engine
from tests.engines.networks import fixed_network

pytestmark = [pytest.mark.engine, pytest.mark.parametrize("engine", [OnnxRuntimeEngine, OpenVinoEngine])]

SHAPE = (1, 3, 48, 80)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "fixed.onnx"
    onnx.save(fixed_network(), str(path))
    return path


def test_runs_at_another_shape_than_the_file_says(
    engine: type[Engine], network: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = engine.open_network(network, SHAPE, threads=1)
    picture = np.random.default_rng(2).normal(size=SHAPE).astype(np.float32)
    expected = ReferenceEvaluator(str(network)).run(None, {"picture": picture})
    answers = run(picture)
    assert [answer.shape for answer in answers] == [(1, 2, 24, 40), (1, 4, 24, 40)]  # in the graph's order
    for answer, wanted in zip(answers, expected, strict=True):
        assert answer.dtype == np.float32
        # OpenVINO computes these in bfloat16 where the CPU has it: 8 bits of mantissa.
        atol = 1e-4 if engine is OnnxRuntimeEngine else 0.02 * float(np.abs(wanted).max())
        np.testing.assert_allclose(answer, wanted, rtol=0, atol=atol)
    assert capfd.readouterr().err == ""  # weights among the inputs are no reason to fill somebody's terminal


def test_an_answer_stands_when_the_next_comes(engine: type[Engine], network: Path) -> None:
    run = engine.open_network(network, SHAPE, threads=1)
    first = run(np.ones(SHAPE, dtype=np.float32))
    kept = [answer.copy() for answer in first]
    run(np.zeros(SHAPE, dtype=np.float32))
    for answer, before in zip(first, kept, strict=True):
        np.testing.assert_array_equal(answer, before)


def test_another_shape_than_it_was_opened_for_is_refused(engine: type[Engine], network: Path) -> None:
    run = engine.open_network(network, SHAPE, threads=1)
    with pytest.raises(EngineError, match="opened for"):
        run(np.zeros((1, 3, 48, 48), dtype=np.float32))


def test_a_shape_the_network_cannot_take_is_refused(engine: type[Engine], network: Path) -> None:
    with pytest.raises(EngineError, match="fixed"):
        engine.open_network(network, (1, 4, 48, 80), threads=1)


def test_files_that_are_no_networks_are_refused(engine: type[Engine], tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("this is not a network")
    for name in ("text.onnx", "absent.onnx"):
        with pytest.raises(EngineError) as caught:
            engine.open_network(tmp_path / name, SHAPE, threads=1)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
