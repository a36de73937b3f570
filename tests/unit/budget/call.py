"""A call simulated on paper: frames at a rate, one slot, work that takes its time, a rotation over the faces."""

from dataclasses import dataclass, field

from stream_guard.budget.admission import Admission
from stream_guard.budget.plan import Plan, Skip
from stream_guard.clock import NS_PER_MS, NS_PER_S


@dataclass
class Load:
    """What work really takes, in milliseconds."""

    frame: float = 1.0
    find: float = 0.0
    face: float = 5.0
    batch: float = 0.0
    """What a batch takes whatever its size: the part that makes small batches dear."""


@dataclass
class Told:
    """What came of it."""

    plans: list[Plan] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    measured_ns: dict[int, list[int]] = field(default_factory=dict)
    latency_ns: list[int] = field(default_factory=list)
    found_ns: list[int] = field(default_factory=list)

    def longest_wait_s(self, seconds: float) -> float:
        """Return the longest time any face went without being measured, from the first second to the end."""
        end_ns = round(seconds * NS_PER_S)
        return max(
            (later - earlier) / NS_PER_S
            for times in self.measured_ns.values()
            for earlier, later in zip(times, [*times[1:], end_ns], strict=True)
            if earlier > NS_PER_S
        )


def play(
    admission: Admission, load: Load, *, faces: int, seconds: float, fps: float = 30, begin_ns: int = 0
) -> Told:
    """Play a stream through an admission: the newest frame wins, faces rotate by longest unmeasured."""
    told = Told(measured_ns={face: [] for face in range(faces)})
    now_ns, last_frame = begin_ns, -1
    while now_ns < begin_ns + seconds * NS_PER_S:
        frame = int((now_ns - begin_ns) * fps / NS_PER_S)
        if frame == last_frame:
            now_ns = begin_ns + int((frame + 1) * NS_PER_S / fps) + 1
            continue
        last_frame = frame
        arrived_ns = begin_ns + int(frame * NS_PER_S / fps)
        decision = admission.admit(arrived_ns=arrived_ns, now_ns=now_ns, faces=faces)
        if isinstance(decision, Skip):
            told.skips.append(decision)
            continue
        told.plans.append(decision)
        chosen = sorted(told.measured_ns, key=lambda face: told.measured_ns[face][-1:] or [-1])[: decision.faces]
        spent = {"convert": load.frame, "infer": load.batch + load.face * len(chosen)}
        if decision.find and load.find:
            spent["find"] = load.find
            told.found_ns.append(now_ns)
        for stage, cost_ms in spent.items():
            admission.spent(stage, round(cost_ms * NS_PER_MS), faces=len(chosen))
        now_ns += round(sum(spent.values()) * NS_PER_MS)
        told.latency_ns.append(now_ns - arrived_ns)
        for face in chosen:
            told.measured_ns[face].append(now_ns)
    return told
