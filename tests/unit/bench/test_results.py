"""Result files: only like is compared with like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stream_guard.bench.results import Difference, compare, kind_of_machine, load, result, save
from stream_guard.errors import ConfigError
from stream_guard.inference.environment import describe

pytestmark = pytest.mark.unit

SETTINGS = {"seconds": 20}


def test_a_file_comes_back_and_names_the_machine(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "latency.json"
    save(path, result("latency", SETTINGS, {"glass_to_score_ms": {"p50": 40.0}}))
    back = load(path)
    assert back["kind"] == "latency"
    assert back["machine"]["python"]
    assert back["glass_to_score_ms"] == {"p50": 40.0}


def test_figures_are_compared_by_their_place() -> None:
    before = result("latency", SETTINGS, {"a": {"p50": 40.0, "gone": 1}, "engine": "x", "zero": 0})
    now = result("latency", SETTINGS, {"a": {"p50": 20.0, "new": 1}, "engine": "y", "zero": 3})
    found = compare(before, now)
    assert found == [Difference("a.p50", 40.0, 20.0), Difference("zero", 0.0, 3.0)]
    assert [one.ratio for one in found] == [0.5, None]


@pytest.mark.parametrize(
    ("name", "before", "now", "worse"),
    [
        ("glass_to_score_ms.p95", 50, 56, True),
        ("glass_to_score_ms.p95", 50, 54, False),
        ("server.cpu_ms_a_frame_scored", 20, 30, True),
        ("frames.not decoded", 10, 20, True),
        ("frames.scored", 600, 500, True),
        ("faces.worst_face", 5.0, 6.0, False),
        ("sessions_held", 5, 4, True),
        ("efficiency", 0.85, 0.7, True),
        ("stages_ms.track.share", 0.2, 0.3, False),
        ("sender.cores", 0.5, 0.9, False),
        ("frames.dropped.superseded", 0, 9, False),
    ],
)
def test_worse_is_what_the_figure_makes_it(name: str, before: float, now: float, worse: bool) -> None:
    assert Difference(name, before, now).worse is worse


def test_other_settings_cannot_be_compared() -> None:
    before = result("latency", SETTINGS, {"p50": 1})
    for other in (result("latency", {"seconds": 5}, {"p50": 1}), result("load", SETTINGS, {"p50": 1})):
        with pytest.raises(ConfigError, match="cannot be compared"):
            compare(before, other)


@pytest.mark.parametrize("content", ["", "[]", "{}", "nonsense"])
def test_what_is_no_result_is_said_to_be_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "file").write_text(content)
    with pytest.raises(ConfigError, match="no benchmark's result"):
        load(tmp_path / "file")
    with pytest.raises(ConfigError, match="no benchmark's result"):
        load(tmp_path / "none")


def test_machines_of_one_kind_share_a_folder() -> None:
    machine = replace(describe(), cpu="AMD EPYC (Zen 4)", usable_cores=2)
    assert kind_of_machine(machine) == "amd-epyc-zen-4-2-cores"
