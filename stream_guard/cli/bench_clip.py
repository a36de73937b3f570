"""The clip that a benchmark plays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from stream_guard.bench.clip import Shape

__all__ = ["prepared"]

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
