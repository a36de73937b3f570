"""The moments of a report as HTML: the face in three pictures, and what was said of it then."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape

import numpy as np

from stream_guard.recording.document import MomentRecord, Recording
from stream_guard.recording.words import CUE_WORDS, MOMENT_WORDS, REASON_WORDS, STATE_WORDS, span

__all__ = ["moments_section"]


def moments_section(one: Recording) -> str:
    """Return the section as HTML."""
    if not one.moments:
        why = "No moment was kept." if one.moments_kept else "Moments were not kept: that was turned off."
        return f"<h3>Moments</h3><p>{why}</p>"
    figures = "".join(_moment(moment, live=one.live) for moment in one.moments)
    about = ""
    if any(moment.patches and moment.crop for moment in one.moments):
        about = (
            '<p class="small">First picture: with its surroundings; second: as the model saw it; third: which '
            "regions lean to synthetic (orange) or authentic (blue). One region, and one frame, prove nothing.</p>"
        )
    return f'<h3>Moments</h3>{about}<div class="moments">{figures}</div>'


def _moment(moment: MomentRecord, *, live: bool) -> str:
    who = "" if moment.face is None else f", face {moment.face}"
    when = f"{span(moment.t)}"
    if live and moment.at:
        when += f" ({moment.at[11:19]} UTC)"
    note = f"<br>{escape(moment.note)}" if moment.note else ""
    lines = "<br>".join(escape(line) for line in _moment_lines(moment))
    head = f"<b>{moment.n}. {MOMENT_WORDS[moment.kind]}{who}</b> at {when}{note}"
    return f'<figure class="moment">{head}{_pictures(moment)}<figcaption>{lines}</figcaption></figure>'


def _pictures(moment: MomentRecord) -> str:
    pictures = []
    if moment.wide:
        pictures.append((moment.wide, "with its surroundings"))
    if moment.crop:
        pictures.append((moment.crop, "as the model saw it"))
    if moment.crop and moment.patches:
        from stream_guard.recording.picture import patch_overlay  # brings OpenCV

        laid = patch_overlay(base64.b64decode(moment.crop), np.asarray(moment.patches, np.float32), lossless=False)
        pictures.append((base64.b64encode(laid).decode(), "which regions lean to synthetic"))
    if not pictures:
        return '<p class="small">No picture of this moment.</p>'
    drawn = "".join(
        f'<img src="data:image/jpeg;base64,{data}" alt="Moment {moment.n}: the face, {what}">'
        for data, what in pictures
    )
    return f'<div class="pictures">{drawn}</div>'


def _moment_lines(moment: MomentRecord) -> Iterable[str]:
    score = moment.score
    if score is None:
        yield "the face was not in the picture"
    else:
        yield f"{STATE_WORDS[score.state]}; {_score(score.authenticity, score.interval)}"
        if score.frame_score is not None:
            yield f"this frame alone: {score.frame_score:.2f}; judged {score.coverage:.0%} of the last seconds"
        for driver in score.drivers:
            yield f"{CUE_WORDS.get(driver.cue, driver.cue.value)}, since {span(driver.since)}"
        if score.relative is not None:
            yield f"against the face known to be real: {score.relative:+.2f} (log-likelihood ratio)"
        if score.reasons:
            yield "not judged: " + ", ".join(REASON_WORDS[reason] for reason in score.reasons)
    size = [] if moment.face_px is None else [f"face {moment.face_px} px"]
    if moment.pose is not None:
        size.append(f"turned {round(moment.pose[0])}°, nodding {round(moment.pose[1])}°")
    yield ", ".join([*size, *_way(moment), moment.engine])


def _way(moment: MomentRecord) -> Iterable[str]:
    transport = moment.transport
    yield (
        " ".join(
            filter(None, (transport.codec, f"{transport.width}x{transport.height}" if transport.width else ""))
        )
        or "transport not known"
    )
    if transport.kbps is not None:
        yield f"{transport.kbps:.0f} kb/s"


def _score(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "no score: too little evidence"
    return f"authenticity {value:.2f}" + (f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else "")
