"""``bench engines``: what is measured, what is skipped and why. Nothing here asks how fast anything is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from stream_guard.bench.engine_process import EngineProcess, Task, pictures
from stream_guard.bench.engines import as_json, measure, plan
from stream_guard.cli.bench import app
from stream_guard.errors import ConfigError, EngineError
from stream_guard.evaluation.predictor import loaded
from stream_guard.inference.engine import Probe
from stream_guard.inference.registry import Candidate
from stream_guard.models.manifest import Manifest
from stream_guard.testing.engines import ScriptedEngine, make_model
from stream_guard.training.release import write_manifest

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

HERE = Candidate("onnxruntime", Probe(True, "here", device="cpu", preference=10), ScriptedEngine)
ABSENT = Candidate("tensorrt", Probe(False, "no NVIDIA driver"), ScriptedEngine)
UNKNOWN = Candidate("of-no-package", Probe(True, "says it is here", device="cpu"), ScriptedEngine)


@pytest.fixture
def model(tmp_path: Path) -> tuple[Path, Manifest]:
    path, manifest = make_model(tmp_path)
    write_manifest(manifest, path.with_suffix(".json"))
    return path, manifest


def test_rows_are_laid_out_by_batch_and_what_cannot_be_measured_says_why(model: tuple[Path, Manifest]) -> None:
    laid = plan(precisions=("fp32", "int8"), batches=(4, 1), model=model[0], among=[HERE, ABSENT])
    assert [(task.engine, task.precision, task.batch) for task in laid.tasks] == [
        ("onnxruntime", "fp32", 4),
        ("onnxruntime", "fp32", 1),
    ]
    assert laid.batches == (4, 1)
    assert [(one.engine, one.precision) for one in laid.skipped] == [("onnxruntime", "int8"), ("tensorrt", None)]
    assert "models quantise" in laid.skipped[0].reason
    assert laid.skipped[1].reason == "no NVIDIA driver"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"engines": ["tensort"]}, "no engine called tensort; installed are: onnxruntime, tensorrt"),
        ({"engines": ["tensorrt"]}, "nothing to measure: tensorrt: no NVIDIA driver"),
    ],
)
def test_a_plan_without_rows_is_refused(
    given: dict[str, list[str]], says: str, model: tuple[Path, Manifest]
) -> None:
    with pytest.raises(ConfigError, match=says):
        plan(model=model[0], among=[HERE, ABSENT], **given)  # type: ignore[arg-type]


def test_a_real_run_measures_agreement_memory_and_time(model: tuple[Path, Manifest]) -> None:
    laid = plan(precisions=("fp32", "fp16"), batches=(3,), model=model[0], threads=1, among=[HERE, UNKNOWN, ABSENT])
    shares: list[float] = []
    figures, skipped = measure(laid, seconds=0.02, progress=shares.append)
    (row,) = figures
    assert (row.engine, row.precision, row.batch) == ("onnxruntime", "fp32", 3)
    assert row.difference == 0, "it is the reference"
    assert row.times == 1
    assert row.runs >= 1
    assert 0 < row.median_ms <= row.p99_ms
    assert row.faces_per_s == pytest.approx(3 / row.median_ms * 1e3)
    assert row.memory_mib is None or row.memory_mib > 1, "a library of many megabytes was loaded"
    assert (row.device, row.size) == ("cpu", model[1].size)
    reasons = {(one.engine, one.precision, one.batch): one.reason for one in skipped}
    assert "not fp16" in reasons["onnxruntime", "fp16", 3]
    assert reasons["of-no-package", "fp32", 3] == "there is no engine called of-no-package"
    assert reasons["tensorrt", None, None] == "no NVIDIA driver"
    assert shares == sorted(shares)
    assert shares[-1] == 1
    report = json.loads(json.dumps(as_json(laid, figures, skipped, seconds=0.02)))
    assert report["machine"]["libraries"]["onnxruntime"]
    assert len(report["rows"]) == 1


def test_differences_are_those_of_the_logits(model: tuple[Path, Manifest]) -> None:
    """Against a model with the same input and other weights, the row must show that it answers otherwise."""
    path, manifest = make_model(model[0].parent, seed=1)
    other = path.rename(path.with_name("other.onnx"))
    write_manifest(manifest.model_copy(update={"file": other.name}), other.with_suffix(".json"))
    make_model(model[0].parent)
    batch = pictures(2, manifest.size)
    laid = plan(precisions=("fp32",), batches=(2,), model=model[0], threads=1, among=[HERE])
    swapped = replace(laid, tasks=tuple(replace(task, model=other) for task in laid.tasks))
    (row,), _ = measure(swapped, seconds=0.01)
    with loaded(*model, engine="onnxruntime") as ours, loaded(other, manifest, engine="onnxruntime") as theirs:
        expected = np.abs(ours.infer(batch).logits - theirs.infer(batch).logits).max()
    assert row.difference == pytest.approx(expected, abs=1e-5)
    assert row.difference > 1e-3


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_process_that_dies_is_a_reason_not_a_hang(model: tuple[Path, Manifest]) -> None:
    with EngineProcess.running(Task("onnxruntime", "fp32", 1, model[0], threads=1)) as process:
        process.ready()
        assert process._process.pid is not None
        os.kill(process._process.pid, signal.SIGKILL)
        process._process.join()
        with pytest.raises(EngineError, match="ended with code -9"):
            process.run(0.01)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_children_of_a_parent_that_was_killed_leave_without_a_word(model: tuple[Path, Manifest]) -> None:
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from stream_guard.bench.engine_process import EngineProcess, Task\n"
        "if __name__ == '__main__':\n"
        f"    task = Task('onnxruntime', 'fp32', 1, Path({str(model[0])!r}), threads=1)\n"
        "    with EngineProcess.running(task) as one:\n"
        "        one.ready()\n"
        "        one._connection.send(0.5)\n"
        "        print('asked', flush=True)\n"
        "        time.sleep(120)\n"
    )
    script = model[0].with_name("parent.py")
    script.write_text(program)
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "asked\n"
    parent.kill()
    # The child holds the same pipes: they end when it does.
    out, err = parent.communicate(timeout=120)
    assert (out, err) == ("", "")


def test_more_pictures_begin_with_the_same_ones() -> None:
    np.testing.assert_array_equal(pictures(5, 32)[:2], pictures(2, 32))
    assert len({picture.tobytes() for picture in pictures(5, 32)}) == 5


@pytest.mark.parametrize("arguments", [["--precisions", "fp31"], ["--batches", "1,x"], ["--batches", "0"]])
def test_nonsense_on_the_command_line_is_refused(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, ["engines", *arguments]).exit_code == 2
