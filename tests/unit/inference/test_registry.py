"""Which engines there are and which is taken."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from stream_guard.errors import EngineError, EngineUnavailable
from stream_guard.inference.engine import Network, Probe
from stream_guard.inference.registry import (
    GROUP,
    Candidate,
    candidates,
    choose,
    choose_cpu,
    engine_class,
    open_network,
    ranked,
)
from stream_guard.testing.engines import ScriptedEngine

pytestmark = pytest.mark.unit


def engine_saying(probe: Probe | Exception) -> type[ScriptedEngine]:
    class Engine(ScriptedEngine):
        @classmethod
        def probe(cls) -> Probe:
            if isinstance(probe, Exception):
                raise probe
            return probe

    return Engine


SLOW = engine_saying(Probe(True, "slow", device="cpu", preference=10))
FAST = engine_saying(Probe(True, "fast", device="cuda:0", preference=40))
ABSENT = engine_saying(Probe(False, "no such library: pip install it", preference=50))
BROKEN = engine_saying(RuntimeError("two\nlines"))


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    """Entry points good and bad, as other people's packages bring them."""
    module = ModuleType("somebody_else")
    for name, value in {"slow": SLOW, "fast": FAST, "absent": ABSENT, "broken": BROKEN, "number": 3}.items():
        setattr(module, name, value)
    monkeypatch.setitem(sys.modules, "somebody_else", module)
    names = ["number", "broken", "absent", "slow", "fast", "missing"]
    found = [EntryPoint(name, f"somebody_else:{name}", GROUP) for name in names]
    return [*found, EntryPoint("gone", "not_installed_at_all:Engine", GROUP)]


def test_the_best_comes_first_and_what_cannot_run_last(points: list[EntryPoint]) -> None:
    rows = candidates(points)
    assert [row.name for row in rows][:2] == ["fast", "slow"]
    assert [row.probe.available for row in rows] == [True, True] + [False] * 5


def test_a_broken_package_is_a_row_with_its_error(points: list[EntryPoint]) -> None:
    rows = {row.name: row for row in candidates(points)}
    assert "not_installed_at_all" in rows["gone"].probe.reason
    assert "missing" in rows["missing"].probe.reason
    assert "not a stream_guard Engine" in rows["number"].probe.reason
    assert rows["broken"].probe.reason == "its probe failed: RuntimeError: two lines"
    assert rows["gone"].engine is rows["missing"].engine is rows["number"].engine is None


def test_auto_takes_the_best_that_can_run(points: list[EntryPoint]) -> None:
    assert choose(among=candidates(points)) is FAST


def test_a_name_takes_that_engine(points: list[EntryPoint]) -> None:
    assert choose("slow", among=candidates(points)) is SLOW


def test_the_small_networks_go_to_the_cpu(points: list[EntryPoint]) -> None:
    assert choose_cpu(among=candidates(points)) is SLOW


def test_an_engine_that_cannot_run_says_why_when_asked_for(points: list[EntryPoint]) -> None:
    with pytest.raises(EngineUnavailable, match="absent: no such library: pip install it"):
        choose("absent", among=candidates(points))


def test_an_unknown_name_says_which_there_are(points: list[EntryPoint]) -> None:
    with pytest.raises(EngineUnavailable, match=r"no engine called warp.*fast, slow"):
        choose("warp", among=candidates(points))


@pytest.mark.parametrize("choice", [choose, choose_cpu])
def test_where_none_can_run_all_reasons_are_given(points: list[EntryPoint], choice: object) -> None:
    rows = [row for row in candidates(points) if not row.probe.available]
    with pytest.raises(EngineUnavailable) as caught:
        choice(among=rows)  # type: ignore[operator]
    for row in rows:
        assert row.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_where_none_is_installed_that_is_the_reason() -> None:
    with pytest.raises(EngineUnavailable, match="none is installed"):
        choose(among=[])


def test_two_packages_may_use_one_name_and_the_one_that_runs_is_taken() -> None:
    rows = [Candidate("same", ABSENT.probe(), ABSENT), Candidate("same", SLOW.probe(), SLOW)]
    assert choose("same", among=rows) is SLOW


def test_the_engine_that_was_asked_for_comes_first_and_all_that_can_run_follow(points: list[EntryPoint]) -> None:
    rows = candidates(points)
    assert ranked(among=rows) == (FAST, SLOW)
    assert ranked("slow", among=rows) == (SLOW, FAST)
    with pytest.raises(EngineUnavailable, match="pip install"):
        ranked("absent", among=rows)


def test_a_small_network_is_opened_by_the_first_engine_on_the_cpu_that_takes_it() -> None:
    class Breaks(SLOW):  # type: ignore[valid-type, misc]
        @classmethod
        def open_network(
            cls, path: Path, input_shape: tuple[int, int, int, int], *, threads: int = 0, exact: bool = False
        ) -> Network:
            raise EngineError("a broken build")

    class Opens(SLOW):  # type: ignore[valid-type, misc]
        @classmethod
        def open_network(
            cls, path: Path, input_shape: tuple[int, int, int, int], *, threads: int = 0, exact: bool = False
        ) -> Network:
            return lambda tensor: [tensor + 1]

    fast, breaks, opens = (
        Candidate(name, engine.probe(), engine)
        for name, engine in {"fast": FAST, "breaks": Breaks, "opens": Opens}.items()
    )
    shape, zeros = (1, 3, 8, 8), np.zeros((1, 3, 8, 8), np.float32)
    run = open_network(Path("finder.onnx"), shape, among=[fast, breaks, opens])
    np.testing.assert_array_equal(run(zeros)[0], zeros + 1)
    with pytest.raises(EngineUnavailable, match=r"no engine opens finder.onnx: breaks: a broken build$"):
        open_network(Path("finder.onnx"), shape, among=[fast, breaks])


def test_one_engine_is_had_by_its_name_without_a_probe() -> None:
    assert engine_class("onnxruntime").name == "onnxruntime"
    with pytest.raises(EngineUnavailable, match="no engine called nonsense"):
        engine_class("nonsense")
