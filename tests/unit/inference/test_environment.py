"""What this machine is."""

from __future__ import annotations

import dataclasses
import json
import platform
import subprocess
from pathlib import Path

import pytest

from stream_guard.inference import environment
from stream_guard.inference.environment import describe

pytestmark = pytest.mark.unit


def test_describes_this_machine() -> None:
    here = describe()
    assert here.cpu
    assert 1 <= here.usable_cores <= here.logical_cores
    assert here.libraries["numpy"].startswith("2.")
    assert "pycuda" not in here.libraries or here.libraries["pycuda"]
    json.dumps(dataclasses.asdict(here))  # benchmarks write it beside their figures
    with pytest.raises(dataclasses.FrozenInstanceError):
        here.cpu = "another"  # type: ignore[misc]


def test_a_linux_processor_is_known_by_name_and_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(
        "processor : 0\nmodel name\t: Fast CPU\nflags : fpu avx2 avx512_bf16\n\nprocessor : 1\nflags :\n"
    )
    monkeypatch.setattr(environment, "_CPU_INFO", info)
    here = describe()
    assert here.cpu == "Fast CPU"
    assert here.cpu_features == ("avx2", "avx512_bf16")


def test_elsewhere_the_processor_is_what_python_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_CPU_INFO", tmp_path / "absent")
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    assert describe().cpu == "arm"
    assert describe().cpu_features == ()


def test_nvidia_gpus_are_listed_one_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    told = "NVIDIA H200, 143771 MiB, 570.1\nNVIDIA L4, 23034 MiB, 570.1\n\n"
    done = subprocess.CompletedProcess([], 0, stdout=told)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    assert describe().gpus == ("NVIDIA H200, 143771 MiB, 570.1", "NVIDIA L4, 23034 MiB, 570.1")


@pytest.mark.parametrize(
    "failure",
    [
        FileNotFoundError(),
        PermissionError(),
        subprocess.TimeoutExpired("nvidia-smi", 5),
        subprocess.CalledProcessError(9, "nvidia-smi"),
    ],
)
def test_a_driver_that_fails_is_no_gpu(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    def run(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(subprocess, "run", run)
    assert describe().gpus == ()
