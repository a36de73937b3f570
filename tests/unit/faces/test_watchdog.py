from __future__ import annotations

import gc
import itertools
import threading
from types import SimpleNamespace

import pytest

from stream_guard.faces import watchdog
from stream_guard.faces.watchdog import Watchdog

pytestmark = pytest.mark.unit


def watchdogs() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "watchdog"}


def test_what_hangs_is_ended() -> None:
    ended = threading.Event()
    dog = Watchdog()
    with dog.limit(0.05, ended.set):
        assert ended.wait(5)
    dog.close()


def test_what_is_done_in_time_is_left_alone() -> None:
    ended = threading.Event()
    dog = Watchdog()
    with dog.limit(0.05, ended.set):
        pass
    assert not ended.wait(0.6)
    dog.close()
    dog.close()


def test_time_in_which_we_were_stopped_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    jumps = itertools.count()

    def asleep_in_between() -> float:
        return next(jumps) * 3600.0

    monkeypatch.setattr(watchdog, "time", SimpleNamespace(monotonic=asleep_in_between))
    ended = threading.Event()
    dog = Watchdog()
    with dog.limit(30, ended.set):
        assert not ended.wait(1.5), "six hours passed, of which we were awake for three seconds"
    dog.close()


def test_work_starts_no_thread() -> None:
    dog = Watchdog()
    before = set(threading.enumerate())
    for _ in range(100):
        with dog.limit(10, lambda: None):
            assert set(threading.enumerate()) <= before
    dog.close()


def test_one_that_is_forgotten_stops_looking() -> None:
    before = watchdogs()
    dog = Watchdog()
    (looking,) = watchdogs() - before  # others may end meanwhile
    del dog
    gc.collect()
    looking.join(10)
    assert not looking.is_alive()
