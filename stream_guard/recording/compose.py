"""Puts a report together from what was collected: sessions, the model and the settings."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream_guard import __version__
from stream_guard.face import Reason
from stream_guard.models.calibration import alarm_rate
from stream_guard.models.manifest import Manifest
from stream_guard.recording.document import (
    FaceRecord,
    MomentRecord,
    Recording,
    Report,
    Series,
    Settings,
    TransportRecord,
    Verdict,
)
from stream_guard.recording.moments import Moment
from stream_guard.recording.session_record import Snapshot
from stream_guard.recording.trace import STEP_S, cues_in, reasons_in
from stream_guard.scoring.observation import State

__all__ = ["face_record", "moment_record", "recording", "report", "settings"]

_STATES = list(State)
_GAP_S = 1.5
"""Longest gap between two points that counts as in view."""

_SUSPICIOUS = 0.1
"""Share of the judged time from which on a session without an alarm is called suspicious."""


def report(
    recordings: Iterable[Recording], *, model: str, model_sha256: str, manifest: Manifest | None, settings: Settings
) -> Report:
    """Return the report on recordings.

    Args:
        recordings: at least one.
        model: its name and version.
        model_sha256: of its ONNX file.
        manifest: of the model, where it is at hand.
        settings: that the scores were made with.
    """
    return Report(
        made=datetime.now(UTC).isoformat(timespec="milliseconds"),
        program=f"stream-guard {__version__}",
        model=model,
        model_sha256=model_sha256,
        manifest=manifest,
        settings=settings,
        recordings=tuple(recordings),
    )


def settings(manifest: Manifest | None, *, false_alarms_per_hour: float | None, **others: Any) -> Settings:
    """Return the settings, with the alarm threshold the model gives for that rate where it gives one."""
    alarm = None
    if manifest is not None and manifest.alarms and false_alarms_per_hour is not None:
        alarm = alarm_rate(manifest, false_alarms_per_hour)
    return Settings(false_alarms_per_hour=false_alarms_per_hour, alarm=alarm, **others)


def recording(
    snapshot: Snapshot,
    *,
    verdict: Verdict | None = None,
    sha256: str | None = None,
    size: int | None = None,
    broken: str | None = None,
) -> Recording:
    """Return one session as a report holds it.

    Args:
        snapshot: of the session.
        verdict: where all evidence was pooled, as for files; else it is told from what was said over time.
        sha256: of the file, hexadecimal.
        size: of the file in bytes.
        broken: why it could not be read to its end.
    """
    faces = tuple(face_record(face, points) for face, points in snapshot.points.items())
    return Recording(
        label=_whole(snapshot.info.label),
        kind=snapshot.info.kind,
        live=snapshot.info.live,
        began=_iso(snapshot.began),
        length_s=round(snapshot.length_s, 3),
        sha256=sha256,
        bytes=size,
        broken=None if broken is None else _whole(broken),
        verdict=verdict or _verdict(snapshot, faces),
        received=snapshot.received,
        dropped=snapshot.dropped,
        jitter_ms=None if snapshot.jitter_ms is None else round(snapshot.jitter_ms, 1),
        engines=snapshot.engines,
        transports=tuple(
            TransportRecord(t=round(one.t, 3), transport=one.transport, kbps=one.kbps)
            for one in snapshot.transports
        ),
        faces=faces,
        events=snapshot.events,
        # Numbered anew: where a lower score took another's place, a gap would look like something left out.
        moments=tuple(moment_record(one).model_copy(update={"n": n}) for n, one in enumerate(snapshot.moments, 1)),
        moments_kept=snapshot.moments_kept,
    )


def face_record(face: int, points: NDArray[Any]) -> FaceRecord:
    """Return one face as a report holds it.

    Args:
        face: its id.
        points: dtype `stream_guard.recording.trace.POINT`, oldest first.
    """
    gaps = np.diff(points["t"])
    step_s = float(gaps.min()) if len(gaps) else STEP_S
    lasts = np.minimum(np.append(gaps, step_s), max(_GAP_S, step_s))
    judged = ~np.isnan(points["authenticity"])
    lowest = int(np.nanargmin(points["authenticity"])) if judged.any() else None
    return FaceRecord(
        id=face,
        seconds=round(float(lasts.sum()), 1),
        judged_s=round(float(lasts[judged].sum()), 1),
        unjudged=_unjudged(points, lasts, judged),
        lowest=None if lowest is None else _fraction(points["authenticity"][lowest]),
        lowest_t=None if lowest is None else round(float(points["t"][lowest]), 2),
        series=_series(points, step_s),
    )


def moment_record(moment: Moment, *, pictures: bool = True) -> MomentRecord:
    """Return one moment as a report holds it, with its pictures or without."""
    patches = moment.patches
    return MomentRecord(
        n=moment.n,
        kind=moment.kind,
        face=moment.face,
        t=round(moment.t, 3),
        at=_iso(moment.at),
        frame=moment.frame,
        note=_whole(moment.note),
        score=moment.score,
        transport=moment.transport,
        engine=moment.engine,
        face_px=moment.face_px,
        pose=None if moment.pose is None else tuple(round(one, 1) for one in moment.pose),
        patches=None if patches is None else tuple(tuple(round(float(x), 3) for x in row) for row in patches),
        crop=_base64(moment.crop) if pictures else None,
        wide=_base64(moment.wide) if pictures else None,
    )


def _verdict(snapshot: Snapshot, faces: tuple[FaceRecord, ...]) -> Verdict:
    """Say in a line what was said over time; no score, for none was worked out of all of it."""
    judged = sum(face.judged_s for face in faces)
    suspicious = sum(
        float(np.sum(points["state"] == _STATES.index(State.SUSPICIOUS))) * face.series.step_s
        for face, points in zip(faces, snapshot.points.values(), strict=True)
    )
    if snapshot.alarmed:
        state = State.SYNTHETIC
    elif judged == 0:
        state = State.CANNOT_JUDGE
    else:
        state = State.SUSPICIOUS if suspicious > _SUSPICIOUS * judged else State.AUTHENTIC
    return Verdict(state=state, frames=snapshot.scored, scored=_judged_frames(snapshot), faces=snapshot.faces_seen)


def _judged_frames(snapshot: Snapshot) -> int:
    """Return about how many frames had a judged face: as many as the face that was judged most often."""
    return max((int(points["scored"].sum()) for points in snapshot.points.values()), default=0)


def _unjudged(points: NDArray[Any], lasts: NDArray[Any], judged: NDArray[Any]) -> dict[Reason, float]:
    found: dict[Reason, float] = {}
    for bits, length_s in zip(points["reasons"][~judged], lasts[~judged], strict=True):
        for reason in reasons_in(int(bits)):
            found[reason] = found.get(reason, 0.0) + float(length_s)
    return {reason: round(length_s, 1) for reason, length_s in found.items()}


def _series(points: NDArray[Any], step_s: float) -> Series:
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = points["frame_sum"] / points["scored"]
    return Series(
        step_s=round(step_s, 3),
        t=tuple(round(float(t), 2) for t in points["t"]),
        authenticity=_column(points["authenticity"]),
        low=_column(points["low"]),
        high=_column(points["high"]),
        frame_mean=_column(mean),
        frame_lowest=_column(points["frame_low"]),
        coverage=tuple(round(float(one), 3) for one in points["coverage"]),
        frames=tuple(int(one) for one in points["frames"]),
        scored=tuple(int(one) for one in points["scored"]),
        state=tuple(_STATES[one] for one in points["state"]),
        reasons=tuple(reasons_in(int(one)) for one in points["reasons"]),
        cues=tuple(cues_in(int(one)) for one in points["cues"]),
    )


def _column(values: NDArray[Any]) -> tuple[float | None, ...]:
    return tuple(_fraction(value) for value in values)


def _fraction(value: float) -> float | None:
    number = float(value)
    return None if math.isnan(number) else round(min(max(number, 0.0), 1.0), 3)


def _whole(text: str) -> str:
    """Return text that any encoding takes: a file's name may hold half a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


def _base64(data: bytes) -> str | None:
    return base64.b64encode(data).decode() if data else None


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds")
