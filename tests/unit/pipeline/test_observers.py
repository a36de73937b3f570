from __future__ import annotations

import inspect
from typing import Any

import pytest

from stream_guard.budget.plan import DropCause
from stream_guard.pipeline.observers import Fault, Observer, Shielded, Ticked
from stream_guard.scoring.observation import Update
from tests.unit.metrics.happenings import CALL, frame, scored

pytestmark = pytest.mark.unit

CALLS: dict[str, tuple[Any, ...]] = {
    "session_changed": (CALL, "live", None),
    "frame_received": (CALL, frame(), 2),
    "frame_dropped": (CALL, DropCause.FAILED, 3),
    "stage_done": (CALL, "infer", 5),
    "frame_scored": (CALL, scored()),
    "ticked": (CALL, Ticked(at_s=1.0, update=Update())),
    "fault": (Fault("stream", "it broke"),),
}


class Recording(Observer):
    def __init__(self) -> None:
        self.told: list[tuple[str, tuple[Any, ...]]] = []

    def __getattribute__(self, name: str) -> Any:
        if name not in CALLS:
            return super().__getattribute__(name)
        return lambda *facts: self.told.append((name, facts))


class Clumsy(Observer):
    def __getattribute__(self, name: str) -> Any:
        if name not in CALLS:
            return super().__getattribute__(name)

        def fail(*facts: Any) -> None:
            raise ZeroDivisionError

        return fail


def test_every_call_there_is_is_listed() -> None:
    public = {name for name, _ in inspect.getmembers(Observer, inspect.isfunction) if not name.startswith("_")}
    assert public == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_everything_is_passed_on_as_it_is(name: str) -> None:
    inner = Recording()
    getattr(Shielded(inner), name)(*CALLS[name])
    assert inner.told == [(name, CALLS[name])]


@pytest.mark.parametrize("name", CALLS)
def test_what_an_observer_raises_stays_with_it_and_is_told_once(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Fault] = []
    shielded = Shielded(Clumsy(), told.append)
    for _ in range(3):
        getattr(shielded, name)(*CALLS[name])
    (fault,) = told
    assert (fault.part, fault.session) == ("observer", None)
    assert "Clumsy failed" in fault.reason
    assert caplog.text.count("raise ZeroDivisionError") == 1
