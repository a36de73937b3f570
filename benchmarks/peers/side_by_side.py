"""The same frames through stream-guard's parts and through what others build, in turns, in processor time a frame.

Each is asked for every face of a decoded 1280x720 frame and one verdict a face; torch runs on one thread, since a
frame at a time leaves it little to share out. Ratios are of processor time: other work on the machine matters less.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.accuracy.peers.mesonet import SIZE, Meso4, load_mesonet
from benchmarks.peers.efficientnet import B4_INPUT, EfficientNetB4
from benchmarks.peers.mtcnn import load_mtcnn
from stream_guard.bench.processes import measure
from stream_guard.budget.plan import Plan
from stream_guard.faces.align import crop_matrix, cut
from stream_guard.faces.finder import Finder
from stream_guard.faces.mesh import FaceMesh
from stream_guard.faces.tracker import FaceTracker
from stream_guard.inference.engine import EngineOptions
from stream_guard.inference.registry import choose, open_network
from stream_guard.models import store
from stream_guard.pipeline.face_measurer import FaceMeasurer
from stream_guard.testing.caller import Caller

__all__ = ["compare", "cost", "mediapipe_and_mesonet", "mtcnn_and_b4", "ours"]

Picture = NDArray[np.uint8]
Look = Callable[[Picture, int], int]
"""A frame and its number, to how many faces were judged."""


def ours(measurer: FaceMeasurer, engine: str) -> Look:
    """Return what the pipeline does with a frame: follow, cut out, judge; a search for faces every half second."""
    path, manifest = store.default_model()
    network = open_network(store.path(store.FINDER), Finder.INPUT_SHAPE)
    tracker = FaceTracker(find=Finder(network), landmarker=measurer, min_face_px=manifest.min_face_px, max_faces=25)
    runner = choose(engine)()
    runner.load(path, manifest, EngineOptions(max_batch=1, threads=1))

    def look(rgb: Picture, number: int) -> int:
        tracked = tracker.update(rgb, round(number / 30 * 1e9), plan=Plan(faces=25))
        judged = [face for face in tracked.faces if face.measured and not face.reasons]
        for face in judged:
            matrix = crop_matrix(face.box, size=manifest.size, margin=manifest.margin)
            runner.infer(cut(rgb, matrix, size=manifest.size)[None])
        return len(judged)

    return look


def mtcnn_and_b4(folder: Path) -> Look:
    """Return what student projects do: MTCNN on the whole frame, EfficientNet-B4 on every face, on every frame."""
    finder, network = load_mtcnn(folder), EfficientNetB4().eval()

    def look(rgb: Picture, number: int) -> int:
        boxes, _ = finder.detect(rgb)
        for box in [] if boxes is None else boxes:
            left, top, right, bottom = (max(0, round(float(edge))) for edge in box)
            face = cv2.resize(rgb[top:bottom, left:right], (B4_INPUT, B4_INPUT))
            with torch.inference_mode():
                network(torch.from_numpy(face).permute(2, 0, 1)[None].float() / 255)
        return 0 if boxes is None else len(boxes)

    return look


def mediapipe_and_mesonet(mesh: FaceMesh, weights: Path | None) -> Look:
    """Return MediaPipe's landmarker on the whole frame and MesoNet on the face."""
    network = load_mesonet(weights) if weights is not None else Meso4().eval()

    def look(rgb: Picture, number: int) -> int:
        faces = mesh.detect(rgb)
        for face in faces:
            points = face.points * (rgb.shape[1], rgb.shape[0])
            left, top = np.maximum(points.min(axis=0), 0).astype(int)
            right, bottom = points.max(axis=0).astype(int)
            crop = cv2.resize(rgb[top:bottom, left:right], (SIZE, SIZE))
            with torch.inference_mode():
                network(torch.from_numpy(crop)[None])
        return len(faces)

    return look


def cost(look: Look, pictures: list[Picture], first: int) -> tuple[float, int]:
    """Return processor time in milliseconds a frame, children included, and faces judged in all."""
    before = measure(os.getpid()).cpu_s
    faces = sum(look(picture, first + place) for place, picture in enumerate(pictures))
    return (measure(os.getpid()).cpu_s - before) * 1000 / len(pictures), faces


def compare(
    facenet: Path,
    *,
    mesonet: Path | None = None,
    rounds: int = 3,
    frames: int = 10,
    engine: str = "auto",
    tick: Callable[[int], None] = lambda frames: None,
) -> dict[str, object]:
    """Let each look at the same frames, round after round.

    Args:
        facenet: folder that holds facenet_pytorch.
        mesonet: ``Meso4_DF.npz``; without it the network's weights are random, at the same cost.
        rounds: of turns.
        frames: in a turn.
        engine: of ours.
        tick: is told how many frames have been looked at.

    Returns:
        ``ours`` and ``others`` by name: median processor time of a frame in milliseconds, times ours, faces judged.
    """
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    caller = Caller()
    pictures = [caller.frame(number / 30) for number in range(frames)]
    task = store.path(store.LANDMARKER)
    with FaceMeasurer(task) as measurer, FaceMesh(task) as mesh:
        contestants = {
            "stream-guard": ours(measurer, engine),
            "MTCNN + EfficientNet-B4": mtcnn_and_b4(facenet),
            "MediaPipe + MesoNet": mediapipe_and_mesonet(mesh, mesonet),
        }
        costs: dict[str, list[float]] = {name: [] for name in contestants}
        seen = dict.fromkeys(contestants, 0)
        for look in contestants.values():
            look(pictures[0], 0)  # whatever is made once
        for turn in range(rounds):
            for name, look in contestants.items():
                spent, faces = cost(look, pictures, 1 + turn * frames)
                costs[name].append(spent)
                seen[name] += faces
                tick(frames)
    base = float(np.median(costs["stream-guard"]))
    rows = {
        name: {
            "cpu_ms_a_frame": round(float(np.median(spent)), 2),
            "times_ours": round(float(np.median(spent)) / base, 2),
            "faces_judged": seen[name],
            "of_frames": rounds * frames,
        }
        for name, spent in costs.items()
    }
    return {"ours": rows.pop("stream-guard"), "others": rows}
