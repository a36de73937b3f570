"""Which way is left: a modelled head is turned, measured as MediaPipe's matrices are, and watched."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.challenges.sight import Sight
from stream_guard.challenges.turn import Turn
from stream_guard.faces.landmarker import _pose
from tests.unit.challenges.scenes import at_rest, feed, rest_glimpse

pytestmark = pytest.mark.unit

NOSE = np.array([0.0, 0.0, 1.0])
"""The tip of the nose of a head that looks into the camera: x to the picture's right, y up, z to the camera."""


def turned_by(degrees: float) -> NDArray[np.float32]:
    """The transformation matrix of a head that turns about its neck, scaled as real ones are."""
    angle = np.radians(degrees)
    matrix = np.eye(4)
    matrix[:3, :3] = 1.7 * np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    return matrix.astype(np.float32)


@pytest.mark.parametrize(("degrees", "left"), [(50.0, True), (-50.0, False)])
def test_who_turns_to_their_left_shows_the_nose_at_the_pictures_right(degrees: float, left: bool) -> None:
    nose = turned_by(degrees)[:3, :3] @ NOSE
    assert (nose[0] > 0) == left  # whoever faces us has their left at our right
    there = np.linspace(0, degrees, 15)
    heads = [_pose(turned_by(float(one))) for one in [*there, *there[::-1], *[0.0] * 10]]
    watch = feed(Turn(at_rest(), left=left), [rest_glimpse(0, pose=head) for head in heads])
    assert watch.finding().sight is Sight.SEEN
    assert watch.finding().amount == pytest.approx(50 - (2 if left else -2), abs=0.1)
