from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from stream_guard.evaluation.degradations import DEGRADATIONS, receive, surroundings
from stream_guard.face import Box
from stream_guard.faces.quality import blur, inner_face

pytestmark = pytest.mark.unit

FACE = Box(179, 69, 93, 109)
KINDS = {kind.name: kind for kind in DEGRADATIONS}


def spoilt(name: str, level: float, seed: int = 0) -> tuple[NDArray[np.uint8], Box]:
    found = KINDS[name].apply(astronaut(), FACE, level, np.random.default_rng(seed))
    assert found is not None
    return found


def test_surroundings_are_the_same_pixels_at_their_new_place() -> None:
    picture, box = surroundings(astronaut(), FACE)
    assert box.x + FACE.width <= picture.shape[1]
    top, left = round(FACE.y - box.y), round(FACE.x - box.x)
    height, width = picture.shape[:2]
    assert (picture == astronaut()[top : top + height, left : left + width]).all()
    assert width == pytest.approx(2.4 * 109, abs=1)


def test_surroundings_end_at_the_frame() -> None:
    picture, box = surroundings(astronaut(), Box(-10, -10, 50, 50))
    assert (box.x, box.y) == (-10, -10)
    assert min(picture.shape[:2]) > 0


def test_a_smaller_face_has_the_size_asked_for() -> None:
    picture, box = spoilt("size", 40)
    assert box.side == pytest.approx(40)
    assert picture.shape[0] == round(512 * 40 / 93)


@pytest.mark.parametrize("name", ["size", "detail"])
def test_a_face_is_never_made_larger(name: str) -> None:
    assert KINDS[name].apply(astronaut(), FACE, 160, np.random.default_rng(0)) is None


@pytest.mark.parametrize("name", ["detail", "defocus", "motion"])
def test_less_detail_is_more_blur_in_the_same_place(name: str) -> None:
    values = []
    for level in KINDS[name].levels:
        found = KINDS[name].apply(astronaut(), FACE, level, np.random.default_rng(0))
        if found is not None:
            assert found[1] == FACE
            assert found[0].shape == astronaut().shape
            values.append(blur(inner_face(found[0], FACE)))
    assert len(values) >= 4
    assert values == sorted(values)
    assert values[-1] > 0.5


@pytest.mark.parametrize("name", ["dark", "dim"])
def test_less_light_is_darker(name: str) -> None:
    means = [spoilt(name, level)[0].mean() for level in KINDS[name].levels]
    assert means == sorted(means, reverse=True)
    assert means[-1] < 25


def test_only_what_is_dark_is_noisy_too() -> None:
    flat = np.full((64, 64, 3), 128, np.uint8)
    dark = KINDS["dark"].apply(flat, Box(0, 0, 64, 64), 0.1, np.random.default_rng(0))
    assert dark is not None
    assert dark[0].std() / dark[0].mean() > 0.02
    dim = KINDS["dim"].apply(flat, Box(0, 0, 64, 64), 0.1, np.random.default_rng(0))
    assert dim is not None
    assert dim[0].std() == 0
    assert dim[0].mean() == pytest.approx(dark[0].mean(), rel=0.05)


def test_more_light_ends_in_white() -> None:
    white = [float((spoilt("glare", level)[0] == 255).mean()) for level in KINDS["glare"].levels]
    assert white == sorted(white)
    assert white[-1] > 0.4


@pytest.mark.parametrize(("name", "axis"), [("covered", 0), ("half", 1)])
def test_half_the_face_is_hidden_and_the_rest_untouched(name: str, axis: int) -> None:
    picture, _ = spoilt(name, 0.45)
    inside = (picture != astronaut()).any(axis=2)[69:178, 179:272]
    assert inside.mean() == pytest.approx(0.45, abs=0.08)
    assert inside.mean(axis=1 - axis)[[0, -1]].round() == pytest.approx([0, 1] if axis == 0 else [1, 0])


def test_the_same_seed_spoils_alike() -> None:
    assert (spoilt("dark", 0.1, 3)[0] == spoilt("dark", 0.1, 3)[0]).all()
    assert (spoilt("dark", 0.1, 3)[0] != spoilt("dark", 0.1, 4)[0]).any()


def test_fewer_bits_are_a_worse_picture() -> None:
    film = [np.roll(astronaut()[:256, :256], 2 * number, axis=1) for number in range(30)]
    errors = []
    for kbps in (1500, 300, 60):
        received = receive(film, kbps=kbps, fps=30)
        assert len(received) == 30
        assert received[-1].shape == film[0].shape
        errors.append(float(np.abs(received[-1].astype(float) - film[-1]).mean()))
    assert errors == sorted(errors)
    assert errors[2] > 1.5 * errors[0]
