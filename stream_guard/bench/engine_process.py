"""One engine in one precision at one batch size, in a process of its own: nothing else weighs on its memory."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import EngineError
from stream_guard.inference.engine import EngineOptions, Precision
from stream_guard.inference.registry import engine_class
from stream_guard.models import store

__all__ = ["EngineProcess", "Ready", "Task", "pictures"]

_LOAD_S = 900.0
"""An engine may have to compile first."""
_RUN_S = 120.0


@dataclass(frozen=True, slots=True)
class Task:
    """What one process runs.

    Attributes:
        engine: name.
        precision: what it computes in.
        batch: faces in one inference.
        model: ONNX file, its manifest beside it.
        threads: CPU threads; 0 leaves it to the engine.
    """

    engine: str
    precision: Precision
    batch: int
    model: Path
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Ready:
    """What is known when an engine has loaded.

    Attributes:
        device: what it runs on.
        size: side of the model's input in pixels.
        logits: of `pictures`, float32, shape (batch,).
    """

    device: str
    size: int
    logits: NDArray[np.float32]


class EngineProcess:
    """The parent's end: one question at a time."""

    def __init__(self, connection: Connection, process: multiprocessing.process.BaseProcess) -> None:
        self._connection = connection
        self._process = process

    @classmethod
    @contextmanager
    def running(cls, task: Task) -> Iterator[EngineProcess]:
        """Start a process, and end it afterwards."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, task), daemon=True)
        process.start()
        theirs.close()
        try:
            yield cls(ours, process)
        finally:
            ours.close()  # the child sees the end of the pipe, and leaves
            process.join(timeout=10)
            if process.is_alive():
                process.kill()
                process.join()

    def ready(self) -> Ready:
        """Wait until the engine has loaded.

        Raises:
            EngineError: it cannot, or its process ended.
        """
        answer = self._answer(_LOAD_S)
        if not isinstance(answer, Ready):
            raise EngineError(str(answer))
        return answer

    def run(self, seconds: float) -> NDArray[np.float64]:
        """Infer again and again for so long, at least once; returns what each inference took, in milliseconds.

        Raises:
            EngineError: the engine failed, or its process ended.
        """
        answer = self._ask(seconds, seconds + _RUN_S)
        if not isinstance(answer, np.ndarray):
            raise EngineError(str(answer))
        return answer

    def memory_mib(self) -> float | None:
        """Return by how much the process' peak memory grew since before the engine was imported; None not known."""
        answer = self._ask(None, _RUN_S)
        return float(answer) if isinstance(answer, float) else None

    def _ask(self, question: float | None, limit_s: float) -> object:
        with contextlib.suppress(OSError):  # where nobody is there any more, so will the answer say
            self._connection.send(question)
        return self._answer(limit_s)

    def _answer(self, limit_s: float) -> object:
        try:
            if not self._connection.poll(limit_s):
                return f"no answer within {limit_s:g} s"
            return self._connection.recv()
        except (EOFError, OSError):
            self._process.join(timeout=5)
            return f"its process ended with code {self._process.exitcode}"


def pictures(count: int, size: int) -> NDArray[np.uint8]:
    """Return pictures with something of a camera's: large shapes and fine grain, the same for the same size.

    Returns:
        uint8, shape (count, size, size, 3). More pictures begin with the same ones as fewer.
    """
    made = np.empty((count, size, size, 3), dtype=np.uint8)
    for number, picture in enumerate(made):
        random = np.random.default_rng((number, size))
        steps = np.linspace(0, 5.999, size)
        corners = random.uniform(0, 255, (8, 8, 3))
        at, share = steps.astype(int), (steps % 1)[:, None, None]
        rows = corners[at] * (1 - share) + corners[at + 1] * share
        across = rows[:, at] * (1 - share[:, 0]) + rows[:, at + 1] * share[:, 0]
        picture[:] = np.clip(across + random.normal(0, 6, across.shape), 0, 255)
    return made


def _work(connection: Connection, task: Task) -> None:
    """The child: load, then do as told until the pipe ends. A parent that is gone is no news to anybody."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the parent's, who then ends the pipe
    with contextlib.suppress(EOFError, ConnectionError):
        try:
            _answer_questions(connection, task)
        except (EOFError, ConnectionError):
            raise
        except Exception as error:  # it is the row's result, whatever it is
            told = str(error) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"
            connection.send(" ".join(told.split()))


def _answer_questions(connection: Connection, task: Task) -> None:
    before = _peak_mib()
    engine = engine_class(task.engine)()
    model, manifest = store.open_model(task.model)
    options = EngineOptions(threads=task.threads, max_batch=task.batch, precision=task.precision)
    engine.load(model, manifest, options)
    batch = pictures(task.batch, manifest.size)
    connection.send(Ready(engine.probe().device, manifest.size, engine.infer(batch).logits))
    while True:
        seconds = connection.recv()
        if seconds is None:
            after = _peak_mib()
            connection.send(None if before is None or after is None else after - before)
            continue
        took: list[float] = []
        began = time.perf_counter()
        while not took or time.perf_counter() - began < seconds:
            started = time.perf_counter()
            engine.infer(batch)
            took.append((time.perf_counter() - started) * 1e3)
        connection.send(np.array(took))


def _peak_mib() -> float | None:
    """Return the most memory this process has had, in MiB; None where the system does not say."""
    try:  # getrusage would begin with what the parent had
        status = Path("/proc/self/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        pass
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return None
