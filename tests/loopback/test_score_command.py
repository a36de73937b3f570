"""``stream-guard score`` as a user runs it, on files made here."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from stream_guard.cli import app
from stream_guard.recording.document import Report
from stream_guard.testing.caller import Caller

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(120)]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from stream_guard.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={**os.environ, "COLUMNS": "160"},
    )


def here(*arguments: str | Path, code: int = 0) -> str:
    """Run a command that needs no engine in this process; return what it says."""
    done = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "400"})
    assert done.exit_code == code, done.output
    return done.output


def write(path: Path, frames: int, *, caller: Caller | None) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("h264", rate=15)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.options = {"g": "10"}
        for number in range(frames):
            picture = caller.frame(number / 15) if caller else np.full((360, 640, 3), number, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("clips") / "call.mkv", 45, caller=Caller(width=640, height=360))


def test_every_frame_gets_a_line_and_every_file_a_summary(call: Path, tmp_path: Path) -> None:
    blank = write(tmp_path / "blank.mp4", 10, caller=None)
    out = tmp_path / "out.jsonl"
    done = run("score", call, blank, "--json", out)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    faces = [line for line in lines if "id" in line]
    assert {line["file"] for line in faces} == {str(call)}
    assert [line["frame"] for line in faces if line["id"] == faces[0]["id"]] == list(range(faces[0]["frame"], 45))
    assert set(faces[-1]) == {
        *("file", "frame", "t", "id", "box", "authenticity"),
        *("interval", "state", "reasons", "frame_score", "coverage", "drivers", "relative", "trusted"),
    }
    first, second = (line for line in lines if line.get("type") == "summary")
    assert (first["faces"], first["frames"]) == (1, 45)
    assert first["scored"] >= 40
    assert 0 <= first["authenticity"] <= 1
    assert (second["state"], second["faces"], second["authenticity"]) == ("cannot_judge", 0, None)
    assert "no face found" in done.stdout


def test_reports_in_three_forms_are_signed_and_verified(call: Path, tmp_path: Path) -> None:
    key = tmp_path / "me.key"
    here("keys", "new", "--out", key)
    page, data, table = (tmp_path / f"report.{kind}" for kind in ("html", "json", "csv"))
    outputs = [argument for path in (page, data, table) for argument in ("--report", path)]
    done = run("score", call, call, "--every", "5", *outputs, "--sign", key, "--graph", "-")
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("[]"), "nobody raised an alarm"
    text = page.read_text(encoding="utf-8")
    assert text.count("<h2>call.mkv</h2>") == 2
    assert text.count("first look, face 1") == 2
    assert "How good the model is" in text
    report = Report.model_validate_json(data.read_bytes())
    assert report.recordings[0].sha256 == hashlib.sha256(call.read_bytes()).hexdigest()
    assert report.settings.every == 5
    assert len(table.read_text().splitlines()) == 7, "three seconds of two files, and the header"
    for path in (page, data, table):
        here("verify", path, "--key", key.with_suffix(".pub"), "--input", call)
    page.write_text(text.replace("looks authentic", "likely synthetic", 1))
    here("verify", page, "--key", key.with_suffix(".pub"), code=1)


def test_what_cannot_be_signed_or_named_is_told_before_the_work(call: Path, tmp_path: Path) -> None:
    for arguments in (
        ("--sign", tmp_path / "nothere.key", "--report", tmp_path / "r.html"),
        ("--sign", tmp_path / "nothere.key"),
        ("--report", tmp_path / "r.pdf"),
    ):
        told = here("score", call, *arguments, code=2)
        assert told.startswith("stream-guard: ")
        assert told.count("\n") == 1


def test_every_other_frame_is_half_the_work(call: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert run("score", call, "--every", "3", "--json", out).returncode == 0
    assert json.loads(out.read_text().splitlines()[-1])["frames"] == 15


def test_both_engines_say_the_same(call: Path, tmp_path: Path) -> None:
    said = []
    for engine in ("onnxruntime", "openvino"):
        out = tmp_path / f"{engine}.jsonl"
        assert run("score", call, "--engine", engine, "--json", out).returncode == 0
        said.append([json.loads(line).get("frame_score") for line in out.read_text().splitlines()])
    assert len(said[0]) == len(said[1])
    pairs = [(one, two) for one, two in zip(*said, strict=True) if one is not None]
    assert len(pairs) >= 40
    # A face finder's box may differ in the last digit between engines, and with it the crop by a shade.
    assert np.median([abs(one - two) for one, two in pairs]) < 0.02


def test_bad_files_are_one_line_each_and_do_not_stop_the_good_one(call: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video at all\n" * 50)
    (tmp_path / "empty.mp4").touch()
    cut_off = write(tmp_path / "whole.mkv", 60, caller=Caller(width=640, height=360))
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(cut_off.read_bytes()[: cut_off.stat().st_size // 2])
    sound = tmp_path / "sound.m4a"
    with av.open(str(sound), "w") as out:
        stream = out.add_stream("aac", rate=48000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 48000
        out.mux(stream.encode(silence))
        out.mux(stream.encode(None))
    files = [tmp_path / "nothere.mp4", tmp_path / "text.mp4", tmp_path / "empty.mp4", sound, broken, call]
    done = run("score", *files, "--every", "5")
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("stream-guard: ")]
    assert len(errors) == 5, done.stderr
    for file, error in zip(files, errors, strict=False):
        assert file.name in error
    assert "Traceback" not in done.stderr
    assert "call.mkv" in done.stdout
    assert "broken.mkv" in done.stdout, "what came before the break is scored"


def test_an_output_that_cannot_be_written_is_told_at_once(call: Path, tmp_path: Path) -> None:
    done = run("score", call, "--json", tmp_path / "no" / "folder.jsonl")
    assert done.returncode == 2
    assert done.stderr.startswith("stream-guard: cannot write")
