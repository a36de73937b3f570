"""Plays a series of logits to a real session, as one face of a call, and tells when it raised the alarm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stream_guard.clock import NS_PER_S, seconds
from stream_guard.evaluation.footage import Footage
from stream_guard.face import Box, Reason
from stream_guard.scoring.observation import EventKind, FaceObservation, Observation
from stream_guard.scoring.session import Session, SessionSettings
from stream_guard.scoring.track import TrackSettings

__all__ = ["alarms", "footage_alarms"]

_BOX = Box(0.0, 0.0, 1.0, 1.0)


def alarms(
    at_s: NDArray[np.float64],
    llrs: NDArray[np.float64],
    track: TrackSettings,
    *,
    reasons: Sequence[tuple[Reason, ...]] = (),
) -> list[float]:
    """Return the moments at which the alarm was raised, in seconds.

    The session is what a live call gets. The face is there all the time under one id.

    Args:
        at_s: shape (n,), seconds, rising.
        llrs: shape (n,), calibrated.
        track: how the face is judged.
        reasons: why a frame was refused, one for each; a frame with reasons is not scored. Empty where all are.
    """
    session, raised = Session(SessionSettings(track)), []
    for number, (at, llr) in enumerate(zip(at_s, llrs, strict=True)):
        why = reasons[number] if reasons else ()
        face = FaceObservation(1, _BOX, llr=None if why else float(llr), reasons=why)
        update = session.receive(Observation(number, round(float(at) * NS_PER_S), (face,)))
        raised += [seconds(event.at_ns) for event in update.events if event.kind is EventKind.ALARM_RAISED]
    return raised


def footage_alarms(clip: Footage, track: TrackSettings) -> list[float]:
    """Return the moments at which a clip, played once, raised the alarm, in seconds."""
    return alarms(clip.at_s, clip.logits, track, reasons=clip.reasons)
