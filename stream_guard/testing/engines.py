"""Engines and models to test with: no weights to download, answers that are known."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import EngineError
from stream_guard.inference.engine import Engine, EngineOptions, Prediction, Probe
from stream_guard.inference.shapes import check_batch, prediction
from stream_guard.models.manifest import Calibration, DataSet, Manifest

__all__ = ["Answer", "ScriptedEngine", "brightness", "make_manifest", "make_model"]

Answer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From a batch, uint8 (n, size, size, 3), to logits, float32 (n,)."""


def brightness(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Answer with each picture's mean over 255: tells which picture a logit belongs to."""
    means: NDArray[np.float32] = batch.mean(axis=(1, 2, 3), dtype=np.float32) / np.float32(255)
    return means


class ScriptedEngine(Engine):
    """Answers from a function of the batch; fails and dawdles on demand.

    Attributes:
        batches: the size of every batch so far.
        threads: the threads that called `load`, `infer` or `close`.
        loaded: between `load` and `close`.
    """

    name: ClassVar[str] = "scripted"

    def __init__(
        self,
        answer: Answer = brightness,
        *,
        delay_s: float = 0.0,
        fail_load: Exception | None = None,
        fail_on: Iterable[int] = (),
        failure: Exception | None = None,
        gate: threading.Event | None = None,
    ) -> None:
        """Write the script.

        Args:
            answer: gives the logits.
            delay_s: what each inference takes, in seconds.
            fail_load: raised by `load`.
            fail_on: numbers of the batches, from 0, that fail.
            failure: what they raise; an `EngineError` by default.
            gate: each inference waits until it is set, so a test decides when the engine is busy.
        """
        self._answer = answer
        self._delay_s = delay_s
        self._fail_load = fail_load
        self._fail_on = frozenset(fail_on)
        self._failure = failure or EngineError("this batch fails by script")
        self._gate = gate
        self._size = 0
        self._max_batch = 0
        self.batches: list[int] = []
        self.threads: set[int] = set()
        self.loaded = False

    @classmethod
    def probe(cls) -> Probe:
        """It runs everywhere, and ``auto`` never takes it before a real one."""
        return Probe(True, "answers by script", device="cpu", preference=0)

    def load(self, model: Path, manifest: Manifest, options: EngineOptions) -> None:
        """Take note of the sizes; the file is not looked at."""
        self.threads.add(threading.get_ident())
        if self._fail_load is not None:
            raise self._fail_load
        self._size, self._max_batch = manifest.size, options.max_batch
        self.loaded = True

    def infer(self, batch: NDArray[np.uint8]) -> Prediction:
        """Follow the script."""
        self.threads.add(threading.get_ident())
        if not self.loaded:
            raise EngineError("scripted holds no model: call load first, and nothing after close")
        check_batch(batch, size=self._size, max_batch=self._max_batch)
        self.batches.append(len(batch))
        if self._gate is not None and not self._gate.wait(timeout=10):
            raise EngineError("nobody opened the gate")
        if self._delay_s:
            time.sleep(self._delay_s)
        if len(self.batches) - 1 in self._fail_on:
            raise self._failure
        return prediction(self._answer(batch), None, faces=len(batch))

    def close(self) -> None:
        """Forget the model."""
        self.threads.add(threading.get_ident())
        self.loaded = False


def make_manifest(*, size: int = 32, patch_grid: int | None = None, sha256: str = "0" * 64) -> Manifest:
    """Return a manifest for a model that was never trained."""
    return Manifest(
        name="untrained",
        version="0",
        status="preview",
        summary="Random weights, for tests.",
        file="untrained.onnx",
        sha256=sha256,
        licence="CC0-1.0",
        size=size,
        margin=1.3,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        patch_grid=patch_grid,
        min_face_px=40,
        parameters=1,
        calibration=Calibration(temperature=1.0, bias=0.0, fitted_on="nothing"),
        data=(DataSet(name="none", items=1, terms="none", use="train"),),
        made_by="stream_guard.testing.engines.make_model",
    )


def make_model(folder: Path, *, size: int = 32, seed: int = 0) -> tuple[Path, Manifest]:
    """Write a small convolutional network with fixed random weights, and return it with its manifest.

    It has every part an engine must get right: uint8 input in channels-last order, normalisation inside
    the graph, padded, strided, depthwise and pointwise convolutions, ReLU6, pooling, two outputs. Needs the
    ``onnx`` package.

    Args:
        folder: where the file goes.
        size: side of the input in pixels, a multiple of 8.
        seed: of the weights.
    """
    import onnx

    random = np.random.default_rng(seed)
    nodes, weights, previous = [], [], "faces"

    def weight(name: str, value: NDArray[np.float32]) -> str:
        weights.append(onnx.numpy_helper.from_array(value, name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        nodes.append(onnx.helper.make_node(kind, inputs, [output], **attributes))
        return output

    def convolution(source: str, output: str, shape: tuple[int, int, int, int], stride: int, group: int) -> str:
        spread = (2 / np.prod(shape[1:])) ** 0.5
        kernel = weight(f"{output}.weight", random.normal(0, spread, shape).astype(np.float32))
        bias = weight(f"{output}.bias", random.normal(0, 0.1, shape[0]).astype(np.float32))
        pad = shape[2] // 2
        return node("Conv", [source, kernel, bias], output, strides=[stride] * 2, pads=[pad] * 4, group=group)

    previous = node("Transpose", [previous], "nchw", perm=[0, 3, 1, 2])
    previous = node("Cast", [previous], "float", to=onnx.TensorProto.FLOAT)
    mean = weight("mean", np.full((1, 3, 1, 1), 127.5, dtype=np.float32))
    std = weight("std", np.full((1, 3, 1, 1), 63.75, dtype=np.float32))
    previous = node("Div", [node("Sub", [previous, mean], "centred"), std], "normal")
    low, high = weight("low", np.array(0, dtype=np.float32)), weight("high", np.array(6, dtype=np.float32))
    shapes = [((16, 3, 3, 3), 1), ((16, 1, 5, 5), 16), ((32, 16, 1, 1), 1), ((32, 1, 3, 3), 32)]
    for number, (shape, group) in enumerate(shapes):
        stride = 2 if shape[2] > 1 else 1
        previous = convolution(previous, f"conv{number}", shape, stride, group)
        previous = node("Clip", [previous, low, high], f"relu{number}")
    axes = "axes"
    weights.append(onnx.numpy_helper.from_array(np.array([1], dtype=np.int64), axes))
    node("Squeeze", [convolution(previous, "map", (1, 32, 1, 1), 1, 1), axes], "patches")
    pooled = node("Flatten", [node("GlobalAveragePool", [previous], "mean_pool")], "features")
    last = weight("head", random.normal(0, 0.5, (32, 1)).astype(np.float32))
    node("Squeeze", [node("MatMul", [pooled, last], "column"), axes], "logits")

    grid = size // 8
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        "untrained",
        [value("faces", onnx.TensorProto.UINT8, ["n", size, size, 3])],
        [
            value("logits", onnx.TensorProto.FLOAT, ["n"]),
            value("patches", onnx.TensorProto.FLOAT, ["n", grid, grid]),
        ],
        weights,
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path = folder / "untrained.onnx"
    onnx.save(model, str(path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path, make_manifest(size=size, patch_grid=grid, sha256=digest)
