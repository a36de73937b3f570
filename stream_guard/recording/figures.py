"""How good the model is, as a section of a report: what was measured, on what, and no more than that."""

from __future__ import annotations

from html import escape

from stream_guard.models.manifest import Manifest
from stream_guard.recording.document import Recording, Report

__all__ = ["model_section"]


def model_section(report: Report) -> str:
    """Return the section as HTML."""
    manifest = report.manifest
    if manifest is None:
        return (
            "<h2>How good the model is</h2><p>The file that says how good this model is was not at hand. "
            "Without it, take no score here for more than a hint.</p>"
        )
    limits = "".join(f"<li>{escape(limit)}</li>" for limit in manifest.limits)
    return "\n".join(
        [
            f"<h2>How good the model is</h2><p>{escape(manifest.summary)}.</p>",
            f"<p>{escape(_quality(report))}</p>",
            _alarms(report, manifest),
            _measured(manifest),
            _frames(manifest),
            f"<h3>What it is known not to do</h3><ul>{limits}</ul>" if limits else "",
        ]
    )


def _quality(report: Report) -> str:
    """Say how what was watched compares with what was measured."""
    assert report.manifest is not None
    rates = sorted(
        rate for recording in report.recordings for one in recording.transports for rate in one.kbps or ()
    )
    seen = f"at {rates[0]:.0f} kb/s" if rates and rates[0] == rates[-1] else ""
    if rates and not seen:
        seen = f"at {rates[0]:.0f} to {rates[-1]:.0f} kb/s"
    watched = (
        f"What is reported here came {seen}. " if seen else "The bitrate of what is reported here is not known. "
    )
    shares = [_share(one) for one in report.recordings]
    judged = ", ".join(f"{share:.0%}" for share in shares if share is not None)
    return (
        f"{watched}{f'Of the time faces were in view, {judged} could be judged. ' if judged else ''}"
        "The figures below were measured on the clips that are named, as these were stored: not for each bitrate "
        f"and picture size. Faces below {report.manifest.min_face_px} px are not judged at all. The stronger a "
        "picture is compressed, the less of a fake can be seen, and the more of these errors are to be expected."
    )


def _share(one: Recording) -> float | None:
    total = sum(face.seconds for face in one.faces)
    return sum(face.judged_s for face in one.faces) / total if total else None


def _alarms(report: Report, manifest: Manifest) -> str:
    if not manifest.alarms:
        return "<p>How many false alarms an hour this model raises was not worked out.</p>"
    used = report.settings.alarm
    rows = "".join(
        f"<tr><td>{one.per_hour:g}{' (in use)' if one == used else ''}</td>"
        f'<td class="num">{one.rise:.2f} ({one.low:.2f} to {one.high:.2f})</td><td>{escape(one.how)}</td></tr>'
        for one in manifest.alarms
    )
    return (
        "<h3>False alarms</h3><table><tr><th>an hour, for one real face</th><th>log-likelihood ratio (95 %)</th>"
        f"<th>how this is known</th></tr>{rows}</table>"
    )


def _measured(manifest: Manifest) -> str:
    if not manifest.measured:
        return "<p>How many fakes this model finds was not measured.</p>"
    rows = "".join(
        f"<tr><td>{escape(one.on)}</td><td>{escape(one.metric)}</td>"
        f'<td class="num">{one.value:.2f}{_interval(one.low, one.high)}</td></tr>'
        for one in manifest.measured
    )
    return f"<h3>Measured</h3><table><tr><th>on</th><th>figure</th><th>value (95 %)</th></tr>{rows}</table>"


def _frames(manifest: Manifest) -> str:
    """Say what one frame is worth, and how scores were calibrated."""
    calibration = manifest.calibration
    fitted = f", fitted on {calibration.fitted_on}" if calibration.fitted_on else ""
    rows = "".join(
        f'<tr><td class="num">{one.false_alarm_rate:.0%}</td><td class="num">{one.logit:.2f}</td></tr>'
        for one in manifest.thresholds
    )
    table = ""
    if rows:
        table = (
            "<table><tr><th>real faces above it, one frame at a time</th><th>log-likelihood ratio</th></tr>"
            f"{rows}</table>"
        )
    return (
        f"<h3>Calibration</h3>{table}<p class='small'>Temperature {calibration.temperature:.3f}, bias "
        f"{calibration.bias:.3f}{escape(fitted)}. No interval was worked out for these thresholds.</p>"
    )


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" ({low:.2f} to {high:.2f})"
