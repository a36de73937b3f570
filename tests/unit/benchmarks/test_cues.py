"""Single cues on made-up faces: each must see what it is meant to see, whatever it is worth on real swaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy.collapse import looped
from benchmarks.accuracy.cue_footage import PAIRS_A_SECOND, Series
from benchmarks.accuracy.cue_jump import differences, hops
from benchmarks.accuracy.cue_measures import landmark_jitter, noise_gap, pulse, shape_change, texture_slip
from benchmarks.accuracy.cues import worth
from stream_guard.training.contours import EYES, LIPS, OVAL, region

pytestmark = pytest.mark.unit

SIDE, MOMENTS, FPS = 160, 6, 30.0


def landmarks() -> np.ndarray:
    """A face as ellipses, in the middle of the window."""
    points = np.full((478, 2), SIDE / 2, np.float32)

    def ellipse(indices: list[int], centre: tuple[float, float], radii: tuple[float, float]) -> None:
        angle = np.linspace(0, 2 * np.pi, len(indices), endpoint=False)
        points[indices] = np.stack([centre[0] + radii[0] * np.cos(angle), centre[1] + radii[1] * np.sin(angle)], 1)

    ellipse(OVAL, (80, 80), (40, 50))
    ellipse(EYES[0], (64, 68), (-8, 3))  # the outer corner comes first
    ellipse(EYES[1], (96, 68), (8, 3))
    ellipse(LIPS, (80, 104), (12, 5))
    points[[168, 6, 197, 195, 5, 94]] = [(80, 64 + 5 * n) for n in range(6)]
    return points


FACE = region([landmarks()[OVAL]], (SIDE, SIDE)) > 0.5


def texture(seed: int, spread: float = 30.0) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(128, spread, (SIDE, SIDE)), 0, 255).astype(np.uint8)


def series(frames: list[tuple[np.ndarray, np.ndarray]], skin: np.ndarray | None = None) -> Series:
    points = np.broadcast_to(landmarks(), (len(frames), 2, 478, 2)).astype(np.float32)
    return Series(
        at_s=np.arange(len(frames)) / PAIRS_A_SECOND,
        grey=np.array(frames, np.uint8),
        points=points.copy(),
        looks=np.zeros((len(frames), 96, 96, 3), np.uint8),
        llrs=np.zeros(len(frames), np.float32),
        skin=np.zeros((0, 3), np.float32) if skin is None else skin.astype(np.float32),
        fps=FPS,
    )


def still() -> Series:
    return series([(texture(0), texture(0))] * MOMENTS)


def test_texture_that_is_drawn_anew_inside_the_face_slips() -> None:
    drawn = [(texture(0), np.where(FACE, texture(9 + n), texture(0))) for n in range(MOMENTS)]
    assert texture_slip(series(drawn)).mean() > texture_slip(still()).mean() + 0.3


def test_a_clean_face_in_grainy_surroundings_has_a_noise_gap() -> None:
    clean = np.where(FACE, texture(0, 1.0), texture(0, 12.0))
    assert noise_gap(series([(clean, clean)] * MOMENTS)).mean() > 1.5
    assert abs(noise_gap(still()).mean()) < 0.3


def test_landmarks_that_shake_against_each_other_jitter_and_a_moving_head_does_not() -> None:
    moved, shaken = still(), still()
    moved.points[:, 1] += 3.0
    shaken.points[:, 1] += np.random.default_rng(0).normal(0, 1, shaken.points[:, 1].shape)
    assert landmark_jitter(shaken).mean() > landmark_jitter(moved).mean() + 2


def test_other_proportions_are_a_change_of_shape_and_a_nearer_head_is_none() -> None:
    nearer, longer = still(), still()
    nearer.points[3:] = (nearer.points[3:] - 80) * 1.3 + 80
    longer.points[3:, :, :, 1] = (longer.points[3:, :, :, 1] - 68) * 1.3 + 68
    assert shape_change(nearer).max() < 1e-5
    assert shape_change(longer).max() > 0.01


def test_skin_with_a_pulse_is_told_from_skin_without() -> None:
    at_s = np.arange(240) / FPS
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 0.05, (240, 3))
    beat = np.sin(2 * np.pi * 1.2 * at_s)[:, None] * np.array([0.3, 0.7, 0.4])
    alive, dead = (series([(texture(0), texture(0))], 120 + skin) for skin in (beat + grain, grain))
    assert pulse(alive)[0] < pulse(dead)[0] - 0.3


def test_a_face_that_is_replaced_between_two_frames_hops() -> None:
    other = series([(texture(5), texture(5))] * MOMENTS)
    quiet = [(texture(0), np.clip(texture(0).astype(int) + texture(n, 2) - 128, 0, 255)) for n in range(MOMENTS)]
    usual = series([(one, two.astype(np.uint8)) for one, two in quiet])
    assert np.nanmedian(differences(usual, other)) > 10 * np.nanmedian(differences(usual, usual))
    found = hops([usual], [(usual, other)], above=10.0)
    assert (found.auc, found.found, found.false_an_hour, found.frames) == (1.0, 1.0, 0.0, MOMENTS)


def test_moments_without_a_face_are_left_out() -> None:
    one = still()
    one.points[2] = np.nan
    assert len(texture_slip(one)) == MOMENTS - 1
    assert np.isnan(differences(one, one)[2])


def test_worth_counts_whole_pairs_and_what_the_detector_gains() -> None:
    files = [Path(f"{n}.mp4") for n in range(4)]
    detector = {(file, "real"): float(n) for n, file in enumerate(files)}
    detector |= {(file, "fake"): n + 0.5 for n, file in enumerate(files)}
    cue = {(file, "real"): 0.0 + n / 10 for n, file in enumerate(files)}
    cue |= {(file, "fake"): 1.0 + n / 10 for n, file in enumerate(files[:3])}
    found = worth("cue", 250, cue, detector)
    assert found is not None
    assert (found.pairs, found.auc, found.won, found.kbps) == (3, 1.0, 3, 250)
    assert found.added == pytest.approx(1 - 6 / 9, abs=0.12)
    assert worth("cue", None, {}, detector) is None


def test_clips_are_played_forth_and_back() -> None:
    assert looped(np.array([1.0, 2.0, 3.0], np.float32), 1.6).tolist() == [1, 2, 3, 3, 2, 1, 1, 2]
