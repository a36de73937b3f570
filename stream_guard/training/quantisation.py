"""From a float model to an INT8 one: weights and activations of most convolutions in eight bits.

Post-training static quantisation (Jacob et al., CVPR 2018): the ranges of the activations are taken from faces of
the training split as calls show them, real and forged; weights are scaled by output channel. What decides about
single grey levels stays in float: the high-frequency residual, the stem and the first block; so do the two heads.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import ModelError
from stream_guard.inference.registry import choose
from stream_guard.models.manifest import Manifest
from stream_guard.training.dataset import Recipe, Twins
from stream_guard.training.release import write_manifest
from stream_guard.training.shard import Shard

__all__ = ["calibration_faces", "float_weights", "quantisable", "quantise"]

_QUANTISER = "onnxruntime"
_EXACT_DENSE = 2
"""Dense convolutions that stay in float at the beginning: the stem, and the one that ends the first block."""


def quantise(
    model: Path,
    manifest: Manifest,
    out: Path,
    shard: Path,
    *,
    faces: int = 512,
    seed: int = 0,
    symmetric: bool = False,
    progress: Callable[[float], None] = lambda share: None,
) -> Manifest:
    """Write ``NAME-int8.onnx`` and its manifest.

    Args:
        model: the float ONNX file.
        manifest: its manifest. Figures and thresholds are taken over: measure the result before you trust them.
        out: folder for the two files.
        shard: the prepared faces that the model was trained on; those held out are not looked at.
        faces: how many calibrate, half of them forged.
        seed: of their choice.
        symmetric: for TensorRT, which takes no other. CPUs lose a bit of each activation by it.
        progress: is told the share that is done, 0 to 1.

    Raises:
        ConfigError: there are no prepared faces.
        EngineUnavailable: ONNX Runtime's quantiser is not there.
        ModelError: the model is quantised already, or has nothing to quantise.
    """
    import onnx

    if manifest.quantised_on:
        raise ModelError(f"{model.name} is quantised already")
    graph = float_weights(onnx.load(str(model)))
    for number, node in enumerate(graph.graph.node):
        node.name = node.name or f"node {number}"  # ONNX does not ask for names, the quantiser goes by them
    names = quantisable(graph)
    if not names:
        raise ModelError(f"{model.name} has no convolutions that could be quantised")
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{manifest.name}-int8.onnx"
    batches = calibration_faces(shard, manifest, faces=faces, seed=seed, progress=progress)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "float.onnx"
        onnx.save(graph, str(source))
        choose(_QUANTISER).quantise(source, target, batches, names, symmetric=symmetric)
    quantised = manifest.model_copy(
        update={
            "name": f"{manifest.name}-int8",
            "file": target.name,
            "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
            "quantised_on": f"{faces} faces of the training split ({', '.join(sorted(set(Shard(shard).sets)))})"
            + (", symmetric" if symmetric else ""),
            "measured": (),
            "precisions": (),
        }
    )
    write_manifest(quantised, target.with_suffix(".json"))
    return quantised


def calibration_faces(
    shard: Path, manifest: Manifest, *, faces: int, seed: int, progress: Callable[[float], None]
) -> Iterator[NDArray[np.uint8]]:
    """Yield faces of the training split as calls show them, real and forged in turn, a group at a time.

    Yields:
        uint8, shape (n, size, size, 3), RGB.
    """
    recipe = Recipe(size=manifest.size, margin=manifest.margin, grid=manifest.patch_grid or manifest.size // 16)
    # Faces drawn anew by an autoencoder are files of their own, and change no range of values.
    recipe = replace(recipe, mix=replace(recipe.mix, reconstructed=0.0))
    positions, _ = Shard(shard).split()
    group = 2 * recipe.faces
    groups = -(-faces // group)
    for number, samples in enumerate(islice(Twins(shard, positions, recipe, seed=seed), groups)):
        yield samples.faces.numpy()[: faces - number * group]
        progress((number + 1) / groups)


def float_weights(model: Any) -> Any:
    """Return the model with weights that are stored as float16, and cast in the graph, as float32: in place."""
    from onnx import TensorProto, numpy_helper

    stored = {weight.name: weight for weight in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        weight = stored.get(node.input[0]) if node.op_type == "Cast" else None
        if weight is None or weight.data_type != TensorProto.FLOAT16:
            nodes.append(node)
            continue
        values = numpy_helper.to_array(weight).astype(np.float32)
        weight.CopyFrom(numpy_helper.from_array(values, node.output[0]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def quantisable(model: Any) -> list[str]:
    """Return the names of the convolutions that eight bits do no harm, in the graph's order.

    Args:
        model: with float32 weights.
    """
    shapes = {weight.name: tuple(weight.dims) for weight in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv" and node.input[1] in shapes]
    dense = [node.name for node in convolutions if _groups(node) == 1]
    if len(dense) <= _EXACT_DENSE:
        return []
    names = [node.name for node in convolutions]
    rest = convolutions[names.index(dense[_EXACT_DENSE - 1]) + 1 :]
    return [node.name for node in rest if shapes[node.input[1]][0] > 1]  # a map of one channel is a head


def _groups(convolution: Any) -> int:
    return next((attribute.i for attribute in convolution.attribute if attribute.name == "group"), 1)
