"""The clip that a benchmark plays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from stream_guard.bench.clip import Shape
    from stream_guard.bench.sender import Plan

__all__ = ["encoded", "prepared"]

_MADE_S = 10.0
"""Length of the clip that is made on the spot; it ends where it begins."""


def prepared(clip: Path | None, folder: Path, shape: Shape, progress: Progress) -> Path:
    """Return the clip, made on the spot in a folder where none was given.

    Raises:
        ConfigError: the clip given is not there.
    """
    from stream_guard.bench.clip import make
    from stream_guard.errors import ConfigError

    if clip is not None:
        if not clip.is_file():
            raise ConfigError(f"there is no file {clip}")
        return clip
    task = progress.add_task("making a clip", total=_MADE_S)
    path = folder / "call.mp4"
    make(path, shape, seconds=_MADE_S, tick=lambda: progress.advance(task, 1 / shape.fps))
    progress.remove_task(task)
    return path


def encoded(clip: Path | None, folder: Path, plan: Plan, progress: Progress) -> Path:
    """Return a clip's first seconds, encoded beforehand for senders that must cost next to nothing.

    Raises:
        ConfigError: the clip given is not there.
    """
    from stream_guard.bench.clip import encode, save

    path = prepared(clip, folder, plan.shape, progress)
    task = progress.add_task("encoding", total=None)
    packets = folder / "packets"
    count = round(_MADE_S * plan.shape.fps)
    save(packets, encode(path, plan.shape, codec=plan.codec, kbps=plan.kbps, count=count))
    progress.remove_task(task)
    return packets
