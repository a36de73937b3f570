"""Decides for each frame what may be done with it."""

from __future__ import annotations

import math

from stream_guard.budget.contention import Contention
from stream_guard.budget.costs import Costs
from stream_guard.budget.debt import Debt
from stream_guard.budget.plan import DropCause, Plan, Skip
from stream_guard.clock import NS_PER_MS

__all__ = ["Admission"]

_SHORTER = 0.75
"""Owed work may take this share of the time since the last frame."""


class Admission:
    """Keeps frames inside their latency target, without letting any face wait too long.

    Rules, in order:

    1. Only a fact drops a frame: its age is past the deadline. What it is expected to cost never does.
    2. Where other streams fill the machine, a frame is left to them, unless its faces are owed it: each face has
       ``full_rate`` measurements a second before any has more. So streams share what there is, the frames of each
       spread evenly, and latency stays that of a machine with room (`stream_guard.budget.contention`).
    3. A promise holds against the target: every face is measured at least ``min_face_rate`` times a second, new
       faces are looked for every ``find_every_ns``, and a frame measures one face at least.
    4. Else an estimate decides: the finder goes first, then as many faces as must. The faces left out keep their
       last box; that the longest unmeasured go first is the tracker's part.

    Promises are kept as debts (`stream_guard.budget.debt`). Where the machine cannot keep them at all, frames
    measure as many faces as fit before the deadline.

    Frames of recordings (``live=False``) are never dropped and never degraded.
    """

    def __init__(
        self,
        *,
        target_ns: int = 33 * NS_PER_MS,
        max_age_ns: int = 500 * NS_PER_MS,
        live: bool = True,
        max_faces: int = 25,
        min_face_rate: float = 2.5,
        full_rate: float = 11.0,
        find_every_ns: int = 250 * NS_PER_MS,
        costs: Costs | None = None,
        contention: Contention | None = None,
    ) -> None:
        """Set the budget.

        Args:
            target_ns: from a frame's arrival to its score.
            max_age_ns: a frame older than this when its turn comes is dropped.
            live: whether frames come at their own pace.
            max_faces: a frame's quota is never larger; the room there is for new faces.
            min_face_rate: measurements a second owed to each face. A little over the two that are promised,
                because frames come in whole numbers.
            full_rate: measurements a second of each face that no other stream takes away; a little over ten.
            find_every_ns: how long the finder may be put off.
            costs: where costs are learnt.
            contention: what all streams share; None where there is but one.

        Raises:
            ValueError: a limit is not above 0.
        """
        if min(target_ns, max_age_ns, max_faces, find_every_ns) <= 0:
            raise ValueError("every limit must be above 0")
        self._target_ns = target_ns
        self._max_age_ns = max_age_ns
        self._live = live
        self._max_faces = max_faces
        self._promised = Debt(min_face_rate)
        # Two rounds: a frame that comes a little late must not cost a face its rate.
        self._full = Debt(full_rate, rounds=2)
        self._find_every_ns = find_every_ns
        self._costs = costs or Costs()
        self._contention = contention
        self._seen_ns: int | None = None
        self._admitted_ns: int | None = None
        self._find_ns: int | None = None

    def spent(self, stage: str, duration_ns: int, *, faces: int = 1) -> None:
        """Learn what a stage cost. See `Costs.record`; ``total`` ends the work on a frame."""
        self._costs.record(stage, duration_ns, faces=faces)
        if stage == "total" and self._contention is not None:
            self._contention.end(self)

    def admit(self, *, arrived_ns: int, now_ns: int, faces: int) -> Plan | Skip:
        """Decide for one frame.

        Args:
            arrived_ns: when it arrived.
            now_ns: now, on the same clock.
            faces: how many are being followed.
        """
        if not self._live:
            return Plan(faces=max(self._max_faces, faces))
        age_ns = max(0, now_ns - arrived_ns)
        if age_ns > self._max_age_ns:
            return Skip(DropCause.EXPIRED)
        self._grow(now_ns, faces)
        if self._contention is not None:
            # Where nobody is, a frame costs little: it is looked at, or a newcomer would wait.
            if self._full.owed < min(1, faces) and self._contention.crowded(self, now_ns):
                return Skip(DropCause.YIELDED)
            self._contention.begin(self, now_ns)
        plan = self._plan(age_ns, now_ns, faces)
        for debt in (self._promised, self._full):
            debt.pay(min(plan.faces, faces))
        self._admitted_ns = now_ns
        return plan

    def _grow(self, now_ns: int, faces: int) -> None:
        """Add what has become owed since the last frame that could be admitted."""
        elapsed_ns = 0 if self._seen_ns is None else max(0, now_ns - self._seen_ns)
        for debt in (self._promised, self._full):
            debt.grow(elapsed_ns, faces)
        self._seen_ns = now_ns

    def _plan(self, age_ns: int, now_ns: int, faces: int) -> Plan:
        """Return what is done with a frame that is admitted."""
        cost = self._costs.estimate()
        left_ns = self._target_ns - age_ns
        find = self._may_find(now_ns, fits=_fits(cost.faces_within(left_ns, find=True), faces))
        quota = self._quota(cost.faces_within(left_ns, find=find))
        if quota < faces:
            # Work that is owed goes past the target, but not past the deadline; and in less time than it took to
            # become owed, or one long frame would owe the next its own length, for ever.
            deadline = self._quota(cost.faces_within(self._max_age_ns - age_ns, find=find))
            elapsed_ns = 0 if self._admitted_ns is None else max(0, now_ns - self._admitted_ns)
            shorter = int(_SHORTER * elapsed_ns) // cost.face_ns if cost.face_ns else deadline
            quota = max(quota, min(math.floor(self._promised.owed), deadline, shorter))
        return Plan(faces=quota, find=find, degraded=quota < faces)

    def _may_find(self, now_ns: int, *, fits: bool) -> bool:
        """Return whether new faces may be looked for: there is time (always, where nobody is), or it is due."""
        due = self._find_ns is None or now_ns - self._find_ns >= self._find_every_ns
        if fits or due:
            self._find_ns = now_ns
            return True
        return False

    def _quota(self, capacity: int | None) -> int:
        """Return a number of faces a plan may name."""
        return self._max_faces if capacity is None else max(1, min(capacity, self._max_faces))


def _fits(capacity: int | None, faces: int) -> bool:
    return capacity is None or capacity >= faces
