"""People before a camera, frame by frame: what challenges are told of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stream_guard.challenges.glimpse import Glimpse
from stream_guard.challenges.rest import Rest, RestWindow
from stream_guard.challenges.sight import Watch
from stream_guard.clock import NS_PER_S
from stream_guard.face import Box, Pose, Reason

FPS = 20
BOX = Box(0.4, 0.4, 0.1, 0.2)


def face_map(seed: int = 0) -> NDArray[np.float32]:
    """A face's parts, with a little noise that the seed decides."""
    usual = np.random.default_rng(99).uniform(60, 180, (16, 16, 4))
    return (usual + np.random.default_rng(seed).normal(0, 1.5, usual.shape)).astype(np.float32)


def hide(cells: NDArray[np.float32], columns: slice, rows: slice = slice(0, 16)) -> NDArray[np.float32]:
    """The same with something of one colour before a part of it."""
    hidden = cells.copy()
    hidden[rows, columns] = (150, 110, 95, 6)
    return hidden


def rest_glimpse(number: int, **changes: object) -> Glimpse:
    """One frame of a face at rest; keyword arguments change it."""
    at_rest = Glimpse(
        number * NS_PER_S // FPS, face=1, box=BOX, pose=Pose(2.0, -4.0, 0.0), skin=face_map(number), llr=-2.0
    )
    return replace(at_rest, **changes)  # type: ignore[arg-type]


def numbered(glimpses: Iterable[Glimpse], first: int = 0) -> Iterator[Glimpse]:
    """The same, a twentieth of a second apart."""
    for number, glimpse in enumerate(glimpses, first):
        yield replace(glimpse, at_ns=number * NS_PER_S // FPS)


def turned(degrees: float, **changes: object) -> Glimpse:
    """A face that has turned by so much from rest."""
    return rest_glimpse(0, pose=Pose(2.0 + degrees, -4.0, 0.0), **changes)


def lost(reason: Reason) -> Glimpse:
    """A face that shows no landmarks."""
    return rest_glimpse(0, pose=None, skin=None, llr=None, reasons=(reason,))


GONE = Glimpse(0)


def at_rest() -> Rest:
    """The rest that a second of looking into the camera gives."""
    window = RestWindow()
    for number in range(FPS):
        window.add(rest_glimpse(number))
    rest = window.settle()
    assert rest is not None
    return rest


def feed(watch: Watch, glimpses: Iterable[Glimpse]) -> Watch:
    """Let a watch see these frames."""
    for glimpse in numbered(glimpses, FPS):
        watch.add(glimpse)
    return watch
