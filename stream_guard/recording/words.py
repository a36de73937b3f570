"""What a report says in words, in one place, so that page and documents speak alike."""

from __future__ import annotations

from stream_guard.face import Reason
from stream_guard.recording.moments import MomentKind
from stream_guard.scoring.observation import Cue, EventKind, State

__all__ = ["CUE_WORDS", "EVENT_WORDS", "KIND_WORDS", "MOMENT_WORDS", "REASON_WORDS", "STATE_WORDS", "span"]

STATE_WORDS = {
    State.AUTHENTIC: "looks authentic",
    State.SUSPICIOUS: "suspicious",
    State.SYNTHETIC: "likely synthetic",
    State.CANNOT_JUDGE: "cannot be judged",
    State.STALE: "no picture",
}

REASON_WORDS = {
    Reason.FACE_TOO_SMALL: "face too small",
    Reason.BLURRED: "picture blurred",
    Reason.TURNED_AWAY: "face turned away",
    Reason.COVERED: "face partly covered",
    Reason.DARK: "too dark",
    Reason.OVEREXPOSED: "too bright",
    Reason.FROZEN: "picture stands still",
    Reason.TOO_LITTLE_EVIDENCE: "too little evidence yet",
}

CUE_WORDS = {
    Cue.LOOKS_SYNTHETIC: "the picture itself looks synthetic",
    Cue.CHANGED: "the picture of this face changed",
    Cue.REPEATED: "the picture shows again what it showed before",
}

MOMENT_WORDS = {
    MomentKind.ALARM_RAISED: "alarm raised",
    MomentKind.ALARM_CLEARED: "alarm over",
    MomentKind.FACE_CHANGED: "the face changed",
    MomentKind.REPEATED: "the picture repeats itself",
    MomentKind.LOWEST: "lowest score",
    MomentKind.FIRST_LOOK: "first look",
    MomentKind.CHALLENGE: "challenge",
    MomentKind.MARKED: "marked",
}

EVENT_WORDS = {
    EventKind.FACE_APPEARED: "appeared",
    EventKind.FACE_LOST: "left the picture",
    EventKind.STATE_CHANGED: "changed",
    EventKind.ALARM_RAISED: "alarm: likely synthetic",
    EventKind.ALARM_CLEARED: "alarm over",
    EventKind.SCENE_CUT: "scene cut: scores start again",
    EventKind.STALE: "no picture any more",
    EventKind.RESUMED: "picture is back",
    EventKind.REROUTED: "the picture comes in another way",
}

KIND_WORDS = {"file": "a recording", "webrtc": "a live call", "screen": "a live screen", "camera": "a live camera"}


def span(length_s: float) -> str:
    """Return a length of time: "12.3 s", "4 min 05 s", "1 h 02 min"."""
    if length_s < 60:
        return f"{length_s:.1f} s"
    whole = round(length_s)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole // 60 % 60:02d} min"
