"""The graphs that TensorRT gets, computed by ONNX Runtime: they are what the exported file is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from benchmarks.accuracy.rounding import pixels, rounded_everywhere
from engines.onnxruntime.library import load_library
from engines.tensorrt.dense import as_sums
from engines.tensorrt.graph import PIXELS, cut, types_of
from engines.tensorrt.half import in_16_bits
from stream_guard.errors import EngineError
from stream_guard.models.store import default_model
from stream_guard.testing.engine_contract import faces
from stream_guard.testing.engines import make_model

pytestmark = pytest.mark.engine

SIZE = 176


def portraits(count: int) -> NDArray[np.uint8]:
    """Return smooth pictures with skin-like colours, edges and a little noise: uint8, (count, 176, 176, 3)."""
    random = np.random.default_rng(5)
    pictures = []
    for _ in range(count):
        picture = np.full((SIZE, SIZE, 3), random.integers(20, 200, 3), dtype=np.uint8)
        middle = tuple(int(value) for value in random.integers(75, 100, 2))
        cv2.ellipse(picture, middle, (58, 76), 0, 0, 360, tuple(map(int, random.integers(90, 230, 3))), -1)
        for across in (-24, 24):
            cv2.circle(picture, (middle[0] + across, middle[1] - 18), 9, (30, 25, 20), -1)
        blurred = cv2.GaussianBlur(picture, (0, 0), 2.0).astype(np.float32)
        noisy = blurred + random.normal(0, 3, picture.shape)
        pictures.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return np.stack(pictures)


def answers(model: bytes | Any, batch: NDArray[Any], name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    library = load_library()
    options = library.SessionOptions()
    options.intra_op_num_threads = 1
    content = model if isinstance(model, bytes) else model.SerializeToString()
    session = library.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    logits, patches = session.run(["logits", "patches"], {name: batch})
    return logits, patches


@pytest.fixture(scope="module")
def shipped() -> bytes:
    return default_model()[0].read_bytes()


@pytest.fixture(scope="module")
def network(shipped: bytes) -> Any:
    return cut(shipped)


@pytest.fixture(scope="module")
def batches() -> dict[str, NDArray[np.uint8]]:
    return {"noise": faces(3, SIZE), "portraits": portraits(6)}


@pytest.fixture(scope="module")
def expected(shipped: bytes, batches: dict[str, NDArray[np.uint8]]) -> dict[str, Any]:
    return {name: answers(shipped, batch, "faces") for name, batch in batches.items()}


def test_the_graph_begins_with_floats_and_ends_as_before(shipped: bytes, network: Any) -> None:
    onnx.checker.check_model(network, full_check=True)
    (port,) = network.graph.input
    assert port.name == PIXELS
    assert port.type.tensor_type.elem_type == TensorProto.FLOAT
    batch, *rest = port.type.tensor_type.shape.dim
    assert batch.dim_param
    assert [dim.dim_value for dim in rest] == [3, SIZE, SIZE]
    assert list(network.graph.output) == list(onnx.load_from_string(shipped).graph.output)
    kinds = Counter(node.op_type for node in network.graph.node)
    assert kinds["Cast"] == kinds["Transpose"] == 0
    assert kinds["Div"] == 1  # by the standard deviation; that by 255 is gone
    read = {name for node in network.graph.node for name in node.input}
    assert {tensor.name for tensor in network.graph.initializer} <= read


@pytest.mark.parametrize("kind", ["noise", "portraits"])
def test_in_float32_it_answers_as_the_exported_file(
    network: Any, batches: dict[str, NDArray[np.uint8]], expected: dict[str, Any], kind: str
) -> None:
    for model in (network, as_sums(network)):
        for ours, theirs in zip(answers(model, pixels(batches[kind]), PIXELS), expected[kind], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("precision", "bits", "mean", "largest"),
    # On 48 held-out faces half precision was off by 0.003 on average and 0.012 at most; these pictures, which the
    # network was not made for, are further off. bfloat16 has an eighth of the digits.
    [("fp16", 11, 0.02, 0.04), ("bf16", 8, 0.16, 0.4)],
)
def test_in_16_bits_it_answers_nearly_so(
    network: Any,
    batches: dict[str, NDArray[np.uint8]],
    expected: dict[str, Any],
    precision: Any,
    bits: int,
    mean: float,
    largest: float,
) -> None:
    model = rounded_everywhere(as_sums(in_16_bits(network, precision)), bits)
    for kind, batch in batches.items():
        logits, _ = answers(model, pixels(batch), PIXELS)
        off = np.abs(logits - expected[kind][0])
        assert 0 < off.mean() < mean, (kind, off)
        assert off.max() < largest, (kind, off)


def test_in_half_it_runs_as_it_is(
    network: Any, batches: dict[str, NDArray[np.uint8]], expected: dict[str, Any]
) -> None:
    model = in_16_bits(network, "fp16")
    onnx.checker.check_model(model, full_check=True)
    logits, patches = answers(model, pixels(batches["portraits"]), PIXELS)
    np.testing.assert_allclose(logits, expected["portraits"][0], rtol=0, atol=0.04)
    np.testing.assert_allclose(patches, expected["portraits"][1], rtol=0, atol=0.1)


@pytest.mark.parametrize(("precision", "element"), [("fp16", TensorProto.FLOAT16), ("bf16", TensorProto.BFLOAT16)])
def test_what_must_stay_float32_stays(network: Any, precision: Any, element: int) -> None:
    model = in_16_bits(network, precision)
    onnx.checker.check_model(model, full_check=True)
    types = types_of(model)
    narrow = {name for name, (kind, _) in types.items() if kind == element}
    by_kind: dict[str, list[bool]] = {}
    for node in model.graph.node:
        by_kind.setdefault(node.op_type, []).append(node.output[0] in narrow)
    assert by_kind["Conv"] == [False] + [True] * 50  # the blur of the residual is the first
    assert not any(by_kind["Sub"] + by_kind["Div"] + by_kind["Pad"] + by_kind["Concat"] + by_kind["Mul"])
    assert not any(by_kind["ReduceMean"] + by_kind["Gemm"])
    assert all(by_kind["Clip"])
    assert all(by_kind["Add"])
    assert [types[port.name][0] for port in model.graph.output] == [TensorProto.FLOAT] * 2
    assert types[PIXELS][0] == TensorProto.FLOAT
    assert len(model.SerializeToString()) < 0.55 * len(network.SerializeToString())


def test_the_caller_keeps_its_graph(network: Any) -> None:
    before = network.SerializeToString()
    as_sums(in_16_bits(network, "fp16"))
    assert network.SerializeToString() == before


def test_no_float32_matrix_product_is_left(network: Any) -> None:
    """Turing has none in TensorRT-RTX."""
    assert any(node.op_type == "Gemm" for node in network.graph.node)
    for model in (network, in_16_bits(network, "fp16")):
        assert not any(node.op_type in ("Gemm", "MatMul") for node in as_sums(model).graph.node)


def test_a_graph_that_divides_later_gets_its_bytes_back(tmp_path: Path) -> None:
    """The contract's model takes 127.5 off bytes; it never divides by 255."""
    path, manifest = make_model(tmp_path)
    model = as_sums(cut(path.read_bytes()))
    batch = faces(4, manifest.size)
    for ours, theirs in zip(
        answers(model, pixels(batch), PIXELS), answers(path.read_bytes(), batch, "faces"), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


def unusual(*nodes: Any, inputs: int = 1, element: int = TensorProto.UINT8) -> bytes:
    ports = [helper.make_tensor_value_info(f"in{n}", element, ["n", 8, 8, 3]) for n in range(inputs)]
    out = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", "a", "b", "c"])
    weights = [
        numpy_helper.from_array(np.array(255, dtype=np.float32), "byte"),
        numpy_helper.from_array(np.array(1 / 255, dtype=np.float32), "part"),
    ]
    graph = helper.make_graph(list(nodes), "unusual", ports, [out], weights)
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10).SerializeToString()
    )


TURN = helper.make_node("Transpose", ["float"], ["turned"], perm=[0, 3, 1, 2])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no model", "not an ONNX model"),
        (unusual(helper.make_node("Cast", ["in0"], ["logits"], to=1), inputs=2), "2 inputs"),
        (unusual(helper.make_node("Relu", ["in0"], ["logits"]), element=TensorProto.FLOAT), "uint8"),
        (unusual(helper.make_node("Cast", ["in0"], ["logits"], to=TensorProto.FLOAT)), "Transpose, Cast, Div"),
        (
            unusual(
                helper.make_node("Cast", ["in0"], ["float"], to=TensorProto.FLOAT),
                helper.make_node("Transpose", ["float"], ["logits"], perm=[0, 3, 2, 1]),
            ),
            "Transpose, Cast, Div",
        ),
    ],
)
def test_another_graph_is_refused_in_words(content: bytes, words: str) -> None:
    with pytest.raises(EngineError, match=words) as caught:
        cut(content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("kind", "constant"), [("Div", "byte"), ("Mul", "part")])
def test_the_steps_may_come_in_any_order(kind: str, constant: str) -> None:
    content = unusual(
        helper.make_node("Cast", ["in0"], ["float"], to=TensorProto.FLOAT),
        helper.make_node(kind, ["float", constant], ["divided"]),
        helper.make_node("Transpose", ["divided"], ["turned"], perm=[0, 3, 1, 2]),
        helper.make_node("Relu", ["turned"], ["logits"]),
    )
    # Divided while the channels are still last: only what follows is left.
    assert [node.op_type for node in cut(content).graph.node] == ["Relu"]


def test_a_network_without_anything_to_convert_is_refused(network: Any) -> None:
    content = unusual(
        helper.make_node("Cast", ["in0"], ["float"], to=TensorProto.FLOAT),
        TURN,
        helper.make_node("Div", ["turned", "byte"], ["divided"]),
        helper.make_node("Relu", ["divided"], ["logits"]),
    )
    with pytest.raises(EngineError, match="nothing in the ONNX graph"):
        in_16_bits(cut(content), "fp16")
