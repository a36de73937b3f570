"""A thread that may be left behind, as an executor."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from stream_guard.inference.daemon import DaemonThread

pytestmark = pytest.mark.unit


def test_calls_run_one_after_the_other_on_its_thread() -> None:
    with DaemonThread("worker") as thread:
        seen = [
            thread.submit(lambda number=number: (number, threading.current_thread().name)) for number in range(3)
        ]
        assert [future.result(5) for future in seen] == [(0, "worker"), (1, "worker"), (2, "worker")]
    assert not thread.alive


def test_what_a_call_raises_is_the_callers_and_the_thread_goes_on() -> None:
    with DaemonThread("worker") as thread:
        with pytest.raises(ZeroDivisionError):
            thread.submit(lambda: 1 // 0).result(5)
        assert thread.submit(int, "7").result(5) == 7


def test_what_is_queued_is_done_before_it_ends_unless_it_is_cancelled() -> None:
    gate = threading.Event()
    for cancel in (False, True):
        gate.clear()
        thread = DaemonThread("worker")
        running, queued = thread.submit(gate.wait, 5), thread.submit(str, "done")
        while not running.running():
            pass
        thread.shutdown(wait=False, cancel_futures=cancel)
        assert thread.alive
        gate.set()
        assert running.result(5)
        assert queued.cancelled() if cancel else queued.result(5) == "done"
        with pytest.raises(RuntimeError, match="told to end"):
            thread.submit(str)


def test_it_keeps_nothing_of_a_call_that_is_over() -> None:
    class Picture:
        pass

    with DaemonThread("worker") as thread:
        picture = Picture()
        gone = weakref.ref(picture)
        thread.submit(id, picture).result(5)
        thread.submit(int).result(5)  # the thread is past the first call for certain
        del picture
        gc.collect()
        assert gone() is None
