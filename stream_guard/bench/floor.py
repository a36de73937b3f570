"""What a frame must cost: its parts alone, one after another, no pipeline around them.

In processor time, of all threads and of MediaPipe's process, so that engines that use the cores differently can be
compared, and it matters less whether the machine is busy with something else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from stream_guard.bench import clip
from stream_guard.bench.processes import measure
from stream_guard.errors import ConfigError
from stream_guard.face import Box
from stream_guard.faces.align import crop_matrix, cut
from stream_guard.faces.finder import Finder
from stream_guard.inference.engine import EngineOptions
from stream_guard.inference.registry import choose, choose_cpu
from stream_guard.models import store
from stream_guard.pipeline.face_measurer import FaceMeasurer
from stream_guard.sources.colour import to_rgb

__all__ = ["Floor", "efficiency", "parts"]

_WARM_UP = 5

_SEARCHES = 4 / 3
"""Searches for faces a second in a calm picture; there are more where something is new."""


@dataclass(frozen=True, slots=True)
class Floor:
    """Processor time of each part, in milliseconds.

    Attributes:
        decode, rgb: one frame.
        landmarks, cnn: one face.
        find: one search for faces.
    """

    decode: float
    rgb: float
    landmarks: float
    cnn: float
    find: float


def parts(path: Path, shape: clip.Shape, *, codec: clip.Codec, kbps: int, engine: str, times: int = 60) -> Floor:
    """Measure the parts on a clip's first frames.

    Args:
        path: the clip.
        shape: of the pictures.
        codec, kbps: what it is encoded with first.
        engine: that runs the CNN.
        times: how often each part is run.

    Raises:
        ConfigError: there is no face on the clip.
    """
    count = times + _WARM_UP
    encoded = clip.encode(path, shape, codec=codec, kbps=kbps, count=count)
    decoder = av.CodecContext.create("libvpx" if codec == "VP8" else "h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    frames: list[av.VideoFrame] = []
    decode = _cost(lambda number: frames.extend(decoder.decode(av.Packet(encoded[number]))), times)
    frame = frames[-1]
    rgb = _cost(lambda number: to_rgb(frame, hd_is_bt709=False), times)
    picture = to_rgb(frame, hd_is_bt709=False)
    network = choose_cpu().open_network(store.path(store.FINDER), Finder.INPUT_SHAPE)
    finder = Finder(network)
    find = _cost(lambda number: finder(picture), times)
    faces = finder(picture)
    if not faces:
        raise ConfigError(f"{path.name} shows no face at its beginning")
    with FaceMeasurer(store.path(store.LANDMARKER)) as measurer:
        seen = [measurer.measure(picture, face.box) for face in faces]
        # As a face is followed: from where it was measured last, not from where it was first found.
        known = [one for one in seen if one is not None]
        if not known:
            raise ConfigError(f"{path.name} shows no face at its beginning")
        landmarks = _cost(
            lambda number: measurer.measure(
                picture, known[number % len(known)].box, tilt=known[number % len(known)].tilt
            ),
            times,
        )
    return Floor(decode, rgb, landmarks, _cnn(picture, faces[0].box, engine, times), find)


def efficiency(floor: Floor, figures: Mapping[str, object], cpu_s: float) -> dict[str, float]:
    """Return how much of the server's processor time the parts account for.

    Args:
        floor: the parts.
        figures: of the run, as `stream_guard.bench.latency.figures` gives them.
        cpu_s: what the server used in it.

    Returns:
        ``efficiency``: the sum of decode, RGB, landmarks and CNN, each as often as it was needed, over the server's
        processor time. ``with_finder``: the same with the searches that the tracker makes at least.
    """
    frames, faces = figures["frames"], figures["faces"]
    assert isinstance(frames, Mapping)
    assert isinstance(faces, Mapping)
    needed = (
        frames["decoded"] * floor.decode
        + frames["scored"] * floor.rgb
        + faces["scores"] * (floor.landmarks + floor.cnn)
    )
    seconds = figures["seconds"]
    assert isinstance(seconds, float)
    whole = max(cpu_s, 1e-9) * 1000
    return {
        "efficiency": round(needed / whole, 3),
        "with_finder": round((needed + _SEARCHES * seconds * floor.find) / whole, 3),
    }


def _cnn(picture: NDArray[np.uint8], box: Box, engine: str, times: int) -> float:
    path, manifest = store.default_model()
    crop = cut(picture, crop_matrix(box, size=manifest.size, margin=manifest.margin), size=manifest.size)
    runner = choose(engine)()
    try:
        runner.load(path, manifest, EngineOptions(max_batch=1))
        return _cost(lambda number: runner.infer(crop[None]), times)
    finally:
        runner.close()


def _cost(run: Callable[[int], object], times: int) -> float:
    """Return the mean processor time of one call in milliseconds, of this process and its children."""
    for number in range(_WARM_UP):
        run(number)
    before = measure(os.getpid()).cpu_s
    for number in range(times):
        run(number + _WARM_UP)
    return round((measure(os.getpid()).cpu_s - before) * 1000 / times, 3)
