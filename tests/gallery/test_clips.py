"""Real people in galleries, as the table in docs/faces.md has them: found, and followed under one id.

The clips are of people who never agreed to be passed on, so they are not in the repository: `tests.data` says where
they are looked for. Where they are not, these tests are skipped, also in CI: a fresh checkout must pass.
"""

from __future__ import annotations

from collections import defaultdict

import pytest

from stream_guard.budget.plan import Plan
from stream_guard.clock import NS_PER_S
from stream_guard.face import Box, Reason
from stream_guard.faces.finder import Finder
from stream_guard.faces.tracker import FaceTracker
from stream_guard.models import store
from tests.data import videos
from tests.gallery.collage import Grid, Picture, back_and_forth, fit, read_clip

pytestmark = [pytest.mark.data, pytest.mark.timeout(180)]

FPS = 10
SECONDS = 20
LARGEST_TILE = 640, 360


@pytest.fixture(scope="module")
def clips() -> list[list[Picture]]:
    return [read_clip(path, LARGEST_TILE, fps=FPS, seconds=5) for path in videos("talking_head")]


def true_box(finder: Finder, picture: Picture, grid: Grid, tile: int) -> Box:
    """Return where the tile's face is, as found in the clip's own picture, which is several times as large."""
    box = max(finder(picture), key=lambda found: found.confidence).box
    scale = fit(picture, grid.tile).shape[1] / picture.shape[1]
    x, y = grid.corner(tile, picture)
    return Box(x + box.x * scale, y + box.y * scale, box.width * scale, box.height * scale)


@pytest.mark.parametrize(
    ("n", "width", "height", "quota", "found", "within_s"),
    [
        (1, 1280, 720, 3, 1, 0.0),
        (2, 1280, 720, 3, 4, 0.1),
        (3, 1280, 720, 3, 9, 0.5),
        (4, 1920, 1080, 4, 16, 0.5),
        (5, 1920, 1080, 4, 25, 0.5),
        (5, 1280, 720, 3, 23, 0.5),
    ],
)
def test_faces_are_found_at_once_and_keep_their_ids(
    n: int,
    width: int,
    height: int,
    quota: int,
    found: int,
    within_s: float,
    clips: list[list[Picture]],
    finder: Finder,
    tracker: FaceTracker,
) -> None:
    grid = Grid(n, width, height)
    tiles = [
        back_and_forth(clips[tile % len(clips)], 14 * (tile // len(clips)), FPS * SECONDS)
        for tile in range(grid.count)
    ]
    least = store.default_model()[1].min_face_px
    ids: dict[int, set[int]] = defaultdict(set)
    first_seen: dict[int, int] = {}
    cuts = frames_seen = 0
    for step, pictures in enumerate(zip(*tiles, strict=True)):
        tracked = tracker.update(grid.draw(pictures), step * NS_PER_S // FPS, plan=Plan(faces=quota))
        cuts += tracked.cut
        frames_seen += len(tracked.faces)
        for face in tracked.faces:
            tile = grid.tile_of(face.box)
            ids[tile].add(face.id)
            first_seen.setdefault(tile, step)
            assert not face.measured or face.box.side >= least or Reason.FACE_TOO_SMALL in face.reasons
        if step in (FPS, FPS * SECONDS - 1):
            boxes = {grid.tile_of(face.box): face.box for face in tracked.faces}
            assert len(tracked.faces) == len(boxes), "two boxes in one tile"
            for tile, box in boxes.items():
                assert box.iou(true_box(finder, pictures[tile], grid, tile)) > 0.4
    assert len(first_seen) >= found
    assert max(first_seen.values()) <= within_s * FPS
    assert all(len(one) == 1 for one in ids.values()), "an id changed"
    assert cuts == 0
    assert frames_seen >= 0.95 * found * FPS * SECONDS


def test_people_who_change_tiles_do_not_leave_their_ids_to_others(
    clips: list[list[Picture]], tracker: FaceTracker
) -> None:
    grid = Grid(3, 1280, 720)
    seats = list(range(9))
    span = 12  # frames between two changes, a tenth of a second apart
    moved = kept = 0
    for swap, (one, other) in enumerate([(0, 4), (1, 2), (3, 8), (5, 6), (0, 7), (2, 5)]):
        ids: list[dict[int, int]] = []
        for step in range(2 * span):
            if step == span:
                seats[one], seats[other] = seats[other], seats[one]
            at = swap * 2 * span + step
            frame = grid.draw([back_and_forth(clips[seat], at, 1)[0] for seat in seats])
            tracked = tracker.update(frame, at * NS_PER_S // FPS, plan=Plan(faces=9))
            ids.append({grid.tile_of(face.box): face.id for face in tracked.faces})
        before, after = ids[span - 1], ids[-1]
        assert sorted(before) == sorted(after) == list(range(9))
        moved += sum(before[tile] != after[tile] for tile in (one, other))
        kept += sum(before[tile] == after[tile] for tile in range(9) if tile not in (one, other))
    assert moved >= 11  # of 12
    assert kept >= 40  # of 42
