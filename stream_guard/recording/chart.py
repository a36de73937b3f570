"""A face's time line as inline SVG: no script, no style of its own, and readable without colours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stream_guard.recording.document import MomentRecord, Series
from stream_guard.scoring.observation import State

__all__ = ["COLOURS", "chart"]

# Okabe and Ito's palette, which colour-blind people can tell apart. The word always stands beside it.
COLOURS = {
    State.AUTHENTIC: "#009e73",
    State.SUSPICIOUS: "#e69f00",
    State.SYNTHETIC: "#d55e00",
    State.CANNOT_JUDGE: "#999999",
    State.STALE: "#999999",
}

_HEIGHTS = {State.SYNTHETIC: 1.0, State.SUSPICIOUS: 0.66, State.AUTHENTIC: 0.34}
"""Of the strip: the more urgent, the higher."""

_WIDTH, _HEIGHT = 940, 168
_LEFT, _RIGHT, _TOP, _PLOT = 34, 8, 16, 100
_STRIP = 10
_STRIP_TOP = _TOP + _PLOT + 6
_GAP_STEPS = 4
_COLUMNS = 900
_TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800)


def chart(series: Series, *, end_s: float, moments: Sequence[MomentRecord] = (), label: str = "") -> str:
    """Return an ``<svg>`` element.

    Args:
        series: the face over time.
        end_s: of the time line, in seconds; it begins at 0.
        moments: numbers above the plot mark when they were.
        label: for people who cannot see it; escaped by the caller.
    """
    end_s = max(end_s, series.t[-1] + series.step_s if series.t else 0.0, 1.0)
    scale = (_WIDTH - _LEFT - _RIGHT) / end_s
    points = list(_thinned(series))
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-label="{label}" font-family="sans-serif" font-size="11">',
        *_grid(end_s, scale),
        *_bands(points, scale),
        *_lines(points, scale),
        *_strip(points, scale),
        *_marks(moments, scale),
        "</svg>",
    ]
    return "".join(parts)


class _Point:
    """What is drawn of one point, or of several that fall on the same column."""

    __slots__ = ("high", "length", "low", "score", "state", "t")

    def __init__(self, series: Series, places: Sequence[int]) -> None:
        last = places[-1]
        # Of several the least authentic is drawn: a dip must not vanish because the line is long.
        worst = min(places, key=lambda place: _or_two(series.authenticity[place]))
        self.t = series.t[places[0]]
        self.length = series.t[last] + series.step_s - self.t
        self.score, self.low, self.high = series.authenticity[worst], series.low[worst], series.high[worst]
        self.state = max((series.state[place] for place in places), key=lambda one: _HEIGHTS.get(one, 0.0))


def _or_two(value: float | None) -> float:
    return 2.0 if value is None else value


def _thinned(series: Series) -> Iterator[_Point]:
    step = max(1, -(-len(series.t) // _COLUMNS))
    for first in range(0, len(series.t), step):
        yield _Point(series, range(first, min(first + step, len(series.t))))


def _grid(end_s: float, scale: float) -> Iterator[str]:
    for value in (0.0, 0.5, 1.0):
        y = _y(value)
        yield f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#ccc"/>'
        yield f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{value:g}</text>'
    gap = next((tick for tick in _TICKS_S if end_s / tick <= 10), _TICKS_S[-1])
    for number in range(int(end_s // gap) + 1):
        x = _LEFT + number * gap * scale
        yield f'<path d="M{x:.1f} {_STRIP_TOP + _STRIP}v4" stroke="#777"/>'
        anchor = "start" if number == 0 else "middle"
        if x < _WIDTH - 30:
            yield (
                f'<text x="{x:.1f}" y="{_STRIP_TOP + _STRIP + 16}" text-anchor="{anchor}" fill="#555">'
                f"{_clock(number * gap)}</text>"
            )


def _bands(points: Sequence[_Point], scale: float) -> Iterator[str]:
    for run in _runs(points):
        above = [f"{_LEFT + one.t * scale:.1f} {_y(_known(one.high, one.score)):.1f}" for one in run]
        below = [f"{_LEFT + one.t * scale:.1f} {_y(_known(one.low, one.score)):.1f}" for one in reversed(run)]
        yield f'<path d="M{"L".join([*above, *below])}Z" fill="#56b4e9" fill-opacity="0.35"/>'


def _lines(points: Sequence[_Point], scale: float) -> Iterator[str]:
    for run in _runs(points):
        way = [f"{_LEFT + one.t * scale:.1f} {_y(_known(one.score, 0.0)):.1f}" for one in run]
        if len(way) == 1:
            way.append(f"{_LEFT + (run[0].t + run[0].length) * scale:.1f} {_y(_known(run[0].score, 0.0)):.1f}")
        yield f'<path d="M{"L".join(way)}" fill="none" stroke="#1a1a1a" stroke-width="1.4"/>'


def _strip(points: Sequence[_Point], scale: float) -> Iterator[str]:
    """Yield the states, neighbours of one state as one rectangle."""
    place = 0
    while place < len(points):
        last = place
        while (
            last + 1 < len(points)
            and points[last + 1].state is points[place].state
            and points[last + 1].t - points[last].t <= _GAP_STEPS * points[last].length
        ):
            last += 1
        state, began = points[place].state, points[place].t
        height = max(_STRIP * _HEIGHTS.get(state, 0.0), 2)
        width = max((points[last].t + points[last].length - began) * scale, 1)
        yield (
            f'<rect x="{_LEFT + began * scale:.1f}" y="{_STRIP_TOP + _STRIP - height:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" fill="{COLOURS[state]}"/>'
        )
        place = last + 1


def _marks(moments: Sequence[MomentRecord], scale: float) -> Iterator[str]:
    """Yield the moments' numbers; where two would overlap only the line of the second is drawn."""
    free = 0.0
    for moment in sorted(moments, key=lambda one: one.t):
        x = _LEFT + moment.t * scale
        yield f'<path d="M{x:.1f} {_TOP}V{_TOP + _PLOT}" stroke="#555" stroke-dasharray="3 3"/>'
        if x >= free:
            yield f'<text x="{x:.1f}" y="{_TOP - 5}" text-anchor="middle" fill="#333">{moment.n}</text>'
            free = x + 16


def _runs(points: Sequence[_Point]) -> Iterator[list[_Point]]:
    """Yield stretches with a score, unbroken: a gap stays a gap."""
    run: list[_Point] = []
    for point in points:
        broken = run and point.t - run[-1].t > _GAP_STEPS * run[-1].length
        if run and (broken or point.score is None):
            yield run
            run = []
        if point.score is not None:
            run.append(point)
    if run:
        yield run


def _known(value: float | None, otherwise: float | None) -> float:
    return value if value is not None else otherwise if otherwise is not None else 0.0


def _y(value: float) -> float:
    return _TOP + _PLOT * (1 - value)


def _clock(second: int) -> str:
    if second < 60:
        return f"{second} s"
    if second < 3600:
        return f"{second // 60}:{second % 60:02d}"
    return f"{second // 3600}:{second // 60 % 60:02d}:{second % 60:02d}"
