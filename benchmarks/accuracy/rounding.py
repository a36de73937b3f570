"""Measure what 16 bits cost the detector's logits, without a GPU: every result is rounded as one would.

``python -m benchmarks.accuracy.rounding --faces DIR``, where DIR holds prepared faces, as ``stream-guard train``
leaves them. Those of people held out of training are judged, and as many pictures of noise.

ONNX Runtime has few half-precision kernels for CPUs, and leaves roundings out between those it replaces; so they
are written into the graph, as Veltkamp's splitting: ``x * k - (x * k - x)`` keeps so many bits of x. A GPU, which
computes several steps in one kernel, rounds less often.
"""

import argparse
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console
from rich.progress import track
from rich.table import Table

from engines.onnxruntime.library import load_library
from engines.tensorrt.dense import as_sums
from engines.tensorrt.graph import PIXELS, cut, types_of
from engines.tensorrt.half import in_16_bits
from stream_guard.errors import EngineUnavailable
from stream_guard.faces import align
from stream_guard.inference.engine import Engine, EngineOptions, Prediction, Probe
from stream_guard.inference.shapes import prediction
from stream_guard.models import store
from stream_guard.models.manifest import Manifest
from stream_guard.training.shard import Shard

__all__ = ["RoundedEngine", "rounded_everywhere"]

BITS = {"fp16": 11, "bf16": 8}
"""Significant binary digits, the hidden one among them."""

BATCH = 8


def rounded_everywhere(model: Any, bits: int) -> Any:
    """Return a float32 graph that rounds, after every node, whatever is 16 bits wide in the other.

    Args:
        model: from `engines.tensorrt.half.in_16_bits`.
        bits: significant binary digits that are kept.
    """
    short = (TensorProto.FLOAT16, TensorProto.BFLOAT16)
    narrow = {name for name, (element, _) in types_of(model).items() if element in short}
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph = model.graph
    weights = [
        numpy_helper.from_array(numpy_helper.to_array(one).astype(np.float32), one.name)
        if one.name in narrow
        else one
        for one in graph.initializer
    ]
    weights.append(numpy_helper.from_array(np.array(2 ** (24 - bits) + 1, dtype=np.float32), "split"))
    nodes: list[Any] = []
    for node in graph.node:
        if node.op_type == "Cast":
            node = helper.make_node("Identity", list(node.input), list(node.output))
        nodes.append(node)
        for place, name in enumerate(node.output):
            if name in narrow:
                node.output[place] = raw = f"{name}.raw"
                nodes += [
                    helper.make_node("Mul", [raw, "split"], [f"{name}.times"]),
                    helper.make_node("Sub", [f"{name}.times", raw], [f"{name}.rest"]),
                    helper.make_node("Sub", [f"{name}.times", f"{name}.rest"], [name]),
                ]
    for part, items in ((graph.node, nodes), (graph.initializer, weights), (graph.value_info, [])):
        kept = list(items)
        del part[:]
        part.extend(kept)
    return model


def rounded_network(content: bytes, precision: str) -> Any:
    """Return the network that TensorRT would get, in float32, with every result rounded as in 16 bits.

    Args:
        content: the exported ONNX file.
        precision: of `BITS`.
    """
    return rounded_everywhere(as_sums(in_16_bits(cut(content), precision)), BITS[precision])  # type: ignore[arg-type]


class RoundedEngine(Engine):
    """What TensorRT computes in 16 bits, simulated on the CPU. Slow; never installed."""

    name: ClassVar[str] = "simulated"

    def __init__(self) -> None:
        self._session: Any = None

    @classmethod
    def probe(cls) -> Probe:
        """It runs wherever ONNX Runtime does."""
        return Probe(True, "rounds in ONNX Runtime", device="cpu")

    def load(self, model: Path, manifest: Manifest, options: EngineOptions) -> None:
        """Write the roundings into the graph."""
        if options.precision not in BITS:
            raise EngineUnavailable(f"simulated are {', '.join(BITS)}, not {options.precision}")
        graph = rounded_network(model.read_bytes(), options.precision).SerializeToString()
        self._session = load_library().InferenceSession(graph, providers=["CPUExecutionProvider"])

    def infer(self, batch: NDArray[np.uint8]) -> Prediction:
        """Run the model; see `Engine.infer`. No patches."""
        (logits,) = self._session.run(["logits"], {PIXELS: pixels(batch)})
        return prediction(logits, None, faces=len(batch))

    def close(self) -> None:
        """Free the session."""
        self._session = None


def held_out_faces(folder: Path, count: int, size: int, margin: float) -> NDArray[np.uint8]:
    """Return faces of people that no model was trained on: uint8, (count, size, size, 3)."""
    shard = Shard(folder)
    _, held = shard.split()
    faces = []
    for position in held[:: max(1, len(held) // count)][:count]:
        face = shard[position]
        matrix = align.crop_matrix(align.landmark_box(face.landmarks), size=size, margin=margin)
        faces.append(align.cut(face.rgb, matrix, size=size))
    return np.stack(faces)


def answers(graph: bytes, name: str, batch: NDArray[Any]) -> NDArray[np.float32]:
    """Return a graph's logits in ONNX Runtime."""
    session = load_library().InferenceSession(graph, providers=["CPUExecutionProvider"])
    parts = [session.run(["logits"], {name: batch[at : at + BATCH]})[0] for at in range(0, len(batch), BATCH)]
    return np.concatenate(parts)


def pixels(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what the GPU's kernel makes of a batch: float32, (n, 3, size, size), 0 to 1."""
    return np.ascontiguousarray(batch.transpose(0, 3, 1, 2)).astype(np.float32) * np.float32(1 / 255)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--count", type=int, default=48)
    given = parser.parse_args()
    model, manifest = store.open_model(given.model) if given.model else store.default_model()
    content, size = model.read_bytes(), manifest.size
    graphs = {"fp32": as_sums(cut(content))} | {one: rounded_network(content, one) for one in BITS}
    batches = {
        "faces": held_out_faces(given.faces, given.count, size, manifest.margin),
        "noise": np.random.default_rng(0).integers(0, 256, (given.count, size, size, 3), dtype=np.uint8),
    }
    table = Table("precision", "pictures", "mean", "95 %", "largest", "logits from", "to", box=None)
    work = [(precision, kind) for precision in graphs for kind in batches]
    for precision, kind in track(work, transient=True):
        expected = answers(content, "faces", batches[kind])
        off = np.abs(answers(graphs[precision].SerializeToString(), PIXELS, pixels(batches[kind])) - expected)
        figures = (off.mean(), np.quantile(off, 0.95), off.max())
        ends = (f"{expected.min():.2f}", f"{expected.max():.2f}")
        table.add_row(precision, f"{len(expected)} {kind}", *(f"{figure:.2g}" for figure in figures), *ends)
    Console().print(table)


if __name__ == "__main__":
    main()
