"""A small network as old exporters wrote them: a dummy input shape, and weights listed among the inputs."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["fixed_network"]


def fixed_network() -> onnx.ModelProto:
    """Return a network with the input ``picture``, float32 (10, 3, 32, 32), and two outputs at half the size."""
    random = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(random.normal(size=(4, 3, 3, 3)).astype(np.float32), "first"),
        numpy_helper.from_array(random.normal(size=(2, 4, 1, 1)).astype(np.float32), "second"),
    ]
    nodes = [
        helper.make_node("Conv", ["picture", "first"], ["features"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["features"], ["heat"]),
        helper.make_node("Conv", ["features", "second"], ["offset"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "fixed",
        [
            value("first", TensorProto.FLOAT, [4, 3, 3, 3]),
            value("picture", TensorProto.FLOAT, [10, 3, 32, 32]),
            value("second", TensorProto.FLOAT, [2, 4, 1, 1]),
        ],
        [value("offset", TensorProto.FLOAT, [10, 2, 16, 16]), value("heat", TensorProto.FLOAT, [10, 4, 16, 16])],
        weights,
        value_info=[value("features", TensorProto.FLOAT, [10, 4, 16, 16])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    onnx.checker.check_model(model)
    return model
