from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.errors import EngineError, EngineLost
from stream_guard.inference.network_threads import NetworkThreads

pytestmark = pytest.mark.unit

Tensor = NDArray[np.float32]
ONE = np.ones((1, 2), np.float32)


def doubled(tensor: Tensor) -> list[Tensor]:
    return [tensor * 2]


@contextmanager
def threads(*copies: Callable[[Tensor], list[Tensor]], patience_s: float = 30.0) -> Iterator[NetworkThreads]:
    network = NetworkThreads(copies, name="test network", patience_s=patience_s)
    try:
        yield network
    finally:
        network.close()


def test_it_answers_as_the_network_does_again_and_again() -> None:
    with threads(doubled) as network:
        for _ in range(3):
            assert np.array_equal(network(ONE)[0], ONE * 2)


def test_as_many_are_served_at_once_as_there_are_copies() -> None:
    together = threading.Barrier(2)

    def meets(tensor: Tensor) -> list[Tensor]:
        together.wait(20)  # breaks, and fails, where the other is not asked meanwhile
        return [tensor]

    with threads(meets, meets) as network:
        answers: list[list[Tensor]] = []
        callers = [threading.Thread(target=lambda: answers.append(network(ONE))) for _ in range(2)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert len(answers) == 2


def test_one_that_hangs_is_left_behind_and_the_other_goes_on() -> None:
    go_on = threading.Event()

    def hangs(tensor: Tensor) -> list[Tensor]:
        go_on.wait()
        return [tensor]

    with threads(hangs, doubled, patience_s=2.0) as network:
        try:
            with pytest.raises(EngineLost, match="hangs"):
                network(ONE)
            for _ in range(3):
                assert np.array_equal(network(ONE)[0], ONE * 2)
        finally:
            go_on.set()


def test_where_all_hang_nobody_waits_for_ever() -> None:
    go_on = threading.Event()

    def hangs(tensor: Tensor) -> list[Tensor]:
        go_on.wait()
        return [tensor]

    with threads(hangs, patience_s=0.1) as network:
        try:
            for reason in ("no answer", "no copy was free"):
                with pytest.raises(EngineLost, match=reason):
                    network(ONE)
        finally:
            go_on.set()


@pytest.mark.parametrize(
    "failure", [EngineError("no memory"), RuntimeError("no memory"), TimeoutError("no memory")]
)
def test_a_failure_is_told_and_the_network_asked_again(failure: Exception) -> None:
    fails = [failure]

    def once(tensor: Tensor) -> list[Tensor]:
        if fails:
            raise fails.pop()
        return [tensor]

    with threads(once) as network:
        with pytest.raises(EngineError, match="no memory"):
            network(ONE)
        assert np.array_equal(network(ONE)[0], ONE)


def test_nothing_is_asked_of_it_once_it_is_closed() -> None:
    with threads(doubled) as network:
        network.close()
        network.close()
        with pytest.raises(EngineError, match="closed"):
            network(ONE)
