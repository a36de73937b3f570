"""From a trained network to the ONNX file that every engine reads.

Weights are stored as float16 and cast to float32 in the graph, which halves the file; engines fold the casts
away when they load, and all arithmetic stays float32.
"""

from __future__ import annotations

import copy
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from stream_guard.errors import ModelError
from stream_guard.inference.engine import Engine
from stream_guard.training.network import Detector, Output

__all__ = ["OPSET", "compare", "export", "folded"]

OPSET = 18
"""Read by ONNX Runtime 1.14, OpenVINO 2023 and TensorRT 10, and by all that came later."""
_TOLERANCE = 1e-3


def folded(detector: Detector) -> Detector:
    """Return a copy with every batch norm folded into its convolution and weights rounded to float16."""
    detector = copy.deepcopy(detector).eval()
    _fold(detector, "_conv_stem", "_bn0")
    if detector.hybrid is None:
        _fold(detector, "_conv_head", "_bn1")
    for block in detector._blocks:
        for convolution, norm in (
            ("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")
        ):  # fmt: skip
            if hasattr(block, convolution):
                _fold(block, convolution, norm)
    for parameter in detector.parameters():
        if parameter.dim() > 1:
            parameter.data = parameter.data.half().float()
    return detector


def export(detector: Detector, path: Path, *, size: int) -> None:
    """Write the ONNX file.

    Args:
        detector: a trained network.
        path: where the file goes.
        size: side of the input in pixels.
    """
    import onnx

    network = folded(detector)
    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the exporter's own future
        program = torch.onnx.export(
            network,
            (example,),
            input_names=["faces"],
            output_names=["logits", "patches"],
            dynamic_shapes={"faces": {0: torch.export.Dim("batch")}},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _store_halves(model)
    _strip(model)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def compare(detector: Detector, engine: Engine, *, size: int) -> None:
    """Hold what an engine makes of the exported file against the network.

    Args:
        detector: the network that was exported.
        engine: has the exported file loaded.
        size: side of the input in pixels.

    Raises:
        ModelError: they differ by more than 1e-3 on any output.
    """
    network = folded(detector)
    for batch in (1, 5):
        faces = np.random.default_rng(batch).integers(0, 256, (batch, size, size, 3), np.uint8)
        with torch.inference_mode():
            expected: Output = network(torch.from_numpy(faces))
        for name, ours, theirs in zip(Output._fields, expected, engine.infer(faces), strict=True):
            if theirs is None or ours.shape != theirs.shape:
                raise ModelError(f"{engine.name} gives no {name} of the network's shape")
            worst = float(np.abs(ours.numpy() - theirs).max())
            if not worst <= _TOLERANCE:  # also where one is not a number
                raise ModelError(f"{engine.name}: {name} differs from the network by {worst:.1e}")


def _fold(owner: nn.Module, convolution: str, norm: str) -> None:
    setattr(owner, convolution, fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, norm)))
    setattr(owner, norm, nn.Identity())


def _store_halves(model: Any) -> None:
    """Store the large float32 weights as float16, each with a Cast back to float32."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < 256 or values.ndim < 2:
            continue
        name = weight.name
        half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            continue  # not a weight that `folded` rounded: the residual's kernel, for one
        weight.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _strip(model: Any) -> None:
    """Remove what the exporter notes of the source code: it names files of the machine that trained."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
