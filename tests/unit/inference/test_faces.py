"""Faces on their way to an engine: crops, or where they are in a frame."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.frame import Planes
from stream_guard.inference.faces import Faces, FrameFaces, in_batches

pytestmark = pytest.mark.unit


def crops(count: int) -> NDArray[np.uint8]:
    return np.arange(count, dtype=np.uint8)[:, None, None, None] + np.zeros((1, 4, 4, 3), np.uint8)


def frame(count: int) -> FrameFaces:
    matrices = np.zeros((count, 2, 3)) + np.eye(2, 3)
    matrices[:, 0, 2] = -np.arange(count)
    return FrameFaces(Planes.of_rgb(np.zeros((8, 8, 3), np.uint8)), matrices)


def test_crops_are_handed_on_as_they_are() -> None:
    batch = crops(3)
    faces = Faces(batch)
    assert len(faces) == 3
    assert faces.crops() is batch
    assert faces.part(0, 3) is faces
    assert np.shares_memory(faces.part(1, 3).crops(), batch)
    assert faces.part(1, 3).crops()[0, 0, 0, 0] == 1


def test_faces_are_cut_out_when_an_engine_asks_and_once() -> None:
    asked: list[int] = []

    def cut() -> NDArray[np.uint8]:
        asked.append(1)
        return crops(5)

    faces = Faces(cut, frame(5))
    first, last = faces.part(0, 2), faces.part(2, 5)
    assert (len(faces), len(first), len(last)) == (5, 2, 3)
    assert not asked
    assert last.frame is not None
    np.testing.assert_array_equal(last.frame.matrices[:, 0, 2], [-2, -3, -4])
    np.testing.assert_array_equal(last.crops()[:, 0, 0, 0], [2, 3, 4])
    np.testing.assert_array_equal(first.crops()[:, 0, 0, 0], [0, 1])
    assert len(faces.crops()) == 5
    assert asked == [1]


def test_who_cuts_later_says_how_many_there_are() -> None:
    with pytest.raises(ValueError, match="frame they are in"):
        Faces(lambda: crops(2))


@pytest.mark.parametrize(
    ("counts", "most", "batches"),
    [
        ((2, 1), 4, [[2, 1]]),
        ((3, 3, 3), 4, [[3, 1], [2, 2], [1]]),
        ((9,), 4, [[4], [4], [1]]),
        ((4, 4), 4, [[4], [4]]),
        ((2, 0, 3), 4, [[2, 2], [1]]),
        ((), 4, []),
    ],
)
def test_frames_are_taken_so_many_faces_at_a_time(
    counts: tuple[int, ...], most: int, batches: list[list[int]]
) -> None:
    frames = [frame(count) for count in counts]
    found = list(in_batches(frames, most))
    assert [[len(part) for part in batch] for batch in found] == batches
    shifts = [-matrix[0, 2] for batch in found for part in batch for matrix in part.matrices]
    assert shifts == [number for count in counts for number in range(count)]
