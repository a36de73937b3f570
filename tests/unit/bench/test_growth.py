"""What one more costs, in the first step and in the last."""

from __future__ import annotations

from typing import Any

import pytest

from stream_guard.bench.clip import Shape
from stream_guard.bench.growth import COUNTS, growth, plans, step
from stream_guard.bench.sender import Plan
from tests.unit.bench.records import record

pytestmark = pytest.mark.unit


def test_what_is_linear_costs_the_same_at_last() -> None:
    told = growth([1, 2, 4, 9], [0.3 + 0.1 * count for count in (1, 2, 4, 9)])
    assert told["first"] == told["last"] == pytest.approx(0.1)
    assert told["last_over_first"] == pytest.approx(1)
    assert told["exponent"] is not None
    assert told["exponent"] < 1, "the fixed part"


def test_what_is_more_than_linear_costs_more_at_last() -> None:
    told = growth([1, 2, 4, 9], [count**2 for count in (1, 2, 4, 9)])
    assert told["last_over_first"] == pytest.approx(13 / 3, abs=0.001)
    assert told["exponent"] == pytest.approx(2)
    assert told["whole"] == 81


def test_a_first_step_that_costs_nothing_is_no_measure() -> None:
    assert growth([1, 2, 3], [1.0, 1.0, 2.0])["last_over_first"] is None


def test_faces_keep_their_size_and_sessions_their_shape() -> None:
    plan = Plan(shape=Shape(1280, 720))
    faces = plans(plan, "faces")
    assert [count for count, _ in faces] == [one.shape.faces for _, one in faces] == list(COUNTS["faces"])
    assert {one.shape.grid for _, one in faces} == {3}
    sessions = plans(plan, "sessions")
    assert [one.sessions for _, one in sessions] == list(COUNTS["sessions"])
    assert {one.shape.faces for _, one in sessions} == {1}
    assert all(one.encoded for _, one in faces + sessions)


def test_a_step_says_whether_every_face_was_scored() -> None:
    told: dict[str, Any] = step(record(), count=1, faces=1)
    assert told["share_scored"] == 0.95, "one of twenty was never decoded"
    assert told["cores"] == 0.2
    assert told["glass_to_score_ms"]["p50"] == 70
    two: dict[str, Any] = step(record(), count=2, faces=2)
    assert two["share_scored"] == 0.475
