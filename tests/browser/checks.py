"""Messages of challenges and rehearsals, as a server would send them."""

from __future__ import annotations

from stream_guard.challenges.action import Action, request
from stream_guard.challenges.challenge import ChallengeState
from stream_guard.challenges.lapses import LapseKind
from stream_guard.challenges.sight import Sight
from stream_guard.protocol.messages import (
    Challenge,
    LapseReport,
    Rehearsal,
    StepReport,
    StretchReport,
    TracePointReport,
)
from stream_guard.scoring.observation import State
from tests.browser.examples import face

STRETCH = StretchReport(frames=118, judged=118, looks=13.9, llr=-19.1, authenticity=0.8, interval=(0.7, 0.87))


def step(action: Action, **changes: object) -> StepReport:
    """An action that has not begun; keyword arguments change it."""
    waiting = StepReport(
        action=action,
        say=request(action),
        began=None,
        ended=None,
        progress=0.0,
        sight=None,
        amount=None,
        during=None,
    )
    return waiting.model_copy(update=changes)


def asking(amount: float = 31.4, progress: float = 0.6) -> Challenge:
    """The first of two actions, under way."""
    return Challenge(
        session="c1",
        face=1,
        t=24.0,
        state=ChallengeState.ASKING,
        say=request(Action.TURN_LEFT),
        remaining_s=7.3,
        current=0,
        amount=amount,
        steps=(step(Action.TURN_LEFT, began=22.0, progress=progress), step(Action.HAND_ACROSS)),
        before=STRETCH,
        after=STRETCH.model_copy(update={"frames": 0, "judged": 0, "authenticity": None, "interval": None}),
    )


def result() -> Challenge:
    """The same, over."""
    turned = step(
        Action.TURN_LEFT,
        began=22.0,
        ended=26.0,
        progress=1.0,
        sight=Sight.SEEN,
        amount=62.0,
        during=STRETCH,
        lapses=(LapseReport(kind=LapseKind.TURNED_AWAY, since=23.9, until=24.3),),
        words=(
            "Turned 62 degrees to their left, and back.",
            "The face stayed one face.",
            "The score fell from 80% before to 20% while turning (31 of 44 frames could be judged).",
        ),
    )
    hand = step(
        Action.HAND_ACROSS,
        began=26.0,
        ended=38.0,
        progress=0.1,
        sight=Sight.CANNOT_TELL,
        words=("Could not see whether a hand passed: the face moved or hardly showed.",),
    )
    trace = tuple(
        TracePointReport(
            t=20 + number / 5,
            step=None if number < 10 else 0 if number < 30 else 1,
            amount=None if number < 10 else max(0.0, 62.0 - 6 * abs(20 - number)) if number < 30 else 0.05,
            authenticity=None if 18 < number < 22 else 0.8 - 0.6 * (12 < number < 28),
        )
        for number in range(95)
    )
    return asking().model_copy(
        update={
            "t": 41.0,
            "state": ChallengeState.DONE,
            "say": "Thank you, that was all.",
            "remaining_s": 0.0,
            "current": None,
            "amount": None,
            "steps": (turned, hand),
            "after": STRETCH,
            "words": ("1 of 2 actions were seen.", "This is what was seen, no more."),
            "trace": trace,
        }
    )


def rehearsal(**changes: object) -> Rehearsal:
    """One that runs and has just alarmed."""
    running = Rehearsal(
        session="c1",
        t=30.0,
        state="running",
        remaining_s=4.2,
        swapped_s=3.8,
        alarmed_after_s=1.6,
        faces=(face(1, State.SYNTHETIC, 0.04),),
    )
    return running.model_copy(update=changes)
