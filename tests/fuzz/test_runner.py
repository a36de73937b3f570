"""The runner itself: what it counts, and that it does not overlook what is raised."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from tests.fuzz.mutation import mutated
from tests.fuzz.target import Target, plain
from tests.fuzz.worker import Report

pytestmark = [pytest.mark.unit, pytest.mark.timeout(120)]


def test_a_short_run_writes_down_what_it_did(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "sdp", "--seconds", "0.5", "--plain", "--json", str(out)],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(out.read_text())
    assert result["engine"] == "mutation"
    (sdp,) = result["targets"]
    assert sdp["inputs"] >= 1
    assert 0 < sdp["reached"] <= sdp["lines"]
    assert sdp["findings"] == {}


def test_a_finding_is_noted_once_with_its_first_input() -> None:
    def fail(data: bytes) -> None:
        raise KeyError(data.decode())

    report = Report("x")
    for data in (b"first", b"second"):
        try:
            fail(data)
        except KeyError as error:
            report.note(error, data)
    (where,) = report.findings
    assert where.startswith("KeyError at test_runner.py:")
    assert bytes.fromhex(report.findings[where]["input"]) == b"first"


def test_inputs_are_the_same_each_time_and_no_longer_than_may_be() -> None:
    target = Target("x", plain(lambda data: None), (b"one\ntwo", b"{}"), (), (b"word",), limit=20)
    first, again, other = (list(islice(mutated(target, seed=seed), 200)) for seed in (1, 1, 2))
    assert first == again != other
    assert first[:2] == [b"one\ntwo", b"{}"]
    assert max(map(len, first)) <= 20
    assert len(set(first)) > 100
