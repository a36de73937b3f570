from __future__ import annotations

import numpy as np
import pytest

from stream_guard.training.packet_loss import Loss, arriving, random_loss

pytestmark = pytest.mark.unit
# Parameter sets, then two slices of a frame that others are predicted from.
UNITS = [b"\0\0\0\1\x67abc", b"\0\0\0\1\x68d", b"\0\0\1\x41first", b"\0\0\1\x41second"]
VP8 = bytes(range(1, 60))


def test_losses_are_of_every_kind_and_can_be_seen_in_the_last_frame():
    rng = np.random.default_rng(0)
    losses = [random_loss(4, rng, slices=8) for _ in range(200)]
    assert {loss.kind for loss in losses if loss} == {"freeze", "missing", "slice", "cut"}
    assert all(1 <= loss.frame <= 3 for loss in losses if loss)
    # Without its last frame a sequence has frozen; nothing is predicted from the wrong frame.
    assert all(loss.frame < 3 for loss in losses if loss and loss.kind == "missing")
    assert {loss.kind for loss in (random_loss(4, rng, slices=0) for _ in range(99)) if loss} == {
        "freeze",
        "missing",
    }
    assert {loss.kind for loss in (random_loss(4, rng, slices=1) for _ in range(99)) if loss} == {
        "freeze",
        "missing",
        "cut",
    }
    assert random_loss(1, rng, slices=8) is None


@pytest.mark.parametrize(("where", "lost"), [(0.0, 2), (0.49, 2), (0.5, 3), (1.0, 3)])
def test_one_slice_is_lost_and_the_parameters_never(where, lost):
    left = arriving(b"".join(UNITS), 2, Loss("slice", 2, where))
    assert left == b"".join(unit for number, unit in enumerate(UNITS) if number != lost)


@pytest.mark.parametrize("kind", ["freeze", "missing", "slice", "cut"])
@pytest.mark.parametrize("data", [b"".join(UNITS), VP8])
def test_what_comes_before_a_loss_is_whole(kind, data):
    for frame in (0, 2):
        assert arriving(data, 0, Loss(kind, frame)) == data
    assert arriving(data, 1, Loss(kind, 2)) == data
    assert arriving(data, 2, None) == data
    assert len(arriving(data, 2, Loss(kind, 2))) < len(data)
    after = arriving(data, 3, Loss(kind, 2))
    assert after == (b"" if kind == "freeze" else data)


def test_of_a_damaged_vp8_frame_nothing_is_left():
    assert arriving(VP8, 1, Loss("cut", 1, 0.9)) == arriving(VP8, 1, Loss("slice", 1, 0.9)) == b""
