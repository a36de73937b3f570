"""Pictures that stand still or repeat themselves, drawn; `docs/evidence.md` has what real clips show."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.clock import NS_PER_S
from stream_guard.errors import ConfigError
from stream_guard.evidence.playback import Playback, PlaybackSettings, Playing
from stream_guard.face import Box

pytestmark = pytest.mark.unit

FPS = 15
FACE = {7: Box(0.3, 0.2, 0.35, 0.6)}
Y, X = np.mgrid[0:144, 0:256].astype(np.float32)
BACKGROUND = (20 * np.sin(X / 9) + 20 * np.cos(Y / 7)).astype(np.float32)
Draw = Callable[[float], NDArray[np.float32]]


def wandering(seed: int) -> Callable[[float], tuple[float, float]]:
    """A head that moves as nobody plans: a sum of slow swings without a common period."""
    rng = np.random.default_rng(seed)
    hertz, phase = rng.uniform(0.07, 0.9, (2, 12)), rng.uniform(0, 7, (2, 12))

    def where(t: float) -> tuple[float, float]:
        x, y = (4 * np.sin(2 * np.pi * hertz * t + phase)).sum(axis=1)
        return float(x), float(y)

    return where


def person(seed: int = 1) -> Draw:
    head = wandering(seed)

    def draw(t: float) -> NDArray[np.float32]:
        x, y = head(t)
        blob = np.exp(-(((X - 120 - x) / 30) ** 2) - ((Y - 72 - y) / 40) ** 2)
        return (BACKGROUND + 90 * blob).astype(np.float32)

    return draw


def loop(draw: Draw, length_s: float) -> Draw:
    return lambda t: draw(t % length_s)


class Call:
    """Shows a picture to a `Playback`, as a noisy camera or a codec would bring it."""

    def __init__(self, noise: float = 2.0, faces: dict[int, Box] | None = None) -> None:
        self.playback, self.t, self.noise = Playback(), 0.0, noise
        self.faces = FACE if faces is None else faces
        self.rng = np.random.default_rng(0)
        self.first: dict[str, float] = {}

    def show(self, draw: Draw, s: float, *, fps: float = FPS) -> Playing:
        playing = Playing()
        for _ in range(round(s * fps)):
            picture = draw(self.t) + self.rng.normal(0, self.noise, (144, 256)).astype(np.float32)
            playing = self.playback.add(round(self.t * NS_PER_S), picture, self.faces)
            for name in ("frozen", "repeated"):
                if getattr(playing, name):
                    self.first.setdefault(name, self.t)
            self.t += 1 / fps
        return playing


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_person_who_moves_does_neither(seed: int) -> None:
    call = Call()
    assert call.show(person(seed), 60) == Playing()
    assert call.first == {}


def test_a_loop_is_found_with_its_length_and_when_it_began() -> None:
    call = Call()
    playing = call.show(loop(person(), 9.3), 40)
    assert playing.repeated == {7}
    assert playing.back_ns / NS_PER_S == pytest.approx(9.3, abs=0.15)
    assert playing.since_ns / NS_PER_S == pytest.approx(9.3, abs=1.0)
    assert 13 < call.first["repeated"] < 20
    assert not playing.frozen


def test_what_goes_on_after_a_loop_is_live_again() -> None:
    call = Call()
    assert call.show(loop(person(), 8.0), 20).repeated
    assert call.show(person(5), 8) == Playing()


def test_a_background_that_repeats_itself_behind_a_live_face_is_no_loop() -> None:
    someone, where = person(), wandering(4)

    def waves(t: float) -> NDArray[np.float32]:
        x, y = where(t % 7)
        return (40 * np.sin((X + 9 * x) / 20) * np.cos((Y + 9 * y) / 15)).astype(np.float32)

    def both(t: float) -> NDArray[np.float32]:
        picture = someone(t)
        behind = 1 - np.minimum((picture - BACKGROUND) / 60, 1)
        return (picture + behind * waves(t)).astype(np.float32)

    call = Call()
    call.show(both, 40)
    assert call.first == {}


@pytest.mark.parametrize("hertz", [0.3, 1.0])
def test_who_nods_or_rocks_is_no_loop(hertz: float) -> None:
    """One swing is like another; unlike a loop's, half a period earlier everything moved the other way."""

    def nod(t: float) -> NDArray[np.float32]:
        down = 4 * np.sin(2 * np.pi * hertz * t + 0.3 * np.sin(0.9 * t))
        return (BACKGROUND + 90 * np.exp(-(((X - 120) / 30) ** 2) - ((Y - 72 - down) / 40) ** 2)).astype(np.float32)

    call = Call()
    call.show(nod, 40)
    assert call.first == {}


def test_a_loop_without_a_face_is_nobodys() -> None:
    call = Call(faces={})
    assert call.show(loop(person(), 8.0), 25) == Playing()


def test_a_face_that_sits_still_in_its_cells_repeats_nothing() -> None:
    call = Call(faces={7: FACE[7], 8: Box(0.8, 0.1, 0.15, 0.3)})
    assert call.show(loop(person(), 8.0), 25).repeated == {7}


def test_a_frozen_picture_is_said_after_three_seconds_and_no_longer_than_it_lasts() -> None:
    call, someone = Call(noise=0.5), person()
    call.show(someone, 5)
    playing = call.show(lambda t: someone(5.0), 5)
    assert playing.frozen == {7}
    assert not playing.repeated
    assert 7.5 < call.first["frozen"] < 9.5
    assert call.show(someone, 0.5) == Playing()


def test_who_hardly_moves_is_not_frozen() -> None:
    def still(t: float) -> NDArray[np.float32]:
        nod = np.sin(2 * np.pi * 0.4 * t)
        return (BACKGROUND + 90 * np.exp(-(((X - 120) / 30) ** 2) - ((Y - 72 - nod) / 20) ** 2)).astype(np.float32)

    call = Call()
    call.show(still, 20)
    assert "frozen" not in call.first


def test_a_face_too_small_for_the_cells_is_not_called_frozen() -> None:
    call = Call(noise=0.5, faces={7: Box(0.4, 0.4, 0.06, 0.1), 8: FACE[7]})
    assert call.show(lambda t: BACKGROUND, 6).frozen == {8}


def test_after_a_gap_everything_begins_anew() -> None:
    call = Call()
    call.show(loop(person(), 8.0), 15)
    call.t += 1.0
    assert call.show(loop(person(), 8.0), 7) == Playing()


def test_pictures_far_apart_are_not_compared() -> None:
    call = Call()
    call.show(loop(person(), 8.0), 60, fps=1.5)
    assert call.first == {}


def test_memory_stays_within_bounds_for_hours() -> None:
    playback, picture = Playback(PlaybackSettings(remembered_s=8.0)), BACKGROUND.copy()

    def minutes(first: int, last: int) -> None:
        for number in range(first * 200, last * 200):
            playback.add(number * NS_PER_S // 10, picture + np.float32(number % 7), FACE)

    minutes(0, 1)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        minutes(1, 8)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 400_000  # two small copies


@pytest.mark.parametrize(
    "wrong", [{"alike": 1.0}, {"face_alike": 0.0}, {"window_s": 61.0}, {"window_s": 0.0}, {"every_ns": 0}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="repeated picture"):
        PlaybackSettings(**wrong)  # type: ignore[arg-type]
