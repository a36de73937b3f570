"""Every engine that comes with stream-guard keeps the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.onnxruntime import OnnxRuntimeEngine
from engines.openvino import OpenVinoEngine
from stream_guard.inference.engine import Engine, EngineOptions, Prediction
from stream_guard.inference.environment import describe
from stream_guard.models.manifest import Manifest
from stream_guard.testing.engine_contract import MAX_BATCH, EngineContract, faces

pytestmark = pytest.mark.engine

SHIPPED = Path(__file__).parents[2] / "stream_guard" / "models" / "default.onnx"
needs_bfloat16 = pytest.mark.skipif(
    not {"avx512_bf16", "amx_bf16"} & set(describe().cpu_features), reason="this CPU does not compute in bfloat16"
)
needs_shipped = pytest.mark.skipif(not SHIPPED.exists(), reason="no model is shipped in this tree")


class TestOnnxRuntime(EngineContract):
    engine = OnnxRuntimeEngine


class TestOpenVino(EngineContract):
    engine = OpenVinoEngine


@needs_bfloat16
class TestOpenVinoInBfloat16(EngineContract):
    """Eight bits are left of each value: logits of about 1 are off by some hundredths."""

    engine = OpenVinoEngine
    precision = "bf16"
    tolerance = 0.05


class _Shipped(EngineContract):
    """The same on the shipped model; what the other engine answers is expected."""

    other: type[Engine]

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls) -> tuple[Path, Manifest]:
        return SHIPPED, Manifest.read(SHIPPED.with_suffix(".json"))

    @pytest.fixture(scope="class")
    @classmethod
    def expected(cls, model: tuple[Path, Manifest]) -> Prediction:
        other = cls.other()
        other.load(*model, EngineOptions(threads=1, max_batch=MAX_BATCH, precision="fp32"))
        answer = other.infer(faces(MAX_BATCH, model[1].size))
        other.close()
        return answer


@needs_shipped
class TestOnnxRuntimeWithTheShippedModel(_Shipped):
    engine, other = OnnxRuntimeEngine, OpenVinoEngine


@needs_shipped
class TestOpenVinoWithTheShippedModel(_Shipped):
    engine, other = OpenVinoEngine, OnnxRuntimeEngine
