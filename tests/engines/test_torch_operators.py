"""Each ONNX operator in PyTorch against the reference implementation of the ``onnx`` package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from engines.torch.network import read_network
from engines.torch.operators import OPERATORS
from stream_guard.errors import EngineError

pytestmark = pytest.mark.engine

FLOAT, INT64 = np.float32, np.int64
Case = tuple[str, tuple[int, ...], list[Any], dict[str, Any]]

CASES: list[Case] = [
    ("Abs", (2, 3), [], {}),
    ("Add", (2, 3, 4), [np.ones((3, 1), FLOAT)], {}),
    ("Add", (2, 3), [np.array(2.5, FLOAT)], {}),
    ("Cast", (2, 3), [], {"to": TensorProto.INT32}),
    ("Clip", (2, 9), [np.array(-0.5, FLOAT), np.array(0.5, FLOAT)], {}),
    ("Clip", (2, 9), [None, np.array(0.5, FLOAT)], {}),
    ("Clip", (2, 9), [], {}),
    ("Concat", (2, 3), [np.zeros((2, 2), FLOAT)], {"axis": 1}),
    ("Conv", (2, 3, 9, 8), [(4, 3, 3, 3), (4,)], {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ("Conv", (2, 3, 9, 8), [(4, 3, 3, 3)], {"pads": [0, 1, 1, 2]}),
    ("Conv", (2, 4, 9, 8), [(4, 1, 5, 5), (4,)], {"group": 4, "dilations": [2, 1], "pads": [4, 2, 4, 2]}),
    ("Div", (2, 3), [np.array([2, 4, 8], FLOAT)], {}),
    ("Erf", (2, 3), [], {}),
    ("Flatten", (2, 3, 4), [], {}),
    ("Flatten", (2, 3, 4), [], {"axis": 2}),
    ("Gemm", (2, 3), [(3, 5), (5,)], {}),
    ("Gemm", (2, 3), [(5, 3), (5,)], {"transB": 1, "alpha": 0.5, "beta": 2.0}),
    ("Gemm", (3, 2), [(3, 5)], {"transA": 1}),
    ("GlobalAveragePool", (2, 3, 4, 5), [], {}),
    ("Identity", (2, 3), [], {}),
    ("LayerNormalization", (2, 4, 6), [(6,), (6,)], {"axis": -1, "epsilon": 1e-3}),
    ("LayerNormalization", (2, 4, 6), [(4, 6)], {"axis": 1}),
    ("MatMul", (2, 3, 4), [(4, 5)], {}),
    ("Mul", (2, 3), [(3,)], {}),
    ("Pad", (1, 2, 6, 7), [np.array([0, 0, 3, 1, 0, 0, 2, 4], INT64)], {"mode": "reflect"}),
    ("Pad", (1, 2, 6, 7), [np.array([0, 0, 3, 1, 0, 0, 2, 4], INT64), np.array(1.5, FLOAT)], {}),
    ("ReduceMean", (2, 3, 4), [np.array([1, 2], INT64)], {"keepdims": 0}),
    ("ReduceMean", (2, 3, 4), [np.array([-1], INT64)], {}),
    ("ReduceMean", (2, 3, 4), [], {}),
    ("ReduceMean", (2, 3, 4), [], {"noop_with_empty_axes": 1}),
    ("ReduceSum", (2, 3, 4), [np.array([1, 2], INT64)], {"keepdims": 0}),
    ("Relu", (2, 3), [], {}),
    ("Reshape", (2, 3, 4), [np.array([0, -1], INT64)], {}),
    ("Reshape", (2, 3, 4), [np.array([4, 6], INT64)], {"allowzero": 1}),
    (
        "Resize",
        (1, 2, 5, 7),
        [None, None, np.array([1, 2, 3, 11], INT64)],
        {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"},
    ),
    ("Shape", (2, 3, 4), [], {}),
    ("Shape", (2, 3, 4), [], {"start": 1, "end": 3}),
    ("Sigmoid", (2, 3), [], {}),
    ("Slice", (4, 9), [np.array([1], INT64), np.array([8], INT64), np.array([1], INT64), np.array([3], INT64)], {}),
    ("Slice", (4, 9), [np.array([-2], INT64), np.array([np.iinfo(INT64).max], INT64)], {}),
    ("Slice", (4, 9), [np.array([np.iinfo(INT64).min], INT64), np.array([-3], INT64), np.array([1], INT64)], {}),
    ("Softmax", (2, 3, 4), [], {}),
    ("Softmax", (2, 3, 4), [], {"axis": 1}),
    ("Squeeze", (1, 3, 1), [np.array([2], INT64)], {}),
    ("Squeeze", (1, 3, 1), [], {}),
    ("Sub", (2, 3), [(1, 3)], {}),
    ("Transpose", (2, 3, 4), [], {"perm": [2, 0, 1]}),
    ("Transpose", (2, 3, 4), [], {}),
    ("Unsqueeze", (2, 3), [np.array([0, -1], INT64)], {}),
]


def random(shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=shape).astype(FLOAT)


def graph(kind: str, others: list[Any], attributes: dict[str, Any], *, opset: int = 18) -> onnx.ModelProto:
    """Return a graph of one node; what comes after the first input are weights, or left out."""
    names, weights = ["x"], []
    for number, other in enumerate(others, start=1):
        value = random(other, number) if isinstance(other, tuple) else other
        names.append("" if value is None else f"w{number}")
        if value is not None:
            weights.append(numpy_helper.from_array(value, names[-1]))
    node = helper.make_node(kind, names, ["y"], **attributes)
    value = helper.make_tensor_value_info
    ports = [value("x", TensorProto.FLOAT, None)], [value("y", TensorProto.UNDEFINED, None)]
    graph = helper.make_graph([node], "one", *ports, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def ran(model: onnx.ModelProto, given: NDArray[Any], folder: Path) -> torch.Tensor:
    """Return what PyTorch answers, in the operator's own type."""
    path = folder / "one.onnx"
    onnx.save(model, str(path))
    network = read_network(path)
    network.place("cpu")
    (step,) = network._steps
    return step.operator([torch.from_numpy(given), *step.inputs[1:]], step.attributes)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}{case[1]}{sorted(case[3])}")
def test_agrees_with_the_reference(case: Case, tmp_path: Path) -> None:
    kind, shape, others, attributes = case
    model, given = graph(kind, others, attributes), random(shape, 0)
    (wanted,) = ReferenceEvaluator(model).run(None, {"x": given})
    ours = ran(model, given, tmp_path).numpy()
    assert ours.shape == wanted.shape
    assert ours.dtype == wanted.dtype
    np.testing.assert_allclose(ours, wanted, rtol=1e-5, atol=1e-5)


def test_every_operator_is_tested() -> None:
    assert {case[0] for case in CASES} == set(OPERATORS)


def test_axes_as_an_attribute_are_read_too(tmp_path: Path) -> None:
    """Until opset 17 the axes of ReduceMean are an attribute."""
    model, given = graph("ReduceMean", [], {"axes": [1], "keepdims": 0}, opset=17), random((2, 3, 4), 0)
    np.testing.assert_allclose(ran(model, given, tmp_path).numpy(), given.mean(axis=1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (("Conv", (1, 2, 8), [(2, 2, 3)], {}), "two dimensions"),
        (("Conv", (1, 2, 8, 8), [(2, 2, 3, 3)], {"auto_pad": "SAME_UPPER"}), "padding in numbers"),
        (("Pad", (1, 2, 4, 4), [np.array([0, 0, 1, 1, 0, 0, 1, 1], INT64)], {"mode": "edge"}), "edge"),
        (("Pad", (1, 2, 4, 4), [np.array([1, 0, 0, 0, 0, 0, 0, 0], INT64)], {}), "last two axes"),
        (("Resize", (1, 2, 4, 4), [None, None, np.array([1, 2, 8, 8], INT64)], {"mode": "nearest"}), "linear"),
        (("Resize", (1, 2, 4, 4), [None, np.array([1, 1, 2, 2], FLOAT)], {"mode": "linear"}), "given size"),
        (("Slice", (4, 9), [np.array([v], INT64) for v in (8, 0, 1, -1)], {}), "forwards"),
    ],
)
def test_what_is_not_supported_is_refused_in_words(case: Case, said: str, tmp_path: Path) -> None:
    kind, shape, others, attributes = case
    with pytest.raises(EngineError, match=said):
        ran(graph(kind, others, attributes), random(shape, 0), tmp_path)
