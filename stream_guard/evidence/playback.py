"""Does the picture stand still, or show again what it showed before? No camera does either.

A frozen picture is one look, however often it is sent; a loop is the oldest way to sit in a call without being
there. Both are facts about the picture, not about a face. They are looked for in small grey copies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream_guard.clock import NS_PER_MS, NS_PER_S, seconds
from stream_guard.errors import ConfigError
from stream_guard.face import Box

__all__ = ["Playback", "PlaybackSettings", "Playing"]

_CELL = 8
"""Side of the cells that must stand still, in pixels of the small copy."""

_ROWS, _COLUMNS = 9, 16
"""Of the thumbnail that is remembered."""

_SWING = 0.85
"""What correlates with its past by minus this swings to and fro, and comes back by itself: a nod, a rocking chair,
the beat of mains light in a camera. Drawn loops of a person came to -0.74 at most."""

_INSIDE = 0.09
"""Squared distance from a face's middle, over its size, of what is the face itself: the corners of its box are
background."""


@dataclass(frozen=True, slots=True)
class PlaybackSettings:
    """What counts as frozen and as repeated. `docs/evidence.md` has the measurements.

    Attributes:
        least_face: height of a face, as a share of the picture's, below which its movement is lost in the cells.
        still: mean difference of a cell, in grey levels, from what it was half a second to a second before: in a
            frozen picture no cell differs by more.
        frozen_s: for so long.
        gap_s: a longer one between two pictures, and everything begins anew.
        every_ns: one thumbnail is remembered in such a time,
        remembered_s: for so long,
        window_s: and this much of the newest is compared with all that came before.
        alike: least correlation of what moves in two windows.
        face_alike: the same at a face, where it must hold as far back in time: a background may well be a loop.
        moving: variance over time, in squared grey levels, that a window must have: who sits still repeats nothing.
        sure_s: the same distance in time must have been found for so long.
    """

    least_face: float = 0.25
    still: float = 1.5
    frozen_s: float = 3.0
    gap_s: float = 0.5
    every_ns: int = 100 * NS_PER_MS
    remembered_s: float = 120.0
    window_s: float = 4.0
    alike: float = 0.8
    face_alike: float = 0.85
    moving: float = 1.0
    sure_s: float = 4.0

    def __post_init__(self) -> None:
        if not (0 < self.alike < 1 and 0 < self.face_alike < 1):
            raise ConfigError("evidence: a repeated picture needs correlations between 0 and 1")
        if not (0 < self.window_s <= self.remembered_s / 2 and self.every_ns > 0):
            raise ConfigError("evidence: a repeated picture needs a window that is remembered twice")


@dataclass(frozen=True, slots=True)
class Playing:
    """Which faces are not live, by their ids.

    Attributes:
        frozen: the picture stands still, and they with it.
        repeated: the picture shows again what it showed before, and they move as they did then:
        since_ns: since then on the session's time line,
        back_ns: and that was so long before. Both are 0 where nothing repeats itself.
    """

    frozen: frozenset[int] = frozenset()
    repeated: frozenset[int] = frozenset()
    since_ns: int = 0
    back_ns: int = 0


_AS_USUAL = Playing()


class Playback:
    """Looks for a picture that stands still or repeats itself. Keeps 1.5 MB, whatever the picture's size.

    A window of the newest thumbnails, each less their mean, is correlated with every earlier window: what stands
    still counts for nothing, only how things move. A person who makes the same gesture twice does not make it
    with the same timing; a loop does, after any codec.
    """

    def __init__(self, settings: PlaybackSettings | None = None) -> None:
        self._settings = settings or PlaybackSettings()
        self._window = round(self._settings.window_s * NS_PER_S / self._settings.every_ns)
        self._most = round(self._settings.remembered_s * NS_PER_S / self._settings.every_ns)
        self._seen = np.zeros((2 * self._most, _ROWS, _COLUMNS), np.float32)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._count = 0
        self._next_ns = 0
        self._last_ns: int | None = None
        self._compared = 0
        self._back: int | None = None
        self._back_since = 0
        self._faces: frozenset[int] = frozenset()
        self._before: tuple[int, NDArray[np.float32]] | None = None
        self._newer: tuple[int, NDArray[np.float32]] | None = None
        self._still_since_ns: int | None = None

    def add(self, at_ns: int, picture: NDArray[np.float32], faces: Mapping[int, Box]) -> Playing:
        """Take the next picture.

        Args:
            at_ns: its place on the time line; not before the last one's.
            picture: float32, shape (144, 256): a small grey copy, in grey levels.
            faces: where they are, by their ids, as fractions of the picture.

        Returns:
            How the picture stands.
        """
        if self._last_ns is not None and seconds(at_ns - self._last_ns) > self._settings.gap_s:
            self.clear()  # what was missed may have been anything
        self._last_ns = at_ns
        self._watch_standstill(at_ns, picture)
        if at_ns >= self._next_ns:
            # Ticks stay on their grid, so that frames that come late do not stretch time.
            step = self._settings.every_ns
            missed = (at_ns - self._next_ns) // step if self._count else 0
            self._next_ns = (self._next_ns if self._count else at_ns) + (missed + 1) * step
            thumbnail = picture.reshape(_ROWS, picture.shape[0] // _ROWS, _COLUMNS, -1).mean(axis=(1, 3))
            for _ in range(missed + 1):
                self._remember(thumbnail)
            if self._count - self._compared >= self._window // 8:
                self._compared = self._count
                self._compare(faces)
        return self._playing(at_ns, faces)

    def _watch_standstill(self, at_ns: int, picture: NDArray[np.float32]) -> None:
        """Compare with a picture of half a second to a second ago."""
        if self._newer is None or at_ns - self._newer[0] >= NS_PER_S // 2:
            self._before, self._newer = self._newer, (at_ns, picture)
        if self._before is None:
            return
        rows, columns = (side // _CELL for side in picture.shape)
        apart = np.abs(picture - self._before[1]).reshape(rows, _CELL, columns, _CELL).mean(axis=(1, 3))
        if float(apart.max()) > self._settings.still:
            self._still_since_ns = None
        elif self._still_since_ns is None:
            self._still_since_ns = self._before[0]

    def _remember(self, thumbnail: NDArray[np.float32]) -> None:
        if self._count == len(self._seen):  # half of it is old enough to go
            self._seen[: self._most] = self._seen[self._most :]
            self._count -= self._most
            self._back_since -= self._most
            self._compared -= self._most
        self._seen[self._count] = thumbnail
        self._count += 1

    def _compare(self, faces: Mapping[int, Box]) -> None:
        """Look for the newest window among all that came before it, and whether faces were part of that."""
        back = self._distance()
        if back is None or self._back is None or abs(back - self._back) > 1:
            self._back_since = self._count
        self._back = back
        self._faces = (
            frozenset(one for one, box in faces.items() if self._moves_as_then(box, back)) if back else frozenset()
        )

    def _distance(self) -> int | None:
        """Return how many thumbnails ago the newest window was seen before; None where it was not."""
        window = self._window
        first = max(0, self._count - self._most)
        seen = self._seen[first : self._count].reshape(-1, _ROWS * _COLUMNS)
        starts = len(seen) - 2 * window + 1
        if starts < 1:
            return None
        newest = seen[-window:]
        middle = newest.mean(axis=0)
        newest = newest - middle
        energy = float((newest * newest).mean())
        if energy < self._settings.moving:
            return None
        past = (seen[:-window] - middle).astype(np.float64)
        products = past @ newest.T.astype(np.float64)
        # products[i + k, k], summed over k: how a window that begins at i goes with the newest.
        shared = sum(products[k : k + starts, k] for k in range(window)) / newest.size
        sums = np.vstack([np.zeros(past.shape[1]), past.cumsum(axis=0)])
        squares = np.concatenate([[0.0], (past * past).sum(axis=1).cumsum()])
        means = (sums[window:] - sums[:-window]) / window
        energies = (squares[window:] - squares[:-window]) / newest.size - (means * means).mean(axis=1)
        moving = energies >= self._settings.moving
        correlation = np.where(moving, shared / np.sqrt(np.maximum(energies, 1e-6) * energy), 0.0)
        if correlation.min() <= -_SWING:
            return None
        best = int(correlation.argmax())
        if self._back is not None:
            # The third time round was seen twice: what was found stays found, as long as it holds.
            as_before = max(0, len(seen) - window - self._back - 1)
            near = correlation[as_before : as_before + 3]
            if near.size and near.max() >= self._settings.alike:
                best = as_before + int(near.argmax())
        return len(seen) - window - best if correlation[best] >= self._settings.alike else None

    def _moves_as_then(self, box: Box, back: int) -> bool:
        """Return whether what moves at a face moved there so many thumbnails ago, too."""
        x = (np.arange(_COLUMNS) + 0.5) / _COLUMNS - box.centre[0]
        y = (np.arange(_ROWS) + 0.5) / _ROWS - box.centre[1]
        # Whole cells inside the face: behind it, a background may be a loop and move more than it does.
        across = np.abs(x) <= box.width / 2 - 0.5 / _COLUMNS
        down = np.abs(y) <= box.height / 2 - 0.5 / _ROWS
        middle = (x / box.width) ** 2 + ((y / box.height) ** 2)[:, None] <= _INSIDE
        here = down[:, None] & across & middle
        if not here.any():
            return False
        now, then = (
            self._seen[end - self._window : end][:, here].astype(np.float64)
            for end in (self._count, self._count - back)
        )
        now -= now.mean(axis=0)
        then -= then.mean(axis=0)
        energy, energy_then = float((now * now).mean()), float((then * then).mean())
        if min(energy, energy_then) < self._settings.moving:
            return False
        return float((now * then).mean()) >= self._settings.face_alike * float(np.sqrt(energy * energy_then))

    def _playing(self, at_ns: int, faces: Mapping[int, Box]) -> Playing:
        settings = self._settings
        frozen: frozenset[int] = frozenset()
        if self._still_since_ns is not None and seconds(at_ns - self._still_since_ns) >= settings.frozen_s:
            frozen = frozenset(one for one, box in faces.items() if box.height >= settings.least_face)
        lasted_ns = (self._count - self._back_since) * settings.every_ns
        if self._back is None or not self._faces or seconds(lasted_ns) < settings.sure_s:
            return Playing(frozen) if frozen else _AS_USUAL
        since_ns = max(0, at_ns - lasted_ns - self._window * settings.every_ns)
        return Playing(frozen, self._faces, since_ns, self._back * settings.every_ns)
