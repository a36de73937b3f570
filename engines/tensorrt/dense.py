"""The last small matrix products as plain sums.

On Turing TensorRT-RTX has no float32 matrix product ("FP32 GEMM is not supported"): a build for SM75 fails.
The detector's last layer is one, of a vector and a column, in float32 on purpose; as a product element by element
and a sum it runs everywhere, and costs nothing.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from engines.tensorrt.graph import attribute, constants, drop_unused, types_of

__all__ = ["as_sums"]

_LARGEST = 65_536
"""Weights up to which a sum is no loss; larger layers are left to the matrix units."""


def as_sums(model: Any) -> Any:
    """Return a copy in which small float32 products of vectors and constant matrices are sums.

    Args:
        model: an ``onnx.ModelProto``, as `engines.tensorrt.graph.cut` or `engines.tensorrt.half` gives it.

    Raises:
        EngineError: the graph contradicts itself.
    """
    from onnx import TensorProto, helper, numpy_helper

    model = copy.deepcopy(model)
    graph, types, known = model.graph, types_of(model), constants(model.graph)
    nodes: list[Any] = []

    def constant(name: str, value: Any) -> str:
        graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    for node in graph.node:
        weights = known.get(node.input[1]) if node.op_type in ("Gemm", "MatMul") else None
        vector = types.get(node.input[0]) == (TensorProto.FLOAT, 2)
        if weights is None or weights.ndim != 2 or weights.size > _LARGEST or not vector or _scaled(node):
            nodes.append(node)
            continue
        out = node.output[0]
        rows = weights if node.op_type == "Gemm" and attribute(node, "transB") else weights.T
        rows = np.ascontiguousarray(rows)[None]
        bias = len(node.input) > 2 and bool(node.input[2])
        total = f"{out}.sum" if bias else out
        nodes += [
            helper.make_node("Unsqueeze", [node.input[0], constant(f"{out}.one", _axes(1))], [f"{out}.row"]),
            helper.make_node("Mul", [f"{out}.row", constant(f"{out}.weight", rows)], [f"{out}.products"]),
            helper.make_node(
                "ReduceSum", [f"{out}.products", constant(f"{out}.two", _axes(2))], [total], keepdims=0
            ),
        ]
        if bias:
            nodes.append(helper.make_node("Add", [total, node.input[2]], [out]))
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]
    drop_unused(graph)
    return model


def _scaled(node: Any) -> bool:
    """Return whether a Gemm does more than multiply and add."""
    return node.op_type == "Gemm" and (
        bool(attribute(node, "transA")) or attribute(node, "alpha") not in (None, 1.0)
        or attribute(node, "beta") not in (None, 1.0)
    )  # fmt: skip


def _axes(axis: int) -> Any:
    return np.array([axis], dtype=np.int64)
