"""Rewriting the few bytes of an ONNX file that state shapes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator

from engines.onnxruntime.reshape import with_input_shape
from tests.engines.networks import fixed_network

pytestmark = pytest.mark.engine


def test_only_what_states_shapes_is_changed() -> None:
    model = fixed_network()
    changed = onnx.load_from_string(with_input_shape(model.SerializeToString(), (1, 3, 40, 64)))
    assert changed.graph.node == model.graph.node
    assert changed.graph.initializer == model.graph.initializer
    assert changed.opset_import == model.opset_import
    assert [port.name for port in changed.graph.output] == [port.name for port in model.graph.output]
    assert not changed.graph.value_info


def test_the_input_has_the_new_shape_and_weights_are_no_inputs() -> None:
    model = fixed_network()
    assert len(model.graph.input) == 3
    changed = onnx.load_from_string(with_input_shape(model.SerializeToString(), (1, 3, 40, 64)))
    (port,) = changed.graph.input
    assert port.name == "picture"
    assert port.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert [dim.dim_value for dim in port.type.tensor_type.shape.dim] == [1, 3, 40, 64]


def test_the_network_still_computes_the_same() -> None:
    model = fixed_network()
    picture = np.random.default_rng(1).normal(size=(10, 3, 32, 32)).astype(np.float32)
    changed = with_input_shape(model.SerializeToString(), picture.shape)
    before = ReferenceEvaluator(model).run(None, {"picture": picture})
    after = ReferenceEvaluator(onnx.load_from_string(changed)).run(None, {"picture": picture})
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


@given(shape=st.tuples(*[st.integers(1, 2**31 - 1)] * 4))
def test_any_shape_is_written_as_onnx_reads_it(shape: tuple[int, ...]) -> None:
    changed = onnx.load_from_string(with_input_shape(fixed_network().SerializeToString(), shape))
    assert tuple(dim.dim_value for dim in changed.graph.input[0].type.tensor_type.shape.dim) == shape


@given(st.binary(max_size=64))
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        with_input_shape(content, (1, 3, 8, 8))


def test_a_graph_cut_short_is_refused_wherever_it_is_cut() -> None:
    model = fixed_network()
    whole = model.SerializeToString()
    graph = model.graph.SerializeToString()
    end = whole.index(graph) + len(graph)
    for length in range(end):
        with pytest.raises(ValueError, match=r"ONNX model|cut short"):
            with_input_shape(whole[:length], (1, 3, 8, 8))


def test_several_inputs_are_refused() -> None:
    model = fixed_network()
    model.graph.input.append(onnx.helper.make_tensor_value_info("another", onnx.TensorProto.FLOAT, [1]))
    with pytest.raises(ValueError, match="2 inputs"):
        with_input_shape(model.SerializeToString(), (1, 3, 8, 8))
