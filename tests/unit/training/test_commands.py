"""The two verbs, called as a user calls them: bad input is one line on stderr and exit code 2."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from stream_guard.cli.evaluate import evaluate
from stream_guard.cli.train import train

pytestmark = [pytest.mark.unit, pytest.mark.timeout(90)]  # an interpreter starts slowly on a busy machine

app = typer.Typer()
app.command()(train)
app.command()(evaluate)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "--data", "absent"], "there is no folder or CSV file absent"),
        (["evaluate", "--data", ".", "--model", "absent.onnx"], "has no real clips"),
        (["train", "--faces", "absent", "--landmarker", "absent.task"], "there is no folder absent"),
        (["train", "--faces", ".", "--terms", "nothing"], "--terms is SET="),
        (["train", "--faces", ".", "--footage", "absent"], "there is no folder absent"),
        (["train", "--faces", ".", "--start", "absent.pt"], "there is no checkpoint absent.pt"),
        (["train", "--faces", ".", "--checkpoint", "absent.pt"], "there is no checkpoint absent.pt"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_importing_the_verbs_imports_nothing_heavy():
    code = (
        "import sys, stream_guard.cli.train, stream_guard.cli.evaluate;"
        "print({'torch', 'cv2', 'mediapipe', 'onnxruntime', 'av', 'numpy'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == "set()"
