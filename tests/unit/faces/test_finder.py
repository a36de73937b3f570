from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.face import Box
from stream_guard.faces.finder import Finder

pytestmark = pytest.mark.unit

ROWS, COLUMNS = 88, 160
"""Of the network's maps."""

LANDMARKS_OF = 1.01, 0.925
"""Width and height of what landmarks span, over those of the network's box."""


class FakeNetwork:
    """Answers each call with CenterFace's maps for faces (x, y, side, confidence), in the input's pixels."""

    def __init__(self, *answers: list[tuple[float, float, float, float]], nose: float = 0.0) -> None:
        self.answers = list(answers)
        self.nose = nose
        self.inputs: list[NDArray[np.float32]] = []

    def __call__(self, tensor: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        self.inputs.append(tensor)
        faces = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        heat = np.zeros((1, 1, ROWS, COLUMNS), np.float32)
        scale, offset = np.zeros((2, 1, 2, ROWS, COLUMNS), np.float32)
        points = np.full((1, 10, ROWS, COLUMNS), 0.5, np.float32)
        points[:, 1], points[:, 3], points[:, 5] = 0.3, 0.7, 0.5 + 0.4 * self.nose  # x of the eyes and the nose
        for x, y, side, confidence in faces:
            row, column = int(y // 4), int(x // 4)
            heat[0, 0, row, column] = confidence
            scale[0, :, row, column] = np.log(side / 4)
            offset[0, :, row, column] = y / 4 - 0.5 - row, x / 4 - 0.5 - column
        return [heat, scale, offset, points]


def frame(width: int, height: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), 90, np.uint8)


@pytest.mark.parametrize(
    ("width", "height", "scale"), [(640, 352, 1), (1280, 704, 2), (1280, 720, 720 / 352), (320, 176, 0.5)]
)
def test_a_face_is_put_where_it_is_in_the_frame(width: int, height: int, scale: float) -> None:
    network = FakeNetwork([(401.5, 202.3, 60.0, 0.9)])
    (found,) = Finder(network)(frame(width, height))
    assert network.inputs[0].shape == Finder.INPUT_SHAPE
    assert found.confidence == pytest.approx(0.9)
    assert found.box.width == pytest.approx(60 * scale * LANDMARKS_OF[0], rel=1e-3)
    assert found.box.height == pytest.approx(60 * scale * LANDMARKS_OF[1], rel=1e-3)
    x, y = found.box.centre
    assert x == pytest.approx((401.5 - 0.012 * 60) * scale, rel=1e-3)
    assert y == pytest.approx((202.3 + 0.043 * 60) * scale, rel=1e-3)


def test_the_network_gets_raw_rgb_with_black_beside_it() -> None:
    network = FakeNetwork([])
    picture = frame(352, 352)
    picture[..., 0] = 200
    assert Finder(network)(picture) == []
    tensor = network.inputs[0]
    assert tensor.dtype == np.float32
    assert (tensor[0, :, 176, 100] == (200, 90, 90)).all()
    assert (tensor[0, :, :, 352:] == 0).all()


def test_of_overlapping_boxes_the_strongest_stays() -> None:
    network = FakeNetwork([(200, 100, 60, 0.7), (208, 104, 60, 0.9), (300, 100, 60, 0.8)])
    found = Finder(network)(frame(640, 352))
    assert [round(face.confidence, 2) for face in found] == [0.9, 0.8]


def test_weak_and_tiny_faces_are_left_out() -> None:
    network = FakeNetwork([(100, 100, 60, 0.3), (300, 100, 20, 0.9), (500, 100, 30, 0.5)])
    found = Finder(network, threshold=0.4, min_px=24)(frame(640, 352))
    assert [round(face.confidence, 2) for face in found] == [0.5]


@pytest.mark.parametrize("nose", [-0.5, 0.0, 0.8])
def test_turn_is_the_noses_place_between_the_eyes(nose: float) -> None:
    (found,) = Finder(FakeNetwork([(200, 100, 60, 0.9)], nose=nose))(frame(640, 352))
    assert found.turn == pytest.approx(nose, abs=1e-5)


@pytest.mark.parametrize(
    ("width", "height", "runs"),
    [(1, 1, 1), (3, 700, 1), (1921, 1081, 1), (720, 1280, 3), (1080, 1920, 3), (2560, 1440, 5), (3840, 2160, 5)],
)
def test_any_size_is_looked_at_with_few_runs(width: int, height: int, runs: int) -> None:
    network = FakeNetwork([])
    Finder(network)(frame(width, height))
    assert len(network.inputs) == runs


def test_a_small_face_of_a_large_frame_is_found_through_a_window() -> None:
    # 3840x2160 has windows of 2040x1200, at (0, 0), (1800, 0), (0, 960) and (1800, 960); each is shrunk by 3.409.
    shrunk = 1200 / 352
    nothing: list[tuple[float, float, float, float]] = []
    network = FakeNetwork(nothing, nothing, nothing, nothing, [(300, 200, 12, 0.8)])
    (found,) = Finder(network)(frame(3840, 2160))
    x, y = found.box.centre
    assert x == pytest.approx(1800 + 300 * shrunk, abs=1)
    assert y == pytest.approx(960 + 200 * shrunk, abs=3)


def test_a_face_cut_by_a_windows_edge_is_left_to_the_others() -> None:
    nothing: list[tuple[float, float, float, float]] = []
    # At the right edge of the first window (598 px of its input), and at the left edge of the frame.
    network = FakeNetwork(nothing, [(596, 200, 30, 0.8), (8, 200, 30, 0.8)], nothing)
    (found,) = Finder(network)(frame(3840, 2160))
    assert found.box.centre[0] < 100


def test_no_face_is_an_empty_list() -> None:
    assert Finder(FakeNetwork([]))(frame(1280, 720)) == []


def test_boxes_are_plain_numbers() -> None:
    (found,) = Finder(FakeNetwork([(200, 100, 60, 0.9)]))(frame(640, 352))
    assert isinstance(found.box, Box)
    assert type(found.box.x) is type(found.confidence) is type(found.turn) is float
