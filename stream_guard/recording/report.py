"""A report as one HTML page: it needs no network, no server and no script, and prints well."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from hashlib import sha256
from html import escape

from stream_guard.recording.chart import COLOURS, chart
from stream_guard.recording.document import FaceRecord, Recording, Report
from stream_guard.recording.figures import model_section
from stream_guard.recording.moment_figures import moments_section
from stream_guard.recording.words import (
    EVENT_WORDS,
    KIND_WORDS,
    REASON_WORDS,
    STATE_WORDS,
    span,
)
from stream_guard.scoring.observation import EventKind, State

__all__ = ["CONTENT_POLICY", "render"]

_MOST_FACES = 12
_MOST_EVENTS = 200
_LITTLE = 0.5

_TELLING = {
    EventKind.ALARM_RAISED,
    EventKind.ALARM_CLEARED,
    EventKind.SCENE_CUT,
    EventKind.STALE,
    EventKind.RESUMED,
}

_STYLE = """
body{font:15px/1.5 system-ui,"DejaVu Sans",sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
body{color:#1a1a1a;background:#fff}
h1{font-size:1.5rem;margin:0}h2{font-size:1.2rem;margin:2.5rem 0 .5rem;overflow-wrap:anywhere}
h3{font-size:1rem;margin:1.4rem 0 .3rem}
.verdict{font-weight:600;border-left:.4rem solid #999;padding-left:.6rem;font-size:1.1rem}
.authentic{border-color:#009e73}.suspicious{border-color:#e69f00}.synthetic{border-color:#d55e00}
.caution{border:1px solid #999;border-radius:.4rem;padding:.2rem 1rem;margin:1rem 0}.caution ul{padding-left:1.1rem}
svg{max-width:100%;height:auto;display:block}
table{border-collapse:collapse}td,th{text-align:left;padding:.15rem .9rem .15rem 0;vertical-align:top}
th{font-weight:600}.facts th{font-weight:400;color:#555;white-space:nowrap}.facts td{overflow-wrap:anywhere}
.num{font-variant-numeric:tabular-nums;white-space:nowrap}
.small{color:#555;font-size:.88rem}.hash{font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:.8rem}
.moments{display:grid;grid-template-columns:repeat(auto-fill,minmax(29rem,1fr));gap:.8rem}
.moment{border:1px solid #ccc;border-radius:.4rem;padding:.6rem;margin:0;break-inside:avoid}
.moment figcaption{font-size:.85rem}.moment b{font-size:.95rem}
.pictures{display:flex;gap:.4rem;margin:.4rem 0}
.pictures img{width:9rem;height:9rem;object-fit:contain;background:#eee;border-radius:.2rem}
.legend span{margin-right:1.1rem;white-space:nowrap}
.legend svg{display:inline;vertical-align:-2px;margin-right:.3rem}
@page{margin:14mm}
@media print{html{font-size:11px}body{margin:0;max-width:none;font-size:11px}h2,h3{break-after:avoid}
.face,tr,.caution{break-inside:avoid}
.moments{grid-template-columns:1fr 1fr}.pictures img{width:7.4rem;height:7.4rem}
.session+.session{break-before:page}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
@media (max-width:34rem){.moments{grid-template-columns:1fr}.pictures{flex-wrap:wrap}}
"""

_STYLE_HASH = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()

CONTENT_POLICY = (
    f"default-src 'none'; img-src data:; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"
)
"""The page's own Content-Security-Policy: nothing is loaded, nothing runs, no style but its own."""


def render(report: Report) -> str:
    """Return the report as HTML."""
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta name="referrer" content="no-referrer">\n<title>{_title(report)}</title>',
        f"<style>{_STYLE}</style>\n</head>\n<body>",
        f"<h1>stream-guard report</h1>\n{_about(report)}",
        _caution(report.caution),
    ]
    parts += [_recording(one, number) for number, one in enumerate(report.recordings, 1)]
    parts += [model_section(report), _checking(), "</body>\n</html>"]
    return "\n".join(parts) + "\n"


def _title(report: Report) -> str:
    names = ", ".join(one.label for one in report.recordings)
    return escape(f"stream-guard report: {names[:120]}")


def _about(report: Report) -> str:
    settings = report.settings
    status = f" ({report.manifest.status})" if report.manifest else ""
    where = f" on {settings.device}" if settings.device else ""
    rows = [
        ("made", f"{report.made[:19].replace('T', ' ')} UTC, by {report.program}"),
        ("model", f"{report.model}{status}"),
        (
            "engine",
            f"{settings.engine}{where}"
            + (f", {settings.precision}" if settings.precision not in ("", "auto") else ""),
        ),
        ("settings", ", ".join(_settings(report))),
    ]
    digest = (
        f'<tr><th>model, SHA-256</th><td class="hash" data-model-sha256="{escape(report.model_sha256)}">'
        f"{escape(report.model_sha256)}</td></tr>"
    )
    return f'<table class="facts">{_facts(rows)}{digest}</table>'


def _settings(report: Report) -> Iterable[str]:
    settings = report.settings
    if settings.false_alarms_per_hour is not None:
        yield f"false alarms asked for: {settings.false_alarms_per_hour:g} an hour of call and face"
    yield "every frame looked at" if settings.every == 1 else f"one frame in {settings.every} looked at"
    if settings.max_faces is not None:
        yield f"up to {settings.max_faces} faces"
    if settings.budget_ms is not None:
        yield f"latency budget of a live frame {settings.budget_ms:g} ms"


def _caution(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div class="caution"><h3>What this says, and what not</h3><ul>{items}</ul></div>'


def _recording(one: Recording, number: int) -> str:
    verdict = one.verdict
    value = "" if verdict.authenticity is None else f", authenticity {verdict.authenticity:.2f}"
    said = STATE_WORDS[verdict.state].capitalize()
    if one.live and verdict.state is State.AUTHENTIC:
        said = "Looked authentic while it could be judged; no alarm"
    elif verdict.state is State.SYNTHETIC:
        said = "Likely synthetic: an alarm was raised" if one.live else "Likely synthetic"
    known = {State.AUTHENTIC, State.SUSPICIOUS, State.SYNTHETIC}
    shade = verdict.state.value if verdict.state in known else ""
    shown = sorted(one.faces, key=lambda face: -face.seconds)[:_MOST_FACES]
    parts = [
        f'<section class="session">\n<h2>{escape(one.label)}</h2>',
        f'<p class="verdict {shade}">{said}{value}</p>',
        _about_recording(one),
    ]
    if shown:
        parts.append(_legend())
        if len(one.faces) > len(shown):
            parts.append(f'<p class="small">The {len(shown)} faces seen longest are shown.</p>')
        parts += [_face(face, one, number) for face in shown]
    else:
        parts.append("<p>No face was found.</p>")
    return "\n".join([*parts, moments_section(one), _transports(one), _events(one), "</section>"])


def _about_recording(one: Recording) -> str:
    counts = [f"{one.verdict.frames} frames looked at", f"{one.verdict.scored} with a judged face"]
    counts += [f"{count} {cause.value}" for cause, count in one.dropped.items() if count]
    kind = KIND_WORDS.get(one.kind, f"a live {one.kind} stream" if one.live else one.kind)
    rows = [("what", kind + ("" if one.source == "frames" else ", read from its journal"))]
    if one.began is not None:
        rows.append(("began", f"{one.began[:19].replace('T', ' ')} UTC"))
    rows += [("length", span(one.length_s)), ("frames", ", ".join(counts)), ("faces", str(one.verdict.faces))]
    if len(one.engines) > 1:
        rows.append(("engines", ", then ".join(one.engines)))
    if one.broken is not None:
        rows.append(("incomplete" if one.source == "journal" else "broke off", one.broken))
    digest = ""
    if one.sha256 is not None:
        digest = (
            f'<tr><th>file, SHA-256</th><td class="hash" data-input-sha256="{escape(one.sha256)}">'
            f"{escape(one.sha256)} ({one.bytes} bytes)</td></tr>"
        )
    return f'<table class="facts">{_facts(rows)}{digest}</table>'


def _legend() -> str:
    states = (State.AUTHENTIC, State.SUSPICIOUS, State.SYNTHETIC, State.CANNOT_JUDGE)
    marks = "".join(
        f'<span><svg width="12" height="12"><rect width="12" height="12" fill="{COLOURS[state]}"/></svg>'
        f"{STATE_WORDS[state]}</span>"
        for state in states
    )
    return (
        f'<p class="small legend">Line: authenticity, smoothed; band: its 95 % interval; gaps: not judged; '
        f"numbers: the moments below. Strip: {marks}</p>"
    )


def _face(face: FaceRecord, one: Recording, number: int) -> str:
    shares = f"in view {span(face.seconds)}, judged {span(face.judged_s)}"
    if face.unjudged:
        reasons = sorted(face.unjudged.items(), key=lambda item: -item[1])
        shares += "; not judged: " + ", ".join(f"{REASON_WORDS[why]} {span(for_s)}" for why, for_s in reasons)
    if face.lowest is not None and face.lowest_t is not None:
        shares += f"; lowest {face.lowest:.2f} at {span(face.lowest_t)}"
    little = ""
    if face.judged_s < _LITTLE * face.seconds:
        little = (
            "<p><b>Most of the time this face could not be judged.</b> What is said of it rests on the rest.</p>"
        )
    moments = [moment for moment in one.moments if moment.face == face.id]
    label = escape(f"Recording {number}, face {face.id}: authenticity over {span(one.length_s)}")
    drawn = chart(face.series, end_s=one.length_s, moments=moments, label=label)
    return f'<div class="face"><h3>Face {face.id}</h3>{drawn}<p class="small">{escape(shares)}</p>{little}</div>'


def _transports(one: Recording) -> str:
    rows = []
    for entry in one.transports:
        way = entry.transport
        cells = (
            span(entry.t),
            way.codec or "not known",
            f"{way.width}x{way.height}" if way.width else "not known",
            f"{way.fps:.0f}" if way.fps else "not known",
            _rates(entry.kbps),
            str(way.lost) if way.lost is not None else "not known",
        )
        rows.append("<tr>" + "".join(f'<td class="num">{escape(cell)}</td>' for cell in cells) + "</tr>")
    if not rows:
        return ""
    head = "".join(
        f"<th>{name}</th>" for name in ("from", "codec", "picture", "frames/s", "bitrate", "packets lost")
    )
    jitter = f"<p class='small'>Frames arrived unevenly by {one.jitter_ms:.0f} ms.</p>" if one.jitter_ms else ""
    return f"<h3>How the picture got here</h3><table><tr>{head}</tr>{''.join(rows)}</table>{jitter}"


def _rates(kbps: tuple[float, float] | None) -> str:
    if kbps is None:
        return "not known"
    low, high = (f"{rate:.0f}" for rate in kbps)
    return f"{low} kb/s" if low == high else f"{low} to {high} kb/s"


def _events(one: Recording) -> str:
    told = [event for event in one.events if event.kind in _TELLING]
    if not told:
        return ""
    rows = "".join(
        f'<tr><td class="num">{span(event.t)}</td><td>{EVENT_WORDS[event.kind]}</td>'
        f"<td>{'' if event.face is None else f'face {event.face}'}</td></tr>"
        for event in told[-_MOST_EVENTS:]
    )
    more = f'<p class="small">The last {_MOST_EVENTS} of {len(told)}.</p>' if len(told) > _MOST_EVENTS else ""
    return f"<h3>What happened</h3><table>{rows}</table>{more}"


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<tr><th>{name}</th><td>{escape(text)}</td></tr>" for name, text in rows)


def _checking() -> str:
    return (
        "<h2>Checking this report</h2><p>If it was signed, a file of the same name and <code>.minisig</code> lies "
        "beside it. <code>stream-guard verify REPORT --key PUBLIC-KEY --input FILE</code> says whether report and "
        "file are unchanged; so does <code>minisign -Vm REPORT -p PUBLIC-KEY</code>, for the report. A signature "
        "says that the holder of the key had these very bytes, not that what they say is right.</p>"
    )
