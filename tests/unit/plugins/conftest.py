"""The OBS script, imported with a stand-in for OBS."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.unit.plugins.fake_obs import FakeObs, Settings
from tests.unit.plugins.server import make_scores

SCRIPT = Path(__file__).parents[3] / "plugins" / "obs" / "stream_guard_obs.py"


def import_script(obs: FakeObs) -> ModuleType:
    """Import the script anew."""
    before = sys.modules.get("obspython")
    sys.modules["obspython"] = obs  # type: ignore[assignment]
    try:
        spec = importlib.util.spec_from_file_location("stream_guard_obs", SCRIPT)
        assert spec is not None
        assert spec.loader is not None
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
    finally:
        del sys.modules["obspython"]
        if before is not None:
            sys.modules["obspython"] = before
    return script


@pytest.fixture
def obs() -> Iterator[FakeObs]:
    """An OBS with two scenes; whatever is got from it must have been released in the end."""
    obs = FakeObs("Call", "Safe")
    yield obs
    assert obs.references == 0, "a reference was not released"


@pytest.fixture
def script(obs: FakeObs) -> ModuleType:
    return import_script(obs)


class Stage:
    """The script as OBS runs it: loaded, with settings, and a clock that only tests move."""

    def __init__(self, script: Any, obs: FakeObs) -> None:
        self.script, self.obs, self.now_s = script, obs, 1000.0
        self.settings = Settings({"server": "nowhere.invalid:0x"})  # no address: nothing connects
        script.time = type("Clock", (), {"monotonic": lambda: self.now_s, "strftime": lambda form: "now"})
        script.script_defaults(self.settings)
        script.script_load(self.settings)
        script.script_update(self.settings)

    def set(self, **values: Any) -> None:
        """Change settings, as the dialog does."""
        self.settings.values.update(values)
        self.script.script_update(self.settings)

    def hear(self, *messages: dict[str, Any]) -> None:
        """Let the server say something."""
        for message in messages:
            self.script.plugin.watch.receive(message, self.now_s)

    def run(self, seconds: float = 0.1) -> None:
        """Let time pass: the timer ticks on the graphics thread, and OBS saves when it was asked to."""
        for _ in range(round(seconds * 10)):
            self.now_s += 0.1
            saves = self.obs.saves
            with self.obs.graphics_thread():
                for timer in self.obs.timers:
                    timer()
            if self.obs.saves > saves:
                self.script.script_save(self.settings)

    def look(self) -> tuple[str, str, int]:
        """Return what the badge says: headline, note, and the bar's red, green and blue as one number."""
        score, note, bar = (
            self.obs.sources[self.script.PARTS[part]].settings for part in ("score", "note", "stripe")
        )
        return score["text"], note["text"], bar["color"]


@pytest.fixture
def stage(script: ModuleType, obs: FakeObs) -> Iterator[Stage]:
    stage = Stage(script, obs)
    yield stage
    script.script_unload()
    assert not obs.timers
    assert not obs.listeners


@pytest.fixture
def hello() -> dict[str, Any]:
    return {
        "type": "hello",
        "v": 1,
        "server": "stream-guard 0.1.0",
        "engine": "onnxruntime",
        "model": {"name": "m"},
    }


@pytest.fixture
def scores() -> Callable[..., dict[str, Any]]:
    return make_scores
