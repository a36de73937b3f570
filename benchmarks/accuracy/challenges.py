"""How often each movement is seen where it was made, and where it was not.

``python -m benchmarks.accuracy.challenges --data videos/labels.csv --cache glimpses.pickle``

Every real clip is played twice at ten frames a second, for ten seconds: as it is, where nobody was asked for
anything, and with a drawn hand that passes from second 3.0 to 4.6 and a drawn finger from second 6 to 8. How a face
looks at rest is learnt from the two seconds before.
"""

from __future__ import annotations

import argparse
import asyncio
import pickle
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.accuracy.challenge_clips import glimpses
from benchmarks.accuracy.drawn_hand import draw_finger, draw_hand
from stream_guard.app import Runtime
from stream_guard.challenges.action import Action
from stream_guard.challenges.challenge import watch_for
from stream_guard.challenges.glimpse import Glimpse
from stream_guard.challenges.rest import RestWindow
from stream_guard.challenges.sight import Sight
from stream_guard.clock import NS_PER_S
from stream_guard.config import Config
from stream_guard.evaluation.clips import Clip, find_clips
from stream_guard.face import Box

RATE = 10.0
SECONDS = 10.0
HAND_S, FINGER_S = (3.0, 4.6), (6.0, 8.0)

Seen = dict[tuple[str, str], list[Glimpse]]


def sight(seen: list[Glimpse], action: Action, *, rest_until_s: float, until_s: float) -> Sight | None:
    """Return what is said of an action between two moments; None where the face was not seen at rest before."""
    window = RestWindow()
    for glimpse in between(seen, rest_until_s - 2.0, rest_until_s):
        window.add(glimpse)
    rest = window.settle()
    if rest is None:
        return None
    watch = watch_for(action, rest)
    for glimpse in between(seen, rest_until_s, until_s):
        watch.add(glimpse)
    return watch.finding().sight


def between(seen: Iterable[Glimpse], from_s: float, to_s: float) -> list[Glimpse]:
    return [glimpse for glimpse in seen if from_s * NS_PER_S <= glimpse.at_ns < to_s * NS_PER_S]


async def look(clips: list[Clip], console: Console) -> tuple[Seen, Seen]:
    """Return what every clip shows as it is, and with the hand and the finger."""
    plain: Seen = {}
    drawn: Seen = {}
    async with Runtime(Config.make(max_faces=2)) as runtime:
        for clip in track(clips, "clips", console=console, transient=True):
            key = clip.group, clip.path.name
            plain[key] = await glimpses(runtime, clip, rate=RATE, seconds=SECONDS)
            boxes = {round(one.at_ns * RATE / NS_PER_S): one.box for one in plain[key] if one.box is not None}

            def draw(rgb: NDArray[np.uint8], at_s: float, boxes: dict[int, Box] = boxes) -> NDArray[np.uint8]:
                return with_hand(rgb, at_s, boxes.get(round(at_s * RATE)))

            drawn[key] = await glimpses(runtime, clip, rate=RATE, seconds=SECONDS, draw=draw)
    return plain, drawn


def with_hand(rgb: NDArray[np.uint8], at_s: float, box: Box | None) -> NDArray[np.uint8]:
    """Return the frame as it is to be shown at a moment."""
    if box is None:
        return rgb
    height, width = rgb.shape[:2]
    face = Box(box.x * width, box.y * height, box.width * width, box.height * height)
    if HAND_S[0] <= at_s < HAND_S[1]:
        return draw_hand(rgb, face, -0.5 + 2.0 * (at_s - HAND_S[0]) / (HAND_S[1] - HAND_S[0]))
    return draw_finger(rgb, face) if FINGER_S[0] <= at_s < FINGER_S[1] else rgb


def count(plain: Seen, drawn: Seen) -> dict[str, Counter[Sight]]:
    """Return how often each sight was said, by row of the table."""
    rows: dict[str, Counter[Sight]] = defaultdict(Counter)

    def add(row: str, found: Sight | None) -> None:
        if found is not None:
            rows[row][found] += 1

    for seen in plain.values():
        for action in Action:
            add(f"{action}: nobody was asked", sight(seen, action, rest_until_s=2.0, until_s=SECONDS))
    for seen in drawn.values():
        add("hand_across: drawn", sight(seen, Action.HAND_ACROSS, rest_until_s=2.5, until_s=5.8))
        add("finger_on_cheek: drawn", sight(seen, Action.FINGER_ON_CHEEK, rest_until_s=5.8, until_s=9.0))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="labelled clips; the real ones are played")
    parser.add_argument("--cache", type=Path, help="keep what was seen in this pickle; read only your own")
    options = parser.parse_args()
    console = Console()
    cv2.setNumThreads(1)
    if options.cache and options.cache.is_file():
        plain, drawn = pickle.loads(options.cache.read_bytes())
    else:
        clips = [clip for clip in find_clips(options.data) if clip.label == "real"]
        plain, drawn = asyncio.run(look(clips, console))
        if options.cache:
            options.cache.write_bytes(pickle.dumps((plain, drawn)))
    table = Table("movement", "clips", *(one.value for one in Sight))
    for row, found in count(plain, drawn).items():
        table.add_row(row, str(found.total()), *(str(found[one]) for one in Sight))
    console.print(table)


if __name__ == "__main__":
    main()
