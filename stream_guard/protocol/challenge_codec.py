"""From a challenge to its message. Rounded like everything on the wire, see `stream_guard.protocol.codec`."""

from __future__ import annotations

import math

from stream_guard.challenges.action import request
from stream_guard.challenges.challenge import Challenge as Running
from stream_guard.challenges.challenge import Step
from stream_guard.challenges.tally import TallyReport
from stream_guard.challenges.words import step_words, summary_words
from stream_guard.clock import seconds
from stream_guard.protocol.messages import Challenge, LapseReport, StepReport, StretchReport, TracePointReport

__all__ = ["challenge_message"]


def challenge_message(session: str, face: int, challenge: Running) -> Challenge:
    """Return how a challenge stands.

    Args:
        session: its name.
        face: the id of the face that was asked, as it was then.
        challenge: running or over.
    """
    over = challenge.state.over
    return Challenge(
        session=session,
        face=face,
        t=_t(challenge.at_ns),
        state=challenge.state,
        say=challenge.say,
        remaining_s=round(challenge.remaining_s, 1),
        current=None if over else challenge.current,
        amount=_rounded(challenge.amount),
        steps=tuple(_step(step, challenge) for step in challenge.steps),
        before=_stretch(challenge.before),
        after=_stretch(challenge.after),
        words=summary_words(challenge),
        trace=tuple(
            TracePointReport(
                t=_t(point.at_ns),
                step=point.step,
                amount=_rounded(point.amount),
                authenticity=_rounded(point.authenticity, 3),
            )
            for point in challenge.trace
        )
        if over
        else (),
    )


def _step(step: Step, challenge: Running) -> StepReport:
    finding = step.finding
    return StepReport(
        action=step.action,
        say=request(step.action),
        began=None if step.began_ns is None else _t(step.began_ns),
        ended=None if step.ended_ns is None else _t(step.ended_ns),
        progress=round(step.progress, 2),
        sight=finding.sight if finding is not None else None,
        amount=_rounded(finding.amount) if finding is not None else None,
        during=_stretch(step.during) if step.during is not None else None,
        lapses=tuple(
            LapseReport(kind=one.kind, since=_t(one.since_ns), until=_t(one.until_ns)) for one in step.lapses
        ),
        words=step_words(step, challenge.before, challenge.began_ns),
    )


def _stretch(tally: TallyReport) -> StretchReport:
    interval = tally.interval
    return StretchReport(
        frames=tally.frames,
        judged=tally.judged,
        looks=round(tally.looks, 2),
        llr=round(tally.llr, 2),
        authenticity=_rounded(tally.authenticity, 3),
        interval=None
        if interval is None
        else (math.floor(interval[0] * 1000) / 1000, math.ceil(interval[1] * 1000) / 1000),
    )


def _t(at_ns: int) -> float:
    return round(seconds(at_ns), 3)


def _rounded(value: float | None, places: int = 2) -> float | None:
    return None if value is None else round(value, places)
