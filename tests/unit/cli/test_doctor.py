"""``stream-guard doctor``: what it finds, and when it says no."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from stream_guard.cli import doctor_checks
from stream_guard.cli.doctor import doctor
from stream_guard.cli.doctor_checks import Check, codecs, detector, models, problems, tools, tracker
from stream_guard.errors import EngineUnavailable
from stream_guard.inference import registry
from stream_guard.inference.engine import Probe
from stream_guard.inference.registry import Candidate
from stream_guard.testing.engines import ScriptedEngine

pytestmark = [pytest.mark.unit, pytest.mark.timeout(90)]  # interpreters start slowly on a busy machine

CPU = Candidate("slow", Probe(True, "on the CPU", device="cpu", preference=10), ScriptedEngine)
GPU = Candidate("fast", Probe(True, "on the GPU", device="cuda:0", preference=40), ScriptedEngine)
GONE = Candidate("gone", Probe(False, "not installed"), None)
GOOD = [Check("WebRTC VP8", True, ""), Check("WebRTC H264", True, ""), Check("MediaPipe", True, "", needed=True)]


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    """The command on a machine where all is well; tests break one thing."""
    monkeypatch.setattr(registry, "candidates", lambda: (CPU, GONE))
    monkeypatch.setattr(doctor_checks, "codecs", lambda: GOOD[:2])
    monkeypatch.setattr(doctor_checks, "tracker", lambda: GOOD[2])
    monkeypatch.setattr(doctor_checks, "models", lambda: [Check("default.onnx", True, "default 1", needed=True)])
    monkeypatch.setattr(doctor_checks, "detector", lambda engines: Check("detector", True, "answers", needed=True))
    monkeypatch.setattr(doctor_checks, "tools", lambda: [Check("ffmpeg", False, "not found")])
    monkeypatch.setenv("COLUMNS", "200")
    command = typer.Typer()
    command.command()(doctor)
    return command


def test_says_yes_where_all_that_is_needed_works(app: typer.Typer) -> None:
    done = CliRunner().invoke(app)
    assert done.exit_code == 0
    assert "stream-guard can run here." in done.output
    for part in ("Engines", "Media", "Models", "Useful beside it", "Machine"):
        assert part in done.output


def test_as_json(app: typer.Typer) -> None:
    done = CliRunner().invoke(app, ["--json"])
    report = json.loads(done.output)
    assert done.exit_code == 0
    assert report["ready"] is True
    assert report["problems"] == []
    assert [row["name"] for row in report["engines"]] == ["slow", "gone"]
    assert report["environment"]["usable_cores"] >= 1
    assert report["tools"] == [{"what": "ffmpeg", "works": False, "detail": "not found", "needed": False}]


@pytest.mark.parametrize(
    ("check", "detail"), [("tracker", "libGL.so.1: cannot open"), ("models", "default.onnx is damaged [sha256]")]
)
def test_says_no_and_why(app: typer.Typer, monkeypatch: pytest.MonkeyPatch, check: str, detail: str) -> None:
    broken = Check("it", False, detail, needed=True)
    monkeypatch.setattr(doctor_checks, check, lambda: [broken] if check == "models" else broken)
    done = CliRunner().invoke(app)
    assert done.exit_code == 1
    assert "cannot run here" in done.output
    assert f"it: {detail}" in done.output
    done = CliRunner().invoke(app, ["--json"])
    assert done.exit_code == 1
    assert json.loads(done.output)["problems"] == [f"it: {detail}"]


def test_no_engine_is_a_problem_and_so_is_none_on_the_cpu() -> None:
    assert problems([CPU, GONE], GOOD) == []
    assert problems([GPU, CPU], GOOD) == []
    assert problems([GONE], GOOD) == ["no engine can run here: gone: not installed"]
    assert len(problems([GPU, GONE], GOOD)) == 1  # the face finder needs one


def test_one_codec_is_enough_for_a_call_and_none_is_not() -> None:
    broken = [Check("WebRTC VP8", False, "no libvpx"), Check("WebRTC H264", False, "no openh264")]
    assert problems([CPU], [broken[0], GOOD[1]]) == []
    assert problems([CPU], broken) == ["WebRTC VP8: no libvpx", "WebRTC H264: no openh264"]


def test_pictures_really_go_through_both_codecs(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {check.what: check for check in codecs()}
    assert found["WebRTC VP8"].works, found["WebRTC VP8"].detail
    assert found["WebRTC H264"].works, found["WebRTC H264"].detail
    from aiortc.codecs.vpx import Vp8Decoder

    monkeypatch.setattr(Vp8Decoder, "decode", lambda *_: [])
    found = {check.what: check for check in codecs()}
    assert not found["WebRTC VP8"].works
    assert found["WebRTC VP8"].detail == "nothing came back from the decoder"
    assert found["WebRTC H264"].works


def test_a_missing_or_damaged_detector_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from stream_guard.errors import ModelError
    from stream_guard.models import store

    def missing() -> None:
        raise ModelError("there is no model")

    monkeypatch.setenv("STREAM_GUARD_CACHE", str(tmp_path))
    monkeypatch.setattr(store, "default_model", missing)
    found = models()
    assert found[0] == Check("default.onnx", False, "there is no model", needed=True)
    assert [check.works for check in found[1:]] == [False] * len(store.FILES)
    assert not any(check.needed for check in found[1:])  # they are fetched


def test_mediapipe_starts_in_its_own_process_and_is_not_imported_here() -> None:
    program = (
        "import sys; from stream_guard.cli.doctor_checks import tracker\n"
        "check = tracker(); print(check.works, 'mediapipe' in sys.modules, check.detail)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert re.fullmatch(r"True False version \S+; starts, cut off from the network\n", done.stdout), done.stdout


def test_mediapipe_without_its_model_is_only_looked_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STREAM_GUARD_CACHE", str(tmp_path))
    check = tracker()
    assert check.works
    assert "not tried without face_landmarker.task" in check.detail
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert tracker() == Check("MediaPipe", False, "not installed", needed=True)


def test_mediapipe_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from stream_guard.models import store

    (tmp_path / store.LANDMARKER).write_text("no model")
    monkeypatch.setenv("STREAM_GUARD_CACHE", str(tmp_path))
    monkeypatch.setattr(store, "is_cached", lambda name: True)
    monkeypatch.setattr(store, "path", lambda name: tmp_path / name)
    check = tracker()
    assert not check.works
    assert "MediaPipe cannot use the face landmarker" in check.detail
    assert "\n" not in check.detail


def test_tools_are_found_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "obs").write_text("#!/bin/sh\n")
    (tmp_path / "obs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    works = {check.what: check.works for check in tools()}
    assert works == {"ffmpeg": False, "OBS Studio": True, "browser": False}


def test_the_verbs_import_nothing_heavy() -> None:
    program = (
        "import sys, stream_guard.cli.doctor, stream_guard.cli.engines\n"
        "heavy = {'numpy', 'av', 'aiortc', 'mediapipe', 'cv2', 'onnxruntime', 'openvino', 'torch', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_the_detector_is_asked_and_engines_that_do_not_take_it_are_named() -> None:
    class Driverless(ScriptedEngine):
        name = "driverless"

        def load(self, *given: object) -> None:
            raise EngineUnavailable("the driver is too old")

    broken = Candidate("driverless", Probe(True, "a GPU", device="cuda:0", preference=40), Driverless)
    found = detector([broken, CPU, GONE])
    assert found.works
    assert found.detail == "answers on scripted (cpu); passed over: driverless: the driver is too old"
    alone = detector([broken])
    assert not alone.works
    assert alone.needed
    assert "the driver is too old" in alone.detail
