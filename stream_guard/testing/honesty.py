"""Was everything that a client was told true when it was told? A record of a call in, what was wrong out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from stream_guard.clock import NS_PER_S, ms, seconds
from stream_guard.protocol.messages import Event, Scores, ServerMessage
from stream_guard.scoring.observation import EventKind, State

__all__ = ["Heard", "lies"]


@dataclass(frozen=True, slots=True)
class Heard:
    """A message, and when a client had it, in monotonic nanoseconds."""

    at_ns: int
    message: ServerMessage


def lies(
    heard: Sequence[Heard],
    arrivals: Mapping[int, int],
    *,
    session: str,
    ended_ns: int,
    stale_after_s: float = 2.0,
    slack_s: float = 1.0,
    real: bool = True,
) -> list[str]:
    """Return what was not true of a session, in words; nothing if all was.

    - A score is no older than it says, and no younger.
    - What is said of a face rests on a frame that is not stale, and stale faces bear no number.
    - Once no frame has come for so long, that is said in time, and nothing else until one comes.
    - Times do not go back, but for the time it takes to look at a frame: a silence in the meantime is dated to when
      it is noticed. Alarms are raised and cleared in turn; for a real face none is raised.

    Args:
        heard: in the order in which it came; other sessions' messages are passed over.
        arrivals: when each frame reached the server, by its number, in nanoseconds of the same clock.
        session: whose.
        ended_ns: until when was listened.
        stale_after_s: silence that makes scores stale, in seconds.
        slack_s: what delivery, a tick and a busy machine may take.
        real: whether everybody in the picture is.
    """
    mine = [one for one in heard if getattr(one.message, "session", None) == session]
    scores = [(one.at_ns, one.message) for one in mine if isinstance(one.message, Scores)]
    events = [(one.at_ns, one.message) for one in mine if isinstance(one.message, Event)]
    return [
        *_ages(scores, arrivals, stale_after_s=stale_after_s, slack_s=slack_s),
        *_silences(scores, events, arrivals, ended_ns, stale_after_s=stale_after_s, slack_s=slack_s),
        *_times(scores, slack_s=slack_s),
        *_alarms(events, real=real),
    ]


def _ages(
    scores: Sequence[tuple[int, Scores]], arrivals: Mapping[int, int], *, stale_after_s: float, slack_s: float
) -> Iterator[str]:
    for at_ns, said in scores:
        if said.frame not in arrivals:
            yield f"frame {said.frame} was scored and never came"
            continue
        age_ms = ms(at_ns - arrivals[said.frame])
        if age_ms - said.age_ms > slack_s * 1000:
            yield f"frame {said.frame} is {age_ms:.0f} ms old and said to be {said.age_ms:.0f}"
        if said.age_ms > age_ms + 1:
            yield f"frame {said.frame} is only {age_ms:.0f} ms old and said to be {said.age_ms:.0f}"
        for face in said.faces:
            if face.state is State.STALE and (face.authenticity is not None or face.interval is not None):
                yield f"face {face.id} is stale and bears a number"
            if face.authenticity is not None and age_ms > (stale_after_s + slack_s) * 1000:
                yield f"face {face.id} bears a number that is {age_ms:.0f} ms old"


def _silences(
    scores: Sequence[tuple[int, Scores]],
    events: Sequence[tuple[int, Event]],
    arrivals: Mapping[int, int],
    ended_ns: int,
    *,
    stale_after_s: float,
    slack_s: float,
) -> Iterator[str]:
    limit_ns, slack_ns = round(stale_after_s * NS_PER_S), round(slack_s * NS_PER_S)
    said_ns = [at_ns for at_ns, event in events if event.kind is EventKind.STALE]
    for last_ns, next_ns in pairwise([*sorted(arrivals.values()), ended_ns]):
        if next_ns - last_ns <= limit_ns + slack_ns:
            continue
        due_ns = last_ns + limit_ns
        # A frame that arrived last may not have been looked at: silence is counted from the last that was.
        if not any(due_ns - slack_ns <= at_ns <= due_ns + slack_ns for at_ns in said_ns):
            yield f"{seconds(next_ns - last_ns):.1f} s without a frame, and it was not said to be stale in time"
        for at_ns, said in scores:
            fresh = any(face.state is not State.STALE for face in said.faces)
            if due_ns + slack_ns < at_ns < next_ns and fresh:
                yield f"a face is judged {seconds(at_ns - last_ns):.1f} s after the last frame"


def _times(scores: Sequence[tuple[int, Scores]], *, slack_s: float) -> Iterator[str]:
    for (_, before), (_, after) in pairwise(scores):
        if after.t < before.t - slack_s:
            yield f"time goes back from {before.t:.3f} s to {after.t:.3f} s"


def _alarms(events: Sequence[tuple[int, Event]], *, real: bool) -> Iterator[str]:
    alarmed: set[int | None] = set()
    for _, event in events:
        if event.kind is EventKind.ALARM_RAISED:
            if real:
                yield f"an alarm was raised for face {event.face} at {event.t:.1f} s, and the face is real"
            if event.face in alarmed:
                yield f"the alarm for face {event.face} was raised twice"
            alarmed.add(event.face)
        if event.kind is EventKind.ALARM_CLEARED:
            if event.face not in alarmed:
                yield f"an alarm for face {event.face} was cleared and never raised"
            alarmed.discard(event.face)
