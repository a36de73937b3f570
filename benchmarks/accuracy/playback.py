"""How soon a loop and a frozen picture are noticed in a call, and how often a real one is taken for either.

``python -m benchmarks.accuracy.playback --data videos/labels.csv`` plays real clips as filmed and through VP8: as
they are, over and over, and standing still from the third second on. Faces are followed as filmed by the running
program's tracker; every seventh frame is left out, as a busy machine would.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track as progress
from rich.table import Table

from benchmarks.accuracy.cue_footage import frames
from stream_guard.budget.plan import Plan
from stream_guard.clock import NS_PER_S
from stream_guard.errors import StreamGuardError
from stream_guard.evaluation.clips import Clip, find_clips
from stream_guard.evidence.playback import Playback
from stream_guard.face import Box
from stream_guard.faces.changes import ChangeDetector
from stream_guard.faces.finder import Finder
from stream_guard.faces.landmarker import Landmarker
from stream_guard.faces.mesh import FaceMesh
from stream_guard.faces.tracker import FaceTracker
from stream_guard.inference.registry import open_network
from stream_guard.models import store

_LONGEST_S = 40.0
_LOOP_S = 8.0
_FROZEN_AT_S = 3.0
_FIRST_S = 12.0
"""Before, no loop can be told."""

_SHOWN_S = 25.0
_LOST = 7

Picture = NDArray[np.uint8]
Boxes = Mapping[int, Box]


def followed(clip: Clip, find: Finder, mesh: FaceMesh) -> tuple[float, list[Boxes]]:
    """Return the frames a second of a clip, and where its faces are on each frame, as fractions."""
    fps, pictures = frames(clip, _LONGEST_S)
    tracker = FaceTracker(find=find, landmarker=Landmarker(mesh), min_face_px=64)
    where: list[Boxes] = []
    for number, rgb in enumerate(pictures):
        tracked = tracker.update(rgb, round(number / fps * NS_PER_S), plan=Plan(faces=4))
        where.append({face.id: face.box.fractions_of(rgb.shape[1], rgb.shape[0]) for face in tracked.faces})
    return fps, where


def noticed(pictures: Iterable[Picture], where: Callable[[int], Boxes], fps: float) -> dict[str, float]:
    """Return what was said of a picture, and when first, in seconds."""
    playback, changes = Playback(), ChangeDetector()
    first: dict[str, float] = {}
    for number, rgb in enumerate(pictures):
        if number % _LOST == _LOST - 1:
            continue
        playing = playback.add(round(number / fps * NS_PER_S), changes.compare(rgb).picture, where(number))
        for name in ("frozen", "repeated"):
            if getattr(playing, name):
                first.setdefault(name, number / fps)
    return first


def sent(pictures: Iterator[Picture], kbps: int | None, fps: float) -> Iterator[Picture]:
    """Yield pictures as they arrive: as filmed, or through VP8 with one key frame, as a call has it."""
    if kbps is None:
        yield from pictures
        return
    decoder = av.CodecContext.create("vp8", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    encoder: av.VideoCodecContext | None = None
    for number, rgb in enumerate(pictures):
        if encoder is None:
            encoder = _encoder(kbps, fps, rgb.shape[1], rgb.shape[0])
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        frame.pts = number
        for packet in encoder.encode(frame):
            for shown in decoder.decode(packet):
                yield np.asarray(shown.to_ndarray(format="rgb24"), np.uint8)


def _encoder(kbps: int, fps: float, width: int, height: int) -> av.VideoCodecContext:
    encoder = av.CodecContext.create("libvpx", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.framerate = Fraction(fps).limit_denominator(1001)
    encoder.time_base = 1 / encoder.framerate
    encoder.gop_size, encoder.thread_count, encoder.bit_rate = 3000, 1, 1000 * kbps
    rate = str(1000 * kbps)
    encoder.options = {"deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0", "static-thresh": "1"}
    encoder.options |= {"minrate": rate, "maxrate": rate, "bufsize": rate, "qmin": "2", "qmax": "56"}
    return encoder


def looped(clip: Clip, length: int, count: int) -> Iterator[Picture]:
    """Yield the first frames of a clip over and over."""
    kept = list(islice(frames(clip, _LONGEST_S)[1], length))
    return (kept[number % length] for number in range(count))


def frozen(clip: Clip, at: int, count: int) -> Iterator[Picture]:
    """Yield a clip that stops."""
    kept = list(islice(frames(clip, _LONGEST_S)[1], at))
    return (kept[min(number, at - 1)] for number in range(count))


def main() -> None:
    """Play everything and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="CSV of clips; the real ones are played")
    parser.add_argument("--kbps", type=int, nargs="*", default=[1500, 600, 250], help="VP8's bitrates")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        table = measured([one for one in find_clips(options.data) if one.label == "real"], (None, *options.kbps))
    except StreamGuardError as error:
        sys.exit(f"playback: {error}")
    Console().print(table)


def measured(clips: list[Clip], rates: tuple[int | None, ...]) -> Table:
    """Return the table."""
    found = ("found", "after, s")
    table = Table("way", "seconds real, of them after 12", "clips called either", "loops", *found, "frozen", *found)
    network = open_network(store.path(store.FINDER), Finder.INPUT_SHAPE)
    with FaceMesh(store.path(store.LANDMARKER)) as mesh:
        faces = [followed(clip, Finder(network), mesh) for clip in progress(clips, description="following faces")]
    for kbps in rates:
        name = "as filmed" if kbps is None else f"VP8 {kbps} kb/s"
        real_s, telling_s, said = 0.0, 0.0, 0
        loops: list[float | None] = []
        stills: list[float | None] = []
        for clip, (fps, where) in zip(progress(clips, description=name), faces, strict=True):
            real_s += len(where) / fps
            telling_s += max(0.0, len(where) / fps - _FIRST_S)
            as_it_is = noticed(sent(frames(clip, _LONGEST_S)[1], kbps, fps), where.__getitem__, fps)
            said += bool(as_it_is)
            length, at, count = round(_LOOP_S * fps), round(_FROZEN_AT_S * fps), round(_SHOWN_S * fps)
            if len(where) < length:
                continue
            again = noticed(sent(looped(clip, length, count), kbps, fps), _around(where, length), fps)
            loops.append(again["repeated"] - _LOOP_S if "repeated" in again else None)
            still = noticed(sent(frozen(clip, at, count), kbps, fps), _held(where, at), fps)
            stills.append(still["frozen"] - _FROZEN_AT_S if "frozen" in still else None)
        table.add_row(name, f"{real_s:.0f}, {telling_s:.0f}", str(said), *_found(loops), *_found(stills))
    return table


def _around(where: list[Boxes], length: int) -> Callable[[int], Boxes]:
    return lambda number: where[number % length]


def _held(where: list[Boxes], at: int) -> Callable[[int], Boxes]:
    return lambda number: where[min(number, at - 1)]


def _found(after_s: list[float | None]) -> tuple[str, str, str]:
    found = [one for one in after_s if one is not None]
    times = f"{np.median(found):.1f} ({min(found):.1f} to {max(found):.1f})" if found else ""
    return str(len(after_s)), str(len(found)), times


if __name__ == "__main__":
    main()
