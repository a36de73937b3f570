"""One challenge from the first request to the result: a state machine that is told the time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from stream_guard.challenges import action as words
from stream_guard.challenges.action import Action
from stream_guard.challenges.glimpse import Glimpse
from stream_guard.challenges.hand import FingerOnCheek, HandAcross
from stream_guard.challenges.lapses import Lapse, Lapses
from stream_guard.challenges.move import MoveClose, StandUp
from stream_guard.challenges.rest import Rest, RestWindow
from stream_guard.challenges.sight import Finding, Watch
from stream_guard.challenges.tally import Tally, TallyReport
from stream_guard.challenges.trace import Trace, TracePoint
from stream_guard.challenges.turn import Turn
from stream_guard.clock import NS_PER_S
from stream_guard.scoring.smoothing import SmoothingSettings

__all__ = ["Challenge", "ChallengeState", "Step", "Timing", "watch_for"]


class ChallengeState(StrEnum):
    """How far it has got. The value is what goes over the wire."""

    BEFORE = "before"
    ASKING = "asking"
    AFTER = "after"
    DONE = "done"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self in {ChallengeState.DONE, ChallengeState.CANCELLED, ChallengeState.LOST}


@dataclass(frozen=True, slots=True)
class Timing:
    """How long each part takes, in nanoseconds.

    Attributes:
        before_ns, after_ns: looking into the camera before the first action and after the last.
        action_ns: for one action, at most: somebody reads the words aloud first.
        patience_ns: for a face that cannot be seen well enough to begin with.
    """

    before_ns: int = 4 * NS_PER_S
    action_ns: int = 12 * NS_PER_S
    after_ns: int = 3 * NS_PER_S
    patience_ns: int = 15 * NS_PER_S


@dataclass
class Step:
    """One action of a challenge, as it stands.

    Attributes:
        began_ns, ended_ns: None before it is asked for, and while it runs.
        progress: 0 to 1.
        finding: what was seen; None before its end.
        during: the frames on which it was being done.
        lapses: moments in which the face was lost or exchanged.
    """

    action: Action
    began_ns: int | None = None
    ended_ns: int | None = None
    progress: float = 0.0
    finding: Finding | None = None
    during: TallyReport | None = None
    lapses: tuple[Lapse, ...] = field(default=())


_WATCHES: dict[Action, Callable[[Rest], Watch]] = {
    Action.TURN_LEFT: lambda rest: Turn(rest, left=True),
    Action.TURN_RIGHT: lambda rest: Turn(rest, left=False),
    Action.HAND_ACROSS: HandAcross,
    Action.FINGER_ON_CHEEK: FingerOnCheek,
    Action.STAND_UP: StandUp,
    Action.MOVE_CLOSE: MoveClose,
}


def watch_for(action: Action, rest: Rest) -> Watch:
    """Return what follows an action of a face that is at rest like this."""
    return _WATCHES[action](rest)


class Challenge:
    """Asks for one action after the other and watches. It never says "passed"."""

    def __init__(
        self,
        actions: Sequence[Action],
        *,
        face: int,
        at_ns: int,
        smoothing: SmoothingSettings,
        enough_looks: float,
        timing: Timing | None = None,
    ) -> None:
        """Begin.

        Args:
            actions: in the order in which they are asked for; one at least.
            face: the id the face goes by.
            at_ns: now, on the session's time line.
            smoothing: the model's.
            enough_looks: independent looks before a score is given of a stretch.
            timing: how long each part takes.

        Raises:
            ValueError: there are no actions.
        """
        if not actions:
            raise ValueError("a challenge needs an action")
        self._timing = timing or Timing()
        self._smoothing, self._enough = smoothing, enough_looks
        self._window = RestWindow()
        self._rest: Rest | None = None
        self._watch: Watch | None = None
        self._lapses = Lapses(face)
        self._during = self._new_tally()
        self._before, self._after = self._new_tally(), self._new_tally()
        self._trace = Trace()
        self._since_ns = self.at_ns = self.began_ns = at_ns
        self.face = face
        self.state = ChallengeState.BEFORE
        self.steps = tuple(Step(action) for action in actions)
        self.current: int | None = None

    @property
    def say(self) -> str:
        """The words to read aloud or type now."""
        if self.state is ChallengeState.BEFORE:
            return words.GREETING
        if self.state is ChallengeState.ASKING and self.current is not None:
            return words.request(self.steps[self.current].action)
        return words.REST if self.state is ChallengeState.AFTER else words.THANKS

    @property
    def remaining_s(self) -> float:
        """Seconds until the present part ends by itself; 0 once all is over."""
        if self.state.over:
            return 0.0
        part = {
            ChallengeState.BEFORE: self._timing.before_ns,
            ChallengeState.ASKING: self._timing.action_ns,
            ChallengeState.AFTER: self._timing.after_ns,
        }[self.state]
        return max(0.0, (self._since_ns + part - self.at_ns) / NS_PER_S)

    @property
    def before(self) -> TallyReport:
        """The score before the first action."""
        return self._before.report()

    @property
    def after(self) -> TallyReport:
        """The score after the last one."""
        return self._after.report()

    @property
    def amount(self) -> float | None:
        """How far the action goes at this moment; None between actions."""
        return self._watch.amount if self._watch is not None else None

    @property
    def trace(self) -> tuple[TracePoint, ...]:
        """How action and score went, a few points a second."""
        return self._trace.points

    def add(self, glimpse: Glimpse) -> None:
        """Take a frame; nothing happens once it is over."""
        if self.state.over:
            return
        self.at_ns = max(self.at_ns, glimpse.at_ns)
        self.face = glimpse.face if glimpse.face is not None else self.face
        match self.state:
            case ChallengeState.BEFORE:
                self._before.add(glimpse)
                self._window.add(glimpse)
                self._end_before()
            case ChallengeState.ASKING:
                self._follow(glimpse)
            case _:
                self._after.add(glimpse)
                if self._passed() >= self._timing.after_ns:
                    self.state = ChallengeState.DONE
        self._trace.add(glimpse, step=self.current if self._watch is not None else None, amount=self.amount)

    def cancel(self, at_ns: int) -> None:
        """Stop at somebody's word; what was seen so far stands."""
        self._stop(ChallengeState.CANCELLED, at_ns)

    def lose(self, at_ns: int) -> None:
        """Stop because the picture or the session is gone."""
        self._stop(ChallengeState.LOST, at_ns)

    def _end_before(self) -> None:
        """Go on once the face is known, or give up."""
        if self._passed() < self._timing.before_ns:
            return
        self._rest = self._window.settle()
        if self._rest is not None:
            self._ask(0)
        elif self._passed() >= self._timing.patience_ns:
            self.state = ChallengeState.LOST

    def _ask(self, number: int) -> None:
        """Begin an action, compared with how the face was held just before."""
        self._rest = self._window.settle() or self._rest
        assert self._rest is not None
        self.state, self.current, self._since_ns = ChallengeState.ASKING, number, self.at_ns
        step = self.steps[number]
        step.began_ns = self.at_ns
        self._watch = watch_for(step.action, self._rest)
        self._lapses = Lapses(self.face)
        self._during = self._new_tally()

    def _follow(self, glimpse: Glimpse) -> None:
        assert self._watch is not None
        assert self.current is not None
        step = self.steps[self.current]
        if not glimpse.waits:
            self._watch.add(glimpse)
            self._lapses.add(glimpse)
        if self._watch.busy:
            self._during.add(glimpse)
        else:
            self._window.add(glimpse)
        step.progress = self._watch.progress
        step.lapses = self._lapses.found
        if self._watch.done or self._passed() >= self._timing.action_ns:
            self._end_step()
            if self.current + 1 < len(self.steps):
                self._ask(self.current + 1)
            else:
                self.state, self._since_ns, self._watch = ChallengeState.AFTER, self.at_ns, None

    def _end_step(self) -> None:
        if self._watch is None or self.current is None:
            return
        step = self.steps[self.current]
        step.ended_ns = self.at_ns
        step.finding = self._watch.finding()
        step.during = self._during.report()

    def _stop(self, state: ChallengeState, at_ns: int) -> None:
        if self.state.over:
            return
        self.at_ns = max(self.at_ns, at_ns)
        if self.state is ChallengeState.ASKING:
            self._end_step()
        self.state, self._watch = state, None

    def _new_tally(self) -> Tally:
        return Tally(self._smoothing, enough_looks=self._enough)

    def _passed(self) -> int:
        return self.at_ns - self._since_ns
