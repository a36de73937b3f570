import pytest

from stream_guard.clock import NS_PER_S
from stream_guard.errors import ConfigError
from stream_guard.face import Reason
from stream_guard.scoring.coverage import Coverage, CoverageSettings

pytestmark = pytest.mark.unit

GOOD: tuple[Reason, ...] = ()
DARK, BLURRED = (Reason.DARK,), (Reason.BLURRED,)


def watched(*runs: tuple[tuple[Reason, ...], int], fps: int = 30) -> Coverage:
    coverage, i = Coverage(), 0
    for reasons, frames in runs:
        for _ in range(frames):
            coverage.add(i * NS_PER_S // fps, reasons)
            i += 1
    return coverage


def test_nothing_seen_is_nothing_covered():
    assert Coverage().share == 0
    assert not Coverage().refused


def test_a_face_refused_from_the_start_is_refused_at_once():
    coverage = watched((DARK, 1))
    assert coverage.refused
    assert coverage.reasons == DARK


@pytest.mark.parametrize("fps", [30, 10, 2])
def test_single_bad_frames_flip_nothing(fps: int):
    coverage = watched((GOOD, 3 * fps), (DARK, 1), fps=fps)
    assert not coverage.refused
    assert 0.5 < coverage.share < 1


def test_a_bad_second_and_a_half_does_and_a_good_one_makes_up_for_it():
    assert not watched((GOOD, 90), (DARK, 20)).refused
    assert watched((GOOD, 90), (DARK, 45)).refused
    assert watched((GOOD, 90), (DARK, 45), (GOOD, 10)).refused
    assert not watched((GOOD, 90), (DARK, 45), (GOOD, 45)).refused


def test_share_between_floor_and_ceiling_leaves_things_as_they_are():
    up, down = watched((GOOD, 90), (DARK, 21)), watched((DARK, 90), (GOOD, 21))
    for coverage in (up, down):
        assert 0.4 <= coverage.share < 0.6
    assert not up.refused
    assert down.refused


def test_the_reason_that_lasted_longest_comes_first_and_passing_ones_are_left_out():
    coverage = watched((DARK, 30), ((Reason.DARK, Reason.BLURRED), 15), ((Reason.COVERED,), 3))
    assert coverage.reasons == (Reason.DARK, Reason.BLURRED)


def test_time_counts_not_frames():
    coverage = Coverage()
    for i in range(31):  # one good second at 30 fps
        coverage.add(i * NS_PER_S // 30, GOOD)
    for i in range(1, 3):  # one bad second at 2 fps
        coverage.add(NS_PER_S + i * NS_PER_S // 2, DARK)
    assert coverage.share == pytest.approx(1 / (1 + 2.718), abs=0.03)


def test_one_frame_after_a_long_gap_stands_for_half_a_second_at_most():
    coverage = watched((GOOD, 60))
    coverage.add(3 * NS_PER_S, DARK)
    capped = coverage.share
    assert capped == pytest.approx(0.3679 / (0.3679 + 0.3935), abs=0.05)


def test_suffering_is_said_before_it_is_refused():
    assert not watched((GOOD, 90), (DARK, 3)).suffers
    assert watched((GOOD, 90), (DARK, 12)).suffers
    assert not watched((GOOD, 90), (DARK, 12)).refused


def test_clear_forgets():
    coverage = watched((DARK, 60))
    coverage.clear()
    assert (coverage.share, coverage.refused, coverage.reasons) == (0, False, ())


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ConfigError):
        CoverageSettings(floor=0.7, ceiling=0.6)
    with pytest.raises(ConfigError):
        CoverageSettings(time_constant_s=0)


def test_an_old_reason_gives_way_to_a_new_one():
    assert watched((DARK, 60), (GOOD, 90), (BLURRED, 30)).reasons == BLURRED
