"""Several calls at a time, simulated on paper: they share cores, one slot each, one engine that takes batches."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from stream_guard.budget.admission import Admission
from stream_guard.budget.plan import DropCause, Skip
from stream_guard.clock import NS_PER_MS, NS_PER_S

Then = Callable[[], None]


@dataclass(frozen=True)
class Costs:
    """Processor time in milliseconds: of a frame that comes in, a face that is looked at, a search for faces."""

    decode: float
    track: float
    infer: float
    find: float = 25.0


@dataclass
class Call:
    """One stream and what came of it."""

    admission: Admission
    faces: int = 1
    fps: float = 30.0
    latency_ms: list[float] = field(default_factory=list)
    scored_ns: list[int] = field(default_factory=list)
    scores: int = 0
    dropped: dict[DropCause, int] = field(default_factory=dict)
    slot: int | None = None
    found_ns: int = -NS_PER_S
    working: bool = False

    def drop(self, cause: DropCause) -> None:
        """Count a frame that is not looked at."""
        self.dropped[cause] = self.dropped.get(cause, 0) + 1

    def rate(self, seconds: float) -> float:
        """Return scores a second and face."""
        return self.scores / seconds / self.faces


@dataclass
class _Job:
    left_ns: float
    then: Then


class Machine:
    """Cores that all work shares evenly, as an operating system does; see `play`."""

    def __init__(self, calls: list[Call], *, cores: int, costs: Costs, warm_up_s: float) -> None:
        self.now_ns = 0
        self._calls = calls
        self._cores = cores
        self._costs = costs
        self._counts_ns = warm_up_s * NS_PER_S
        self._random = random.Random(1)
        self._jobs: list[_Job] = []
        self._alarms: list[tuple[int, int, Then]] = []
        self._set = 0
        self._asked: list[tuple[Call, int, int, int]] = []
        self._inferring = False

    def run(self, seconds: float) -> None:
        """Let time pass."""
        for call in self._calls:
            self._at(round(self._random.uniform(0, NS_PER_S / call.fps)), lambda call=call: self._capture(call))
        while self.now_ns < seconds * NS_PER_S:
            alarm_ns = self._alarms[0][0]
            speed = min(1.0, self._cores / len(self._jobs)) if self._jobs else 1.0
            until_ns = min((job.left_ns for job in self._jobs), default=float("inf")) / speed
            pass_ns = min(until_ns, alarm_ns - self.now_ns)
            for job in self._jobs:
                job.left_ns -= pass_ns * speed
            if until_ns <= alarm_ns - self.now_ns:
                self.now_ns += round(pass_ns)
                done = [job for job in self._jobs if job.left_ns < 1]
                self._jobs = [job for job in self._jobs if job.left_ns >= 1]
                for job in done:
                    job.then()
            else:
                self.now_ns = alarm_ns
                heapq.heappop(self._alarms)[2]()

    def _at(self, at_ns: int, then: Then) -> None:
        self._set += 1
        heapq.heappush(self._alarms, (at_ns, self._set, then))

    def _work(self, cost_ms: float, then: Then) -> None:
        self._jobs.append(_Job(cost_ms * self._random.uniform(0.8, 1.3) * NS_PER_MS, then))

    def _capture(self, call: Call) -> None:
        self._work(self._costs.decode, lambda: self._arrive(call))
        self._at(self.now_ns + round(NS_PER_S / call.fps), lambda: self._capture(call))

    def _arrive(self, call: Call) -> None:
        if call.slot is not None:
            call.drop(DropCause.SUPERSEDED)
        call.slot = self.now_ns
        self._look(call)

    def _look(self, call: Call) -> None:
        if call.working or call.slot is None:
            return
        arrived_ns, call.slot = call.slot, None
        decision = call.admission.admit(arrived_ns=arrived_ns, now_ns=self.now_ns, faces=call.faces)
        if isinstance(decision, Skip):
            call.drop(decision.cause)
            return
        call.working = True
        began_ns, faces = self.now_ns, min(decision.faces, call.faces)

        def tracked() -> None:
            call.admission.spent("track", self.now_ns - began_ns, faces=faces)
            self._asked.append((call, faces, arrived_ns, self.now_ns))
            self._infer()

        find = decision.find and self.now_ns - call.found_ns >= NS_PER_S // 2
        if find:
            call.found_ns = self.now_ns
        self._work(self._costs.find * find + self._costs.track * faces, tracked)

    def _infer(self) -> None:
        """One batch at a time: whoever asked while the last one ran."""
        if self._inferring or not self._asked:
            return
        batch, self._asked, self._inferring = self._asked, [], True

        def answered() -> None:
            self._inferring = False
            for call, faces, arrived_ns, asked_ns in batch:
                call.admission.spent("infer", self.now_ns - asked_ns, faces=faces)
                call.admission.spent("total", self.now_ns - arrived_ns)
                call.working = False
                if self.now_ns >= self._counts_ns:
                    call.latency_ms.append((self.now_ns - arrived_ns) / NS_PER_MS)
                    call.scored_ns.append(self.now_ns)
                    call.scores += faces
            for call, *_ in batch:
                self._look(call)
            self._infer()

        self._work(self._costs.infer * sum(faces for _, faces, _, _ in batch), answered)


def play(calls: list[Call], *, costs: Costs, seconds: float = 12, cores: int = 2, warm_up_s: float = 2) -> None:
    """Play calls on a machine; what comes of them after the warm-up stands in them."""
    Machine(calls, cores=cores, costs=costs, warm_up_s=warm_up_s).run(seconds + warm_up_s)


def p95_ms(calls: list[Call]) -> float:
    """Return the 95th percentile of all calls' latencies, from arrival to score."""
    ordered = sorted(value for call in calls for value in call.latency_ms)
    return ordered[int(len(ordered) * 0.95)]
