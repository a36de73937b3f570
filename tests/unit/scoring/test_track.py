"""How a face is judged where the correlation of a model's errors was measured."""

from __future__ import annotations

import pytest

from stream_guard.clock import NS_PER_S
from stream_guard.face import Box
from stream_guard.scoring.observation import FaceObservation, State
from stream_guard.scoring.smoothing import Evidence, SmoothingSettings
from stream_guard.scoring.track import FaceTrack, TrackSettings
from stream_guard.scoring.verdict import VerdictSettings

pytestmark = pytest.mark.unit


def face() -> FaceObservation:
    return FaceObservation(1, Box(0, 0, 1, 1), llr=-2.0)


def seconds_to_a_word(settings: TrackSettings, rate: float) -> float:
    track = FaceTrack(face(), settings)
    for frame in range(200):
        at_ns = round(frame / rate * NS_PER_S)
        track.observe(at_ns, face())
        if track.report(at_ns)[0].state is not State.CANNOT_JUDGE:
            return frame / rate
    return float("inf")


@pytest.mark.parametrize("rate", [1.0, 2.0, 10.0, 30.0])
@pytest.mark.parametrize("correlation_s", [0.05, 0.15, 0.4])
def test_the_looks_of_a_rate_are_what_the_evidence_comes_to(rate: float, correlation_s: float) -> None:
    settings = SmoothingSettings(correlation_s=correlation_s)
    evidence = Evidence(settings)
    for frame in range(600):
        evidence.add(round(frame / rate * NS_PER_S), 0.0)
    estimate = evidence.at(round(599 / rate * NS_PER_S))
    assert estimate is not None
    assert estimate.looks == pytest.approx(settings.looks_at(rate), rel=1e-6)


def test_the_assumed_correlation_gives_the_usual_settings() -> None:
    assert TrackSettings.for_correlation(0.15, verdict=VerdictSettings()) == TrackSettings()


@pytest.mark.parametrize("correlation_s", [0.05, 0.1, 0.2, 0.3, 0.5, 3.0])
def test_a_word_comes_in_time_however_long_errors_last(correlation_s: float) -> None:
    settings = TrackSettings.for_correlation(correlation_s, verdict=VerdictSettings())
    assert seconds_to_a_word(settings, 30) <= 1.0
    assert seconds_to_a_word(settings, 2) <= 1.5
    assert seconds_to_a_word(settings, 30) > 0.1  # and never on a frame or two


def test_unadjusted_a_long_correlation_would_never_let_a_word_be_said() -> None:
    unadjusted = TrackSettings(smoothing=SmoothingSettings(correlation_s=0.3))
    assert seconds_to_a_word(unadjusted, 10) == float("inf")
