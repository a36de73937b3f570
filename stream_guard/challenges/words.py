"""What was seen of a challenge, in sentences that claim no more than that."""

from __future__ import annotations

from stream_guard.challenges.action import Action
from stream_guard.challenges.challenge import Challenge, ChallengeState, Step
from stream_guard.challenges.lapses import Lapse, LapseKind
from stream_guard.challenges.tally import TallyReport
from stream_guard.clock import NS_PER_S, seconds

__all__ = ["CAUTION", "step_words", "summary_words"]

CAUTION = (
    "This is what was seen, no more. A real face can lose its landmarks or its score while it moves, and a good "
    "swap can do all of this. It does not show who somebody is."
)

_WHILE = {
    Action.TURN_LEFT: "while turning",
    Action.TURN_RIGHT: "while turning",
    Action.HAND_ACROSS: "while it was hidden",
    Action.FINGER_ON_CHEEK: "meanwhile",
    Action.STAND_UP: "while higher",
    Action.MOVE_CLOSE: "while close",
}

_LOST = {
    LapseKind.GONE: "was not there",
    LapseKind.TURNED_AWAY: "could not be followed, turned away",
    LapseKind.COVERED: "could not be followed, covered",
}


def step_words(step: Step, before: TallyReport, began_ns: int) -> tuple[str, ...]:
    """Return what was seen of one action; nothing before its end.

    Args:
        step: the action.
        before: the score before the first action.
        began_ns: when the challenge began; moments are told from there.
    """
    if step.finding is None or step.during is None:
        return ()
    said = [_sentence(step.finding.words), *_lapses(step.lapses, began_ns)]
    if step.during.frames:
        said.append(_score(step.during, before, _WHILE[step.action]))
    return tuple(said)


def summary_words(challenge: Challenge) -> tuple[str, ...]:
    """Return what is to be said of the whole; nothing before its end."""
    match challenge.state:
        case ChallengeState.CANCELLED:
            return ("It was cancelled; what was seen until then stands above.", CAUTION)
        case ChallengeState.LOST if challenge.current is None:
            return ("It did not begin: the face could not be seen well enough.",)
        case ChallengeState.LOST:
            return ("The picture was lost; what was seen until then stands above.", CAUTION)
        case ChallengeState.DONE:
            seen = [step.finding.sight for step in challenge.steps if step.finding is not None]
            counted = f"{sum(sight == 'seen' for sight in seen)} of {len(challenge.steps)} actions were seen."
            return (counted, _score(challenge.after, challenge.before, "afterwards"), CAUTION)
    return ()


def _lapses(lapses: tuple[Lapse, ...], began_ns: int) -> list[str]:
    hops = [lapse for lapse in lapses if lapse.kind is LapseKind.OTHER_FACE]
    said = [] if hops else ["The face stayed one face."]
    if hops:
        moments = ", ".join(f"{_at(hop.since_ns, began_ns)}" for hop in hops)
        said.append(f"Another face took its place {moments}.")
    for kind, lost in _LOST.items():
        found = [lapse for lapse in lapses if lapse.kind is kind]
        if not found:
            continue
        total_s = seconds(sum(lapse.until_ns - lapse.since_ns for lapse in found))
        times = "" if len(found) == 1 else f", {len(found)} times"
        said.append(f"It {lost} for {total_s:.1f} s{times}, first {_at(found[0].since_ns, began_ns)}.")
    return said


def _at(at_ns: int, began_ns: int) -> str:
    return f"at second {(at_ns - began_ns) / NS_PER_S:.1f}"


def _score(now: TallyReport, before: TallyReport, when: str) -> str:
    judged = f"{now.judged} of {now.frames} frames could be judged"
    if now.authenticity is None or now.interval is None:
        return f"Too little could be judged {when} to give a score ({judged})."
    if before.authenticity is None or before.interval is None:
        return f"The score was {now.authenticity:.0%} {when} ({judged}); before, too little could be judged."
    pair = f"from {before.authenticity:.0%} before to {now.authenticity:.0%} {when} ({judged})"
    if now.interval[1] < before.interval[0]:
        return f"The score fell {pair}."
    if now.interval[0] > before.interval[1]:
        return f"The score rose {pair}."
    same = f"{before.authenticity:.0%} before, {now.authenticity:.0%} {when}"
    return f"The score did not clearly change: {same} ({judged})."


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:] + "."
