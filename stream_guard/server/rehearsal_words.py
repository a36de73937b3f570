"""What came of a rehearsal, in sentences; above all what to do where the alarm did not come."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from stream_guard.face import Reason

__all__ = ["Outcome", "outcome_words"]

_OFTEN = 0.3
"""Share of the faces that were refused from which on a reason is named."""

_REASONS = {
    Reason.FACE_TOO_SMALL: "the face is too small: come closer, or enlarge the picture",
    Reason.BLURRED: "the face is blurred: clean the lens, or use a better camera or connection",
    Reason.TURNED_AWAY: "the face is turned away: look into the camera",
    Reason.COVERED: "the face is partly covered: take away what hides it",
    Reason.DARK: "the face is too dark: more light from the front",
    Reason.OVEREXPOSED: "the face is too bright: less light, or no window behind the camera",
    Reason.FROZEN: "the picture stands still: is the camera frozen?",
}


@dataclass
class Outcome:
    """What was counted while a swap was shown.

    Attributes:
        alarmed_after_s: from the first swapped picture to the alarm; None where none came.
        alarmed_before: an alarm stood already.
        swapped: frames with a swapped face.
        faces: faces on them.
        judged: of these, those that were scored.
        reasons: why others were not.
        before: authenticity of the least authentic face before, 0 to 1, if any was judged.
        lowest: the lowest authenticity while it was shown.
        needed: authenticity that an alarm must stay below.
    """

    needed: float
    alarmed_before: bool = False
    before: float | None = None
    alarmed_after_s: float | None = None
    swapped: int = 0
    faces: int = 0
    judged: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    lowest: float | None = None


def outcome_words(outcome: Outcome) -> tuple[str, ...]:
    """Return what to say of a rehearsal that is over."""
    if outcome.swapped == 0:
        return ("There was no face in the picture to be swapped, so nothing was tried.",)
    if outcome.alarmed_before:
        return ("An alarm stood already before the swap was shown, so this rehearsal shows nothing.",)
    if outcome.alarmed_after_s is not None:
        return (
            f"The detector is awake: it noticed the test swap after {outcome.alarmed_after_s:.1f} s.",
            "The swap is a coarse one, made to be noticed. A good live swap is harder, and most are missed.",
        )
    said = ["The detector did not notice the test swap on this picture, so do not count on it here."]
    causes = [words for reason, words in _REASONS.items() if outcome.reasons[reason] >= _OFTEN * outcome.faces]
    said += [f"Seen: {cause}." for cause in causes]
    if outcome.lowest is not None:
        fell = "" if outcome.before is None else f" from {outcome.before:.0%}"
        said.append(
            f"The score went{fell} to {outcome.lowest:.0%} at the lowest; an alarm needs it to stay below "
            f"{outcome.needed:.0%}."
        )
    elif not causes:
        said.append("Too few frames were scored: the machine may be too busy.")
    if not causes:
        said.append("More light on the face, a larger face and a sharper camera help.")
    return tuple(said)
