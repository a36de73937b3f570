"""INT8 models: what is quantised, with what, and what engines make of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines.tensorrt.network import network
from stream_guard.errors import EngineError, EngineUnavailable, ModelError
from stream_guard.evaluation.predictor import loaded
from stream_guard.models import store
from stream_guard.models.manifest import Manifest
from stream_guard.testing.engines import make_model
from stream_guard.training.quantisation import calibration_faces, float_weights, quantisable, quantise
from stream_guard.training.shard import Shard

pytestmark = pytest.mark.engine


@pytest.fixture
def model(tmp_path: Path) -> tuple[Path, Manifest]:
    return make_model(tmp_path, size=64)


@pytest.fixture
def quantised(model: tuple[Path, Manifest], shard: Path, tmp_path: Path) -> tuple[Path, Manifest]:
    manifest = quantise(*model, tmp_path / "out", shard, faces=40)
    return tmp_path / "out" / manifest.file, manifest


def test_the_result_is_a_model_with_its_manifest_and_names_its_calibration_set(
    model: tuple[Path, Manifest], quantised: tuple[Path, Manifest]
) -> None:
    path, manifest = store.open_model(quantised[0])
    assert manifest == quantised[1]
    assert manifest.quantised_on == "40 faces of the training split (drawn)"
    assert manifest.name == "untrained-int8"
    assert manifest.calibration == model[1].calibration
    graph = onnx.load(str(path)).graph
    maker = {output: node.op_type for node in graph.node for output in node.output}
    inputs = [[maker.get(name) for name in node.input] for node in graph.node if node.op_type == "Conv"]
    eight_bits = ["DequantizeLinear"] * 3
    assert [found == eight_bits for found in inputs] == [False, False, False, True, False]


def test_for_a_gpu_everything_lies_around_zero_and_tensorrt_takes_it(
    model: tuple[Path, Manifest], quantised: tuple[Path, Manifest], shard: Path, tmp_path: Path
) -> None:
    manifest = quantise(*model, tmp_path / "gpu", shard, faces=40, symmetric=True)
    path = tmp_path / "gpu" / manifest.file
    assert manifest.quantised_on == "40 faces of the training split (drawn), symmetric"

    def zeros(file: Path) -> list[np.ndarray]:
        graph = onnx.load(str(file)).graph
        known = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        return [known[node.input[2]] for node in graph.node if node.op_type == "QuantizeLinear"]

    assert zeros(path)
    assert all(zero.dtype == np.int8 and not zero.any() for zero in zeros(path))
    assert {zero.dtype for zero in zeros(quantised[0])} == {np.dtype(np.uint8)}
    assert network(path, manifest, "int8")
    with pytest.raises(EngineError, match="quantised for CPUs"):
        network(*quantised, "int8")


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_engines_compute_it_nearly_as_the_float_model(
    engine: str, model: tuple[Path, Manifest], quantised: tuple[Path, Manifest], shard: Path
) -> None:
    (batch,) = calibration_faces(shard, model[1], faces=9, seed=1, progress=lambda share: None)
    with loaded(*model, engine=engine) as exact, loaded(*quantised, engine=engine) as eight:
        expected, found = exact.infer(batch), eight.infer(batch)
    spread = float(np.ptp(expected.logits))
    np.testing.assert_allclose(found.logits, expected.logits, rtol=0, atol=0.1 * spread)
    assert not np.array_equal(found.logits, expected.logits), "nothing was quantised"


def test_a_float_model_is_not_run_as_int8_nor_the_other_way_round(
    model: tuple[Path, Manifest], quantised: tuple[Path, Manifest]
) -> None:
    for given, precision in ((model, "int8"), (quantised, "fp32")):
        with pytest.raises(EngineUnavailable, match=f"not {precision}"), loaded(*given, precision=precision):  # type: ignore[arg-type]
            pass


def test_calibration_sees_the_training_split_alone_as_many_faces_as_asked_for(
    model: tuple[Path, Manifest], shard: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: set[int] = set()
    read = Shard.__getitem__
    monkeypatch.setattr(Shard, "split", lambda self: ([1, 2, 5], [0, 3, 4, 6, 7, 8, 9, 10, 11]))
    monkeypatch.setattr(Shard, "__getitem__", lambda self, at: looked_at.add(int(at)) or read(self, at))  # type: ignore[func-returns-value]
    shares: list[float] = []
    batches = list(calibration_faces(shard, model[1], faces=20, seed=0, progress=shares.append))
    assert sum(map(len, batches)) == 20
    assert all(batch.shape[1:] == (64, 64, 3) and batch.dtype == np.uint8 for batch in batches)
    assert looked_at <= {1, 2, 5}
    assert shares[-1] == 1.0


def test_stem_first_block_and_heads_stay_in_float(model: tuple[Path, Manifest]) -> None:
    graph = onnx.load(str(model[0]))
    for number, node in enumerate(node for node in graph.graph.node if node.op_type == "Conv"):
        node.name = f"convolution {number}"
    assert quantisable(graph) == ["convolution 3"], (
        "of stem, depthwise, pointwise, depthwise, and a map of one channel"
    )


def test_weights_stored_as_halves_become_constants() -> None:
    half = np.array([1.5, -2.0], np.float16)
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    nodes = [
        helper.make_node("Cast", ["w.half"], ["w"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["x", "w"], ["y"]),
    ]
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    graph = helper.make_graph(nodes, "halves", [value], [out], [numpy_helper.from_array(half, "w.half")])
    changed = float_weights(helper.make_model(graph))
    onnx.checker.check_model(changed)
    assert [node.op_type for node in changed.graph.node] == ["Mul"]
    (weight,) = changed.graph.initializer
    assert weight.name == "w"
    np.testing.assert_array_equal(numpy_helper.to_array(weight), half.astype(np.float32))


def test_what_is_quantised_is_not_quantised_again(
    quantised: tuple[Path, Manifest], shard: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="quantised already"):
        quantise(*quantised, tmp_path, shard)
