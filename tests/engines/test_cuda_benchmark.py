"""The GPU benchmark: its own driver, its figures and its refusals, with a ``libcuda`` that computes on the host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.gpu import kernel, plain_driver, scene
from benchmarks.gpu.plain_driver import DriverError, PlainCuda
from engines.cuda import driver, library
from engines.cuda.device import Device
from tests.engines.fake_libcuda import FakeLibCuda
from tests.engines.host_crop import build

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]


@pytest.fixture
def libcuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeLibCuda:
    fake = FakeLibCuda(build(tmp_path / "crop.so", "-shared", "-fPIC"))
    monkeypatch.setattr(library, "find_spec", lambda name: None)  # no PyCUDA
    monkeypatch.setattr(plain_driver.ctypes, "CDLL", lambda name: fake)  # type: ignore[attr-defined]
    monkeypatch.setattr(driver, "_loaded", fake)
    return fake


def test_the_driver_alone_does_what_pycuda_does(libcuda: FakeLibCuda) -> None:
    with Device(PlainCuda(), 0) as device:
        assert (device.name, device.capability, device.memory_bytes) == ("Some GPU", (8, 9), 2**33)
        there = device.memory(24)
        up, down = device.staging((2, 3), np.float32), device.staging((2, 3), np.float32)
        up[...], down[...] = np.arange(6).reshape(2, 3), 0
        watch = device.stopwatch()
        watch.start()
        device.upload(there, up)
        device.download(down, there)
        watch.stop()
        assert watch.elapsed_ms() == 0.5
        np.testing.assert_array_equal(down, up)
        assert len(libcuda.memory) == 3
    assert not libcuda.memory


def test_the_drivers_words_are_told(libcuda: FakeLibCuda) -> None:
    with pytest.raises(DriverError, match="cuModuleLoadData failed: error 218"):
        PlainCuda().module_from_buffer(b"no code\0")


def test_the_whole_benchmark_runs(
    libcuda: FakeLibCuda, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kernel, "BATCHES", (1, 2))
    for module in (kernel, scene):  # a small picture: the host takes its time
        monkeypatch.setattr(module, "WIDTH", 160)
        monkeypatch.setattr(module, "HEIGHT", 96)
        monkeypatch.setattr(module, "SIZE", 32)
    path = tmp_path / "kernel.json"
    assert kernel.main(["--seconds", "0.01", "--json", str(path)]) == 0
    record = json.loads(path.read_text())
    assert record["by"] == "the driver alone"
    assert record["worst_of_255"] <= 1
    assert len(record["rows"]) == 2 * 5
    assert all(0 < row["median_ms"] <= row["p99_ms"] and row["runs"] >= 1 for row in record["rows"])
    assert "CUDA graph" in capsys.readouterr().out
    assert not libcuda.memory


def test_a_kernel_that_is_wrong_fails_the_benchmark(libcuda: FakeLibCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "BATCHES", (1,))
    for module in (kernel, scene):
        monkeypatch.setattr(module, "SIZE", 16)
    right = scene.Scene.crops
    monkeypatch.setattr(scene.Scene, "crops", lambda self: np.roll(right(self), 1, axis=2))
    assert kernel.main(["--check"]) == 1


def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def absent(name: str) -> Any:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(library, "find_spec", lambda name: None)
    monkeypatch.setattr(plain_driver.ctypes, "CDLL", absent)  # type: ignore[attr-defined]
    assert kernel.main(["--check"]) == 2
    assert "not measured: there is no NVIDIA GPU to measure" in capsys.readouterr().out


def script(*arguments: str, path: str = os.environ.get("PATH", "")) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "benchmarks" / "gpu.sh"), *arguments]
    environment = {**os.environ, "PATH": path, "PYTHON": sys.executable}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(driver.visible_gpus() > 0, reason="there is a GPU: the script would measure it")
def test_the_script_refuses_in_words_where_there_is_no_gpu(tmp_path: Path) -> None:
    done = script("--out", str(tmp_path / "results"))
    assert done.returncode == 2
    assert done.stderr.strip().startswith("gpu.sh: there is no NVIDIA GPU here")
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("wrong", [["--nonsense"], ["--out"], ["--seconds", "many"]])
def test_the_script_tells_wrong_arguments(wrong: list[str]) -> None:
    done = script(*wrong)
    assert done.returncode == 64
    assert "usage: benchmarks/gpu.sh" in done.stderr


def test_the_script_explains_itself() -> None:
    done = script("--help")
    assert done.returncode == 0
    assert "usage: benchmarks/gpu.sh" in done.stdout


def test_parity_is_of_probabilities_and_can_fail(tmp_path: Path) -> None:
    from benchmarks.gpu import engines
    from engines.onnxruntime import OnnxRuntimeEngine
    from stream_guard.testing.engines import make_model

    path, manifest = make_model(tmp_path)
    wanted = engines._logits(OnnxRuntimeEngine, "fp32", path, manifest)
    same = engines.compare(OnnxRuntimeEngine, "fp32", path, manifest, wanted)
    assert same == engines.Parity("onnxruntime", "fp32", 0.0, 0.0, True)
    other = engines.compare(OnnxRuntimeEngine, "fp32", path, manifest, wanted + np.float32(0.02))
    assert other.logit == pytest.approx(0.02, abs=1e-6)
    assert 0 < other.probability <= 0.005
    assert not other.passed


def test_where_no_engine_runs_on_a_gpu_each_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks.gpu import engines
    from stream_guard.inference.engine import Probe
    from stream_guard.inference.registry import Candidate

    rows = (Candidate("torch", Probe(True, "torch on the CPU", device="cpu", preference=1), None),)
    monkeypatch.setattr(engines, "candidates", lambda: rows)
    assert engines.main([]) == 2
    said = capsys.readouterr().out
    assert "not measured: tensorrt: it is not installed" in said
    assert "not measured: torch: torch on the CPU" in said


def test_graphs_can_be_left_out_and_come_back() -> None:
    from types import SimpleNamespace

    from benchmarks.gpu.engines import without_graphs
    from stream_guard.errors import EngineUnavailable

    session, runner = SimpleNamespace(captured=(1,), graphs_on=True), SimpleNamespace(graphs_on=True)
    restore: Any = without_graphs(SimpleNamespace(_session=session))  # type: ignore[arg-type]
    assert not session.graphs_on
    restore()
    assert session.graphs_on
    restore = without_graphs(SimpleNamespace(_runner=runner))  # type: ignore[arg-type]
    assert not runner.graphs_on
    restore()
    assert runner.graphs_on
    with pytest.raises(EngineUnavailable, match="without CUDA graphs"):
        without_graphs(SimpleNamespace(name="plain"))  # type: ignore[arg-type]
