"""The server that is soaked, a process of its own: ``python -m benchmarks.soak.server SETTINGS``.

It is `stream_guard.app.Service` as ``serve`` runs it, with engines that can be taken away and a landmark network
that can be made to fail. Reads a word a line: ``engine`` and ``landmarks`` do just that. Ends when its input does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from stream_guard import app
from stream_guard.app import Service
from stream_guard.bench.children import main as run
from stream_guard.bench.children import tell
from stream_guard.config import Config
from stream_guard.errors import EngineError, EngineLost
from stream_guard.faces.landmark_network import LandmarkNetwork
from stream_guard.inference.engine import Engine, Prediction
from stream_guard.inference.registry import ranked

__all__ = ["main"]

_ENGINES = 500
"""Engines in reserve: more than a soak takes away."""


class _Taken:
    """What was asked for and has not happened yet."""

    engine: ClassVar[bool] = False
    landmarks: ClassVar[bool] = False


def _losable(kind: type[Engine]) -> type[Engine]:
    """Return an engine that is lost on demand, once."""

    class Losable(kind):  # type: ignore[misc, valid-type]  # made at run time
        def infer(self, batch: NDArray[np.uint8]) -> Prediction:
            if _Taken.engine:
                _Taken.engine = False
                raise EngineLost("the soak has taken it away")
            return super().infer(batch)  # type: ignore[no-any-return]

    return Losable


def _make_losable() -> None:
    """Put ourselves between the service and what it works with."""
    measure = LandmarkNetwork.measure

    def losable(network: LandmarkNetwork, *arguments: Any, **more: Any) -> Any:
        if _Taken.landmarks:
            raise EngineError("the soak has taken it away")
        return measure(network, *arguments, **more)

    def reserve(wanted: str) -> tuple[type[Engine], ...]:
        return (_losable(ranked(wanted)[0]),) * _ENGINES

    setattr(LandmarkNetwork, "measure", losable)  # noqa: B010  a method, to the type checker
    setattr(app, "ranked", reserve)  # noqa: B010


async def _serve(settings: dict[str, Any]) -> None:
    _make_losable()
    async with Service(Config.make(port=0, **settings)) as service:
        tell(event="listening", url=service.url, engine=service.hello.engine, model=service.hello.model.version)
        while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
            setattr(_Taken, word, True)


def main() -> None:
    """Serve until standard input ends."""
    run(_serve(json.loads(sys.argv[1])), "server")


if __name__ == "__main__":
    main()
