"""How the PyTorch engine runs on CUDA, with CUDA's own parts done by the CPU: batch sizes, staging, failures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from engines.torch import graphs
from engines.torch.graphs import CudaRunner, batch_sizes
from stream_guard.errors import EngineError, EngineLost
from stream_guard.testing.engine_contract import faces

pytestmark = pytest.mark.engine

SIZE = 32


class Sums:
    """A network whose answer is known: the sum of each picture."""

    inputs = (("faces", [None, SIZE, SIZE, 3]),)

    def place(self, device: str, *, half: bool) -> None:
        self.placed = device, half

    def __call__(self, values: Any, wanted: list[str]) -> list[torch.Tensor]:
        return [values["faces"].sum(dim=(1, 2, 3), dtype=torch.float32)]


class Replayed:
    """A CUDA graph's stand-in: does the step again."""

    def __init__(self, step: Any) -> None:
        self._step = step

    def replay(self) -> None:
        with torch.inference_mode():
            self._step()


class Stream:
    def synchronize(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _cuda_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked of CUDA is done on the CPU, so that the runner's own steps can be run anywhere."""
    zeros, empty = torch.zeros, torch.empty
    monkeypatch.setattr(torch, "zeros", lambda shape, dtype, pin_memory: zeros(shape, dtype=dtype))
    monkeypatch.setattr(torch, "empty", lambda shape, dtype, pin_memory: empty(shape, dtype=dtype))
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, *_, **__: tensor.clone())
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: torch.inference_mode())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(graphs, "_capture", lambda step, stream: Replayed(step))


def runner(*, max_batch: int) -> CudaRunner:
    network: Any = Sums()
    made = CudaRunner(network, ["logits"], size=SIZE, max_batch=max_batch, half=True)
    assert network.placed == ("cuda", True)
    return made


def test_batch_sizes_end_with_the_largest() -> None:
    assert [batch_sizes(largest) for largest in (1, 2, 9, 32)] == [
        [1],
        [1, 2],
        [1, 2, 4, 8, 9],
        [1, 2, 4, 8, 16, 32],
    ]


def test_batches_between_the_captured_sizes_are_filled_up() -> None:
    running = runner(max_batch=9)
    for count in (9, 3, 1, 5):  # a smaller one after a larger one finds old faces behind its own
        batch = faces(count, SIZE, seed=count)
        for running.graphs_on in (True, False):
            (logits,) = running.run(batch)
            np.testing.assert_allclose(logits, batch.sum(axis=(1, 2, 3), dtype=np.float64), rtol=1e-6)


def test_an_answer_is_not_the_memory_that_the_next_one_is_written_to() -> None:
    running = runner(max_batch=2)
    (first,) = running.run(faces(2, SIZE, seed=1))
    kept = first.copy()
    running.run(faces(2, SIZE, seed=2))
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize(
    ("failure", "dead", "wanted", "said"),
    [
        (
            RuntimeError("CUDA error: illegal access\nCompile with ..."),
            True,
            EngineLost,
            "illegal access$",
        ),
        (RuntimeError("cuDNN error: something"), False, EngineError, "cuDNN error: something$"),
        (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried ..."), False, EngineError, "GPU is out of memory"),
    ],
)
def test_what_fails_on_the_gpu_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    dead: bool,
    wanted: type[EngineError],
    said: str,
) -> None:
    running = runner(max_batch=1)

    def fails(*_: object) -> Any:
        raise failure

    def synchronizes() -> None:
        if dead:
            raise RuntimeError("CUDA error: an illegal memory access")

    monkeypatch.setattr(Sums, "__call__", fails)
    monkeypatch.setattr(torch.cuda, "synchronize", synchronizes)
    with pytest.raises(EngineError, match=said) as caught:
        running.run(faces(1, SIZE))
    assert type(caught.value) is wanted
    assert "\n" not in str(caught.value)


def test_closing_gives_the_memory_back_and_is_quiet_on_a_lost_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    running, emptied = runner(max_batch=1), []

    def empty() -> None:
        emptied.append(True)
        raise RuntimeError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(torch.cuda, "empty_cache", empty)
    running.close()
    assert emptied
