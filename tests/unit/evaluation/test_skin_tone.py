from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.evaluation.skin_tone import skin_tone, typology_angle

pytestmark = pytest.mark.unit


def of_lab(lightness: float, green_red: float, blue_yellow: float) -> NDArray[np.uint8]:
    lab = np.full((100, 100, 3), (lightness, green_red, blue_yellow), np.float32)
    rgb: NDArray[np.uint8] = (cv2.cvtColor(lab, cv2.COLOR_Lab2RGB) * 255).round().astype(np.uint8)
    return rgb


def spread(width: int = 100) -> NDArray[np.float32]:
    """Landmarks anywhere in the picture: the cheeks are where their points are."""
    return np.random.default_rng(0).uniform(5, width - 5, (478, 2)).astype(np.float32)


@pytest.mark.parametrize(
    ("lab", "angle", "tone"),
    [
        ((75, 10, 15), 59.0, "very light"),
        ((68, 12, 18), 45.0, "light"),
        ((60, 14, 15), 33.7, "intermediate"),
        ((56, 14, 20), 16.7, "tan"),
        ((45, 14, 18), -15.5, "brown"),
        ((30, 10, 12), -59.0, "dark"),
    ],
)
def test_known_colours_have_their_angle_and_class(lab: tuple[float, float, float], angle: float, tone: str) -> None:
    found = typology_angle(of_lab(*lab), spread())
    assert found is not None
    assert found == pytest.approx(angle, abs=1.5)
    assert skin_tone(found) == tone


def test_only_the_cheeks_count() -> None:
    picture = of_lab(75, 10, 15)
    landmarks = np.full((478, 2), 10, np.float32)
    for number, point in enumerate((50, 101, 36, 205, 187, 123)):
        landmarks[point] = (60 + 10 * (number % 3), 60 + 20 * (number // 3))
    for number, point in enumerate((280, 330, 266, 425, 411, 352)):
        landmarks[point] = (60 + 10 * (number % 3), 60 + 20 * (number // 3))
    before = typology_angle(picture, landmarks)
    picture[:55] = 0
    assert typology_angle(picture, landmarks) == before


def test_less_light_looks_like_darker_skin() -> None:
    light, dim = of_lab(68, 12, 18), (of_lab(68, 12, 18) * 0.6).astype(np.uint8)
    bright, dark = typology_angle(light, spread()), typology_angle(dim, spread())
    assert bright is not None
    assert dark is not None
    assert skin_tone(bright) == "light"
    assert skin_tone(dark) != "light"


def test_cheeks_outside_the_picture_have_no_angle() -> None:
    assert typology_angle(of_lab(60, 10, 10), spread() + 500) is None
