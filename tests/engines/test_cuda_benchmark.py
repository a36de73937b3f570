"""The GPU benchmark: its own driver, its figures and its refusals, with a ``libcuda`` that computes on the host."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.gpu import kernel, live, plain_driver, scene
from benchmarks.gpu.plain_driver import DriverError, PlainCuda
from engines.cuda import driver, library
from engines.cuda.device import Device
from engines.onnxruntime import OnnxRuntimeEngine
from stream_guard import app
from stream_guard.bench import clip as clips
from stream_guard.errors import EngineUnavailable
from stream_guard.inference.engine import Prediction
from stream_guard.inference.faces import FrameFaces
from stream_guard.testing.cutting import crops_of
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


class _CutsOnTheCpu(OnnxRuntimeEngine):
    """An engine that cuts, as far as anybody can see from outside."""

    name = "cuts-on-the-cpu"
    cuts = True

    def infer_cuts(self, frames: Sequence[FrameFaces]) -> Prediction:
        return self.infer(crops_of(frames, self._size))


@pytest.mark.timeout(120)
async def test_a_recorded_call_reaches_the_engine_as_the_decoders_planes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(app, "ranked", lambda name: [_CutsOnTheCpu])
    clip = tmp_path / "call.mp4"
    await asyncio.to_thread(clips.make, clip, clips.Shape(width=640, height=360, fps=10), seconds=0.6)
    played = await live.play("a way", clip, _CutsOnTheCpu, cuts=True)
    assert dict(played.formats) == {"yuv420p": len(played.scores)}
    assert len(played.scores) == 6
    assert all(0 < score < 1 for score in played.scores.values())
    assert {"convert", "align", "infer"} <= played.stages_ms.keys()
    assert _CutsOnTheCpu.cuts


SCORES = {(0, 1): 0.5, (1, 1): 0.6}


@pytest.mark.parametrize(
    ("scores", "formats", "code"),
    [
        (SCORES, {"yuv420p": 2}, 0),
        ({(0, 1): 0.5, (1, 1): 0.615}, {"yuv420p": 2}, 0),
        ({(0, 1): 0.5, (1, 1): 0.63}, {"yuv420p": 2}, 1),
        ({(0, 1): 0.5}, {"yuv420p": 2}, 1),
        ({}, {"yuv420p": 2}, 1),
        (SCORES, {"rgb24": 2}, 1),
    ],
    ids=["the same", "nearly", "too far", "a face is missing", "no face", "never the decoder's planes"],
)
def test_each_way_through_the_call_must_give_the_same_scores(
    scores: dict[tuple[int, int], float],
    formats: dict[str, int],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    async def play(way: str, clip: Path, engine: Any, *, cuts: bool) -> live.Play:
        return live.Play(way, scores, formats) if cuts else live.Play(way, dict(SCORES))

    monkeypatch.setattr(live, "play", play)
    monkeypatch.setattr(live, "make", lambda clip, shape, *, seconds: None)
    monkeypatch.setattr(live, "choose", lambda name: _CutsOnTheCpu)
    path = tmp_path / "live.json"
    assert live.main(["--json", str(path)]) == code
    record = json.loads(path.read_text())
    assert record["formats"] == formats
    assert record["rows"][0]["way"] == "cuts-on-the-cpu, which cuts"


def test_only_an_engine_that_cuts_can_be_played(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(name: str) -> Any:
        raise EngineUnavailable("no engine can run here: tensorrt: there is no NVIDIA GPU here")

    assert live.main(["--engine", "onnxruntime"]) == 2
    monkeypatch.setattr(live, "choose", absent)
    assert live.main([]) == 2
    told = capsys.readouterr().out
    assert "onnxruntime is given crops in any case" in told
    assert "tensorrt: there is no NVIDIA GPU here" in told


def test_graphs_can_be_left_out_and_come_back() -> None:
    from types import SimpleNamespace

    from benchmarks.gpu.engines import without_graphs

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
