"""The engine from load to close on a GPU made of NumPy, and every way in which the real one refuses."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.onnxruntime import OnnxRuntimeEngine
from engines.tensorrt import TensorRTEngine
from engines.tensorrt import engine as engine_module
from stream_guard.errors import EngineError, EngineLost, EngineUnavailable
from stream_guard.inference.engine import EngineOptions, Prediction, Probe
from stream_guard.inference.worker import InferenceWorker
from stream_guard.models.manifest import Manifest
from stream_guard.testing.engine_contract import EngineContract, faces, reference
from stream_guard.testing.engines import make_model
from tests.engines.fake_machine import Machine

pytestmark = pytest.mark.engine

Model = tuple[Path, Manifest]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path / "cache")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return make_model(tmp_path_factory.mktemp("model"))


def loaded(model: Model, *, max_batch: int = 5, precision: Any = "fp16") -> TensorRTEngine:
    engine = TensorRTEngine()
    engine.load(*model, EngineOptions(max_batch=max_batch, precision=precision))
    return engine


class TestContract(EngineContract):
    engine = TensorRTEngine

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def machine(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            Machine(patch, tmp_path_factory.mktemp("cache"))
            patch.setattr(engine_module, "probe", lambda: Probe(True, "made of NumPy", "cuda:0", 40))
            yield


class TestContractInHalf(TestContract):
    precision = "fp16"
    tolerance = 0.02


def test_a_batch_runs_at_the_next_captured_size_and_nothing_is_allocated(machine: Machine, model: Model) -> None:
    engine = loaded(model, max_batch=9)
    (gpu,) = machine.gpus
    assert engine._session is not None
    assert engine._session.captured == (1, 2, 4, 8, 9)
    expected = reference(model[0], faces(9, 32)).logits
    allocations, launches = gpu.allocations, gpu.launches
    for count in (1, 3, 9, 5):
        np.testing.assert_allclose(engine.infer(faces(9, 32)[:count]).logits, expected[:count], rtol=0, atol=0.02)
    assert gpu.allocations == allocations
    assert gpu.launches == launches + 4
    engine.close()
    assert gpu.closed


def test_batches_larger_than_the_plan_go_in_several(machine: Machine, model: Model) -> None:
    engine = loaded(model, max_batch=40)
    batch = faces(40, 32)
    logits, patches = engine.infer(batch)
    np.testing.assert_allclose(logits, reference(model[0], batch).logits, rtol=0, atol=0.02)
    assert patches is not None
    assert patches.shape == (40, 4, 4)


@pytest.mark.parametrize("way", ["not capturable", "capture fails", "fails in capture"])
def test_without_cuda_graphs_it_runs_step_by_step(machine: Machine, model: Model, way: str) -> None:
    if way == "not capturable":
        machine.faults["capturable"] = False
    elif way == "capture fails":
        machine.gpu_faults.add("capture")
    else:
        machine.faults["execute in capture"] = "Error Code 1: Cuda Runtime (operation not permitted)"
    engine = loaded(model)
    logits = engine.infer(faces(3, 32)).logits
    assert machine.gpus[0].launches == 0
    np.testing.assert_allclose(logits, reference(model[0], faces(3, 32)).logits, rtol=0, atol=0.02)


@pytest.mark.parametrize("rtx", [True, False])
def test_a_plan_is_built_once_and_then_kept(
    machine: Machine, model: Model, rtx: bool, caplog: pytest.LogCaptureFixture
) -> None:
    machine.install(rtx=rtx)
    caplog.set_level(logging.INFO)
    loaded(model).close()
    assert "building untrained.onnx in fp16" in caplog.text
    loaded(model).close()
    assert machine.faults["built"] == 1
    key = json.loads(machine.sidecar.read_text())["key"]
    assert key["capability"] == "sm89"
    assert key["precision"] == "fp16"
    assert key["model_sha256"] == model[1].sha256
    assert key["gpu"] == ("" if rtx else "NVIDIA RTX 4090")  # portable plans are for a capability
    names = {path.suffix for path in (machine.cache / "tensorrt").iterdir()}
    assert names == {".json", ".plan", ".kernels" if rtx else ".bin"}  # compiled kernels, or timings


def test_each_precision_has_its_plan(machine: Machine, model: Model) -> None:
    exact = loaded(model, precision="fp32")
    half = loaded(model, precision="fp16")
    assert len(machine.plans) == 2
    expected = reference(model[0], faces(5, 32)).logits
    assert np.abs(exact.infer(faces(5, 32)).logits - expected).max() < 1e-5
    assert np.abs(half.infer(faces(5, 32)).logits - expected).max() > 1e-5


def test_a_precision_that_is_not_offered_is_refused_before_anything_is_built(
    machine: Machine, model: Model
) -> None:
    with pytest.raises(EngineUnavailable, match=r"tensorrt on sm89 offers fp16, bf16, fp32 for .* not int8"):
        loaded(model, precision="int8")
    assert "built" not in machine.faults
    assert machine.gpus[-1].closed


def test_what_was_never_measured_is_not_taken_unasked(machine: Machine, model: Model) -> None:
    loaded(model, precision="auto")
    assert json.loads(machine.sidecar.read_text())["key"]["precision"] == "fp32"


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("plan", "is damaged (sha256)"),
        ("sidecar", "is damaged (its sidecar)"),
        ("no plan", "cannot be read"),
        ("version", "was built by tensorrt_rtx 1.6.0, not 1.7.1.116"),
        ("gpu", "was built for sm75, not sm89"),
        ("ours", "was built by another version of stream-guard"),
    ],
)
def test_a_plan_that_is_damaged_stale_or_foreign_is_built_anew(
    machine: Machine, model: Model, harm: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    loaded(model).close()
    (plan,) = machine.plans
    told = json.loads(machine.sidecar.read_text())
    if harm == "plan":
        plan.write_bytes(plan.read_bytes()[:-1] + b"?")
    elif harm == "no plan":
        plan.unlink()
    elif harm == "sidecar":
        machine.sidecar.write_text("{")
    else:
        other = {"version": {"version": "1.6.0"}, "gpu": {"capability": "sm75"}, "ours": {"format": 0}}
        told["key"].update(other[harm])
        machine.sidecar.write_text(json.dumps(told))
    caplog.set_level(logging.INFO)
    engine = loaded(model)
    assert words in caplog.text
    assert machine.faults["built"] == 2
    engine.infer(faces(2, 32))
    loaded(model).close()
    assert machine.faults["built"] == 2


def test_a_plan_that_tensorrt_refuses_is_built_anew_once(machine: Machine, model: Model) -> None:
    loaded(model).close()
    machine.faults["deserialize"] = "IRuntime::deserializeCudaEngine: Error Code 1: Serialization (magic tag)"
    with pytest.raises(EngineError, match="cannot read the plan: IRuntime") as caught:
        loaded(model)
    assert machine.faults["built"] == 2
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, EngineUnavailable)
    del machine.faults["deserialize"]
    loaded(model).infer(faces(1, 32))


@pytest.mark.parametrize(
    ("bits", "kind", "words", "built"),
    [
        (1, EngineError, "version mismatch", 2),
        (2 | 32, EngineError, "malformed engine, unsupported cc", 2),
        (4, EngineUnavailable, "driver is too old for TensorRT-RTX 1.7.1.116", 1),
        (16, EngineError, "too little free memory", 1),
    ],
)
def test_what_the_runtime_says_of_a_plan_is_heeded(
    machine: Machine, model: Model, bits: int, kind: type[EngineError], words: str, built: int
) -> None:
    machine.faults["validity"] = bits
    with pytest.raises(kind, match=words):
        loaded(model)
    assert machine.faults["built"] == built


@pytest.mark.parametrize(
    ("fault", "message", "words"),
    [
        ("parse", "ModelImporter.cpp:140: node Foo", "cannot read the network: ModelImporter"),
        ("build", "Error Code 1: Myelin (no kernel. In compileGraph at /_src/x.cpp:1)", "cannot build for sm89"),
        ("context", "Error Code 2: OutOfMemory (Requested size was 9 bytes.)", "GPU is out of memory"),
        ("context", "Error Code 1: Cuda Runtime (unspecified)", "cannot prepare the plan"),
        ("deserialize", "Requested amount of GPU memory (9 bytes): out of memory", "GPU is out of memory"),
        ("execute", "IExecutionContext::enqueueV3: Error Code 1: Cask", "TensorRT failed: IExecutionContext"),
        ("raise", "something from C++", "TensorRT failed: something from C"),
    ],
)
def test_a_refusal_at_load_is_one_line_and_frees_the_gpu(
    machine: Machine, model: Model, fault: str, message: str, words: str
) -> None:
    machine.faults[fault] = message
    with pytest.raises(EngineError, match=words) as caught:
        loaded(model)
    assert "\n" not in str(caught.value)
    assert "/_src/" not in str(caught.value)
    assert not isinstance(caught.value, EngineLost)
    assert machine.gpus[-1].closed
    machine.faults.clear()
    loaded(model).infer(faces(1, 32))


def test_out_of_memory_for_our_own_buffers(machine: Machine, model: Model) -> None:
    machine.gpu_faults.add("memory")
    with pytest.raises(EngineError, match="out of memory"):
        loaded(model)
    assert machine.gpus[-1].closed


def test_a_gpu_that_is_lost_in_mid_call_says_so(machine: Machine, model: Model) -> None:
    engine = loaded(model)
    engine.infer(faces(1, 32))
    machine.gpu_faults.add("lost")
    with pytest.raises(EngineLost):
        engine.infer(faces(1, 32))
    engine.close()


def test_a_gpu_that_is_lost_while_tensorrt_fails_says_so(machine: Machine, model: Model) -> None:
    machine.faults["capturable"] = False
    engine = loaded(model)
    machine.faults["execute"] = "Error Code 1: Cuda Runtime (unspecified launch failure)"
    with pytest.raises(EngineError, match="TensorRT failed") as caught:
        engine.infer(faces(1, 32))
    assert not isinstance(caught.value, EngineLost)
    machine.gpu_faults.add("lost")
    with pytest.raises(EngineLost):
        engine.infer(faces(1, 32))


def test_an_engine_that_answers_wrong_is_refused(machine: Machine, model: Model) -> None:
    machine.faults["wrong"] = 0.5
    with pytest.raises(EngineError, match="answers wrong"):
        loaded(model)
    assert machine.gpus[-1].closed


def test_what_is_no_number_never_becomes_a_score(machine: Machine, model: Model) -> None:
    engine = loaded(model)
    machine.faults["wrong"] = np.nan
    with pytest.raises(EngineError, match="not a finite number"):
        engine.infer(faces(1, 32))


def test_a_driver_that_is_too_old_for_the_package(machine: Machine, model: Model) -> None:
    machine.driver(12080)
    with pytest.raises(EngineUnavailable, match=r"speaks CUDA 12\.8, TensorRT-RTX 1\.7\.1\.116 needs 13\.0"):
        loaded(model)


def test_a_cache_that_cannot_be_written_costs_a_build_each_time(
    machine: Machine, model: Model, caplog: pytest.LogCaptureFixture
) -> None:
    machine.cache.write_text("a file where the folder should be")
    engine = loaded(model)
    assert "built again next time" in caplog.text
    prediction: Prediction = engine.infer(faces(2, 32))
    assert prediction.logits.shape == (2,)


@pytest.mark.parametrize("when", ["load", "call"])
async def test_the_next_engine_goes_on_where_the_gpu_does_not(machine: Machine, model: Model, when: str) -> None:
    if when == "load":
        machine.faults["context"] = "Error Code 2: OutOfMemory (Requested size was 9 bytes.)"
    engines = [TensorRTEngine, OnnxRuntimeEngine]
    batch = faces(3, 32)
    async with InferenceWorker(engines, *model, options=EngineOptions(max_batch=4)) as worker:
        first = await worker.infer(batch)
        assert worker.standing.engine == ("onnxruntime" if when == "load" else "tensorrt")
        machine.gpu_faults.add("lost")
        second = await worker.infer(batch)
        assert worker.standing.engine == "onnxruntime"
        assert ("out of memory" if when == "load" else "GPU is lost") in worker.standing.reasons
    np.testing.assert_allclose(first.logits, second.logits, rtol=0, atol=1e-3)
    assert machine.gpus[0].closed
