"""The documents' tables are what the kept results say, and every kept result can be made by a command."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks import table
from benchmarks.rows import details, performance
from benchmarks.runs import BY_NAME_ONLY, RUNS, command, shown
from stream_guard.bench.growth import growth
from stream_guard.bench.latency import figures
from stream_guard.bench.load import Bound, step
from stream_guard.bench.results import result, save
from stream_guard.cli import app
from stream_guard.errors import ConfigError
from tests.unit.bench.records import record

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", table.DOCUMENTS)
def test_a_document_says_what_the_kept_results_say(name: str) -> None:
    document = (table.ROOT / name).read_text(encoding="utf-8")
    wanted = table.DOCUMENTS[name](table.complete())
    assert table.placed(document) == wanted, "the results changed: run python -m benchmarks.table --write"


@pytest.mark.parametrize("name", [name for name in RUNS if name != "peers"])
def test_every_result_is_made_by_a_command_that_there_is(name: str, tmp_path: Path) -> None:
    words = command(name, target=tmp_path / "now.json", keep=True, earlier=tmp_path / "before.json")
    verb, *options = words[words.index("bench") + 1 :]
    told = CliRunner().invoke(app, ["bench", verb, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).output
    for option in options:
        assert not option.startswith("--") or option.replace("--no-", "--") in told, option
    assert shown(name) == shlex.join(["stream-guard", "bench", *RUNS[name]])


def test_a_short_run_is_short(tmp_path: Path) -> None:
    words = command("load", target=tmp_path / "load.json", seconds="1")
    assert words[len(words) - words[::-1].index("--seconds")] == "1"
    assert command("start", target=tmp_path / "start.json", seconds="1")[-4:] == ["--times", "1", "--imports", "1"]


def test_markers_are_needed() -> None:
    with pytest.raises(ConfigError, match="no markers"):
        table.placed("nothing here")


def keep(folder: Path) -> None:
    """Write a whole set of results that never were."""
    settings = {"p95_ms": 150.0, "rate": 10.0, "work_ms": 100.0, "seconds": 30.0}
    flight = {**figures(record(), faces=1), "efficiency": 0.85, "with_finder": 0.9}
    flight["floor_cpu_ms"] = {"decode": 2.5, "landmarks": 6.0}
    load = {"sessions_held": 1, "steps": {"1": step(record(), faces=1, bound=Bound(rate=9))}}
    one = {"count": 2, "cores": 0.5, "glass_to_score_ms": {"p50": 40, "p95": 60}, "share_scored": 1.0}
    series = {
        "steps": {"1": {**one, "count": 1}, "2": one, "4": {**one, "count": 4}, "9": {**one, "count": 9}},
        "cores": growth([1, 2, 4, 9], [0.2, 0.3, 0.5, 0.9]),
    }
    spread = {"median": 2.51, "least": 2.4, "most": 2.9}
    lag = {"last_lag_ms": 90}
    peers: dict[str, Any] = {
        "cost": {
            "ours": {},
            "others": {"MTCNN + EfficientNet-B4": {"times_ours": 30.0}, "MediaPipe + MesoNet": {"times_ours": 1.2}},
        },
        "lag": {"ours": lag, "others": {"aiortc's track": {"last_lag_ms": 20_700}}},
        "flag": {
            "ours": {"seconds_to_flag": 1.4},
            "others": {"one frame in 5 s": {"seconds_to_flag": {"mean": 2.4, "max": 4.8}}},
        },
    }
    contents = {
        "load": load,
        "growth": {"faces": series, "sessions": series},
        "start": {"until_s": {"first_score": spread}, "import_ms": {"stream_guard": spread}},
        "peers": peers,
    }
    for name in table.NEEDED:
        save(folder / f"{name}.json", result(name, settings, contents.get(name, flight)))


def test_each_row_is_read_off_a_result(tmp_path: Path) -> None:
    keep(tmp_path / "some-machine")
    text = performance(table.complete(tmp_path))
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in text.splitlines()}
    assert (
        "70 / 70 ms; 19 of 20"
        in rows["one 1280x720 call, VP8, 30 frames/s: glass to score, p50 / p95; frames scored"]
    )
    assert rows["from starting `serve` to the first score"].endswith(
        "| 2.5 s (2.4 to 2.9) | `stream-guard bench start` |"
    )
    assert "20.7 s, 0.09 s" in text
    assert "2.4 s on average, up to 4.8 s; ours 1.4 s" in text
    assert "0.80 times" in text, "0.08 of a core a face in the last step, 0.1 in the first"
    assert {line.count(" |") for line in text.splitlines()} == {3}, "every row has three columns"


def test_the_long_tables_are_whole(tmp_path: Path) -> None:
    keep(tmp_path / "some-machine")
    text = details(table.complete(tmp_path))
    assert "| jitter buffer | 4% |" in text
    assert "| 1 | 70 / 70 / 70 ms | 9.5 | 0.20 | none | yes |" in text
    assert "| 1 face | 0.50 | 40 / 60 ms | 100% |" in text
    assert "| 4 sessions |" in text


def test_what_never_happened_is_said_so(tmp_path: Path) -> None:
    keep(tmp_path)
    peers = json.loads((tmp_path / "peers.json").read_text())
    peers["flag"]["ours"]["seconds_to_flag"] = None
    peers["flag"]["others"]["one frame in 5 s"]["seconds_to_flag"] = {}
    save(tmp_path / "peers.json", peers)
    kept = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in table.NEEDED}
    assert "never on average, up to never; ours never" in performance(kept)
    kept["load"] = {**kept["load"], "sessions_held": 0}
    kept["growth"]["faces"]["cores"]["last_over_first"] = None
    kept["latency-vp8"] = {**kept["latency-vp8"], "glass_to_score_ms": {}}
    assert "not to be told" in performance(kept)


@pytest.mark.parametrize("missing", ["gallery", "peers"])
def test_an_incomplete_set_is_none(tmp_path: Path, missing: str) -> None:
    keep(tmp_path / "some-machine")
    (tmp_path / "some-machine" / f"{missing}.json").unlink()
    assert table.complete(tmp_path) is None
    assert performance(None) == details(None)
    assert table.complete(tmp_path / "nothing") is None


def test_engines_are_kept_by_name_only() -> None:
    assert set(BY_NAME_ONLY) <= set(RUNS)
    assert not set(BY_NAME_ONLY) & set(table.NEEDED)


def test_a_result_is_json_without_surprises(tmp_path: Path) -> None:
    keep(tmp_path)
    told = json.loads((tmp_path / "growth.json").read_text(), parse_constant=pytest.fail)
    assert told["kind"] == "growth"
