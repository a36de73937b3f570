from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from stream_guard.face import Box, Pose, Reason
from stream_guard.faces.quality import reasons, unseen

pytestmark = pytest.mark.unit

FACE = Box(179, 69, 93, 109)
STRAIGHT = Pose(0, 0, 0)


def of(picture: NDArray[np.uint8], box: Box = FACE, pose: Pose | None = STRAIGHT) -> tuple[Reason, ...]:
    return reasons(picture, box, pose, min_face_px=40)


def times(gain: float, lift: float = 0.0) -> NDArray[np.uint8]:
    return np.clip(astronaut() * gain + lift, 0, 255).astype(np.uint8)


def test_a_good_face_has_no_reason() -> None:
    assert of(astronaut()) == ()
    assert of(astronaut(), pose=None) == ()


@pytest.mark.parametrize("gain", [0.5, 0.7, 1.1])
def test_ordinary_light_is_no_reason(gain: float) -> None:
    assert of(times(gain)) == ()


def test_a_dark_face_is_dark_and_nothing_else() -> None:
    assert of(times(0.15)) == (Reason.DARK,)


def test_a_white_face_is_overexposed() -> None:
    assert of(times(1.4, 80)) == (Reason.OVEREXPOSED,)


def test_a_blurred_face_is_blurred() -> None:
    assert of(cv2.GaussianBlur(astronaut(), (0, 0), 5)) == (Reason.BLURRED,)


@pytest.mark.parametrize(("share", "blurred"), [(0.018, False), (0.024, True)])
def test_a_face_is_blurred_from_a_fiftieth_of_its_width_on(share: float, blurred: bool) -> None:
    picture = cv2.GaussianBlur(astronaut(), (0, 0), share * FACE.width)
    assert of(picture) == ((Reason.BLURRED,) if blurred else ())


@pytest.mark.parametrize("kernel", [(19, 1), (1, 19)])
def test_a_smeared_face_is_blurred(kernel: tuple[int, int]) -> None:
    assert of(cv2.blur(astronaut(), kernel)) == (Reason.BLURRED,)


def test_a_small_face_is_small_and_nothing_else() -> None:
    small = cv2.resize(astronaut(), None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    assert of(small, Box(FACE.x * 0.3, FACE.y * 0.3, FACE.width * 0.3, FACE.height * 0.3)) == (
        Reason.FACE_TOO_SMALL,
    )


def test_a_face_just_large_enough_is_judged() -> None:
    scale = 42 / FACE.width
    small = cv2.resize(astronaut(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    assert of(small, Box(FACE.x * scale, FACE.y * scale, FACE.width * scale, FACE.height * scale)) == ()


@pytest.mark.parametrize(
    ("pose", "away"),
    [
        (Pose(40, 0, 0), False),
        (Pose(-50, 0, 0), True),
        (Pose(0, 40, 0), True),
        (Pose(0, -30, 0), False),
        (Pose(0, 0, 80), False),
    ],
)
def test_a_face_turned_too_far_is_turned_away(pose: Pose, away: bool) -> None:
    assert of(astronaut(), pose=pose) == ((Reason.TURNED_AWAY,) if away else ())


def test_a_face_without_landmarks_has_turned_or_is_covered() -> None:
    assert unseen(0.1) is Reason.COVERED
    assert unseen(0.9) is Reason.TURNED_AWAY
    assert unseen(-0.9) is Reason.TURNED_AWAY


def test_a_face_at_the_frames_edge_is_looked_at_as_any_other() -> None:
    assert of(astronaut(), Box(-30, 69, 93, 109)) is not None
    assert of(np.full((1, 1, 3), 128, np.uint8)) == (Reason.BLURRED,)
