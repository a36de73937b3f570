"""Cuts a network in two, so that its first stage computes in float32 and the rest in less.

The detector looks at a high-frequency residual: the difference of two nearly equal pictures. In bfloat16, with its
8 bits, that difference is mostly rounding. Kept in float32 together with the first, full-resolution stage, it costs
little: that stage is a few of a hundred layers.
"""

from __future__ import annotations

from typing import Any

__all__ = ["cut_after_first_stage"]

_STAGE = 2
"""Which dense convolution begins the rest: the first is the stem, the second ends the first block."""


def cut_after_first_stage(library: Any, graph: Any) -> tuple[Any, Any] | None:
    """Return the two halves of a graph; the second's inputs are the first's outputs, in order.

    Args:
        library: openvino.
        graph: an ``ov.Model`` with one input and fixed shapes. It is taken apart, and not to be used again.

    Returns:
        None where it has too few convolutions to be cut.
    """
    dense = [node for node in graph.get_ordered_ops() if node.get_type_name() == "Convolution"]
    if len(dense) <= _STAGE:
        return None
    first = _between(graph.get_parameters()[0], dense[_STAGE - 1].input_value(0).get_node())
    names = {node.get_name() for node in first}
    outputs, inputs = [], []
    for node in first:
        for output in node.outputs():
            users = [port for port in output.get_target_inputs() if port.get_node().get_name() not in names]
            if not users:
                continue
            joint = library.opset1.parameter(output.get_shape(), output.get_element_type())
            for port in users:
                port.replace_source_output(joint.output(0))
            outputs.append(output)
            inputs.append(joint)
    front = library.Model(outputs, graph.get_parameters(), "first stage")
    return front, library.Model(graph.get_results(), inputs, "rest")


def _between(start: Any, end: Any) -> list[Any]:
    """Return the nodes on all paths from one node to another, both included, in no particular order."""

    def users(node: Any) -> list[Any]:
        return [port.get_node() for output in node.outputs() for port in output.get_target_inputs()]

    def sources(node: Any) -> list[Any]:
        return [value.get_node() for value in node.input_values()]

    below, above = _reached(start, users), _reached(end, sources)
    return [node for name, node in below.items() if name in above]


def _reached(start: Any, neighbours: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    waiting = [start]
    while waiting:
        node = waiting.pop()
        if node.get_name() not in found:
            found[node.get_name()] = node
            waiting += neighbours(node)
    return found
