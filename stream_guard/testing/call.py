"""The self-made caller as a program: ``python -m stream_guard.testing.call --whip URL``.

A process of its own, so that drawing and encoding share no lock with the server that is being shown. It
prints one JSON line when the call stands and one when the swap begins, with monotonic nanoseconds, which
all processes of a machine share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

import numpy as np
from numpy.typing import NDArray

from stream_guard.clock import MonotonicClock
from stream_guard.errors import SignallingError
from stream_guard.testing.caller import Caller
from stream_guard.testing.peers import WhipSender

__all__ = ["main"]


def main() -> None:
    """Call, play, hang up."""
    parser = argparse.ArgumentParser(description="A self-made caller: a webcam picture, and half-way a face swap.")
    parser.add_argument("--whip", required=True, help="the endpoint's URL")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--swap-at", type=float, default=None, help="seconds from the start; default is never")
    parser.add_argument("--codec", choices=("VP8", "H264"), default="VP8")
    parser.add_argument("--kbps", type=int, default=2500)
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--token", default=None)
    try:
        asyncio.run(_call(parser.parse_args()))
    except SignallingError as error:
        sys.exit(f"the call was refused: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


async def _call(options: argparse.Namespace) -> None:
    caller = Caller(width=options.width, height=options.height, swap_at_s=options.swap_at)
    clock = MonotonicClock()
    told = False

    def draw(t: float) -> NDArray[np.uint8]:
        nonlocal told
        picture = caller.frame(t)
        if options.swap_at is not None and t >= options.swap_at and not told:
            told = True
            _tell(event="swap", at_ns=clock.now_ns(), t=round(t, 3))
        return picture

    async with WhipSender(
        options.whip, draw, fps=options.fps, codec=options.codec, kbps=options.kbps, token=options.token
    ) as sender:
        _tell(event="call", at_ns=clock.now_ns(), session=sender.session)
        await asyncio.sleep(options.seconds)


def _tell(**fact: object) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
