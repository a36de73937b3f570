"""Measure what each quality gate saves and what it costs, on labelled clips spoilt in measured doses.

``python -m benchmarks.accuracy.gates --data videos/labels.csv --json gates.json --picture gates.png``

The faces go the way of a live call: landmarks on the spoilt picture from where the face was, the run-time gates,
the run-time crop. A face that no longer shows landmarks is scored where it was, to know what refusing it saves.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import av
import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.accuracy.gates_report import draw, tables
from stream_guard.errors import UnsupportedMedia
from stream_guard.evaluation.clips import Clip, find_clips, labelled_part, sample_frames
from stream_guard.evaluation.degradations import DEGRADATIONS, Picture, receive, surroundings
from stream_guard.evaluation.gates import Look
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.evaluation.predictor import Predictor, loaded, predictor
from stream_guard.face import Box, Reason
from stream_guard.faces.align import crop_matrix, cut, landmark_box
from stream_guard.faces.identity import belongs
from stream_guard.faces.landmarker import Landmarker
from stream_guard.faces.mesh import FaceMesh
from stream_guard.faces.quality import blur, inner_face, reasons
from stream_guard.models import store
from stream_guard.models.manifest import Manifest
from stream_guard.scoring.verdict import VerdictSettings

KBPS = (1500, 800, 400, 250, 150, 100)
CALL_WIDTH = 640
"""Widest picture that is sent; wider clips are shrunk to it."""

SENT_S, SETTLED_S = 3.5, 1.25
"""How much of a clip is sent at each bit rate, and from when on the encoder keeps to its rate."""

YAWS = (5, 10, 20, 30, 45, 90)
"""Upper edges of the bins of the larger of yaw and pitch, in degrees."""

Unscored = tuple[Look, np.ndarray]


class Camera:
    """Looks at faces as the product does."""

    def __init__(self, mesh: FaceMesh, predict: Predictor, manifest: Manifest, seed: int) -> None:
        self._largest, self._landmarker = LargestFace(mesh), Landmarker(mesh)
        self._predict, self._manifest, self._seed = predict, manifest, seed

    def clip(self, number: int, clip: Clip, frames: int) -> dict[str, list[Look]]:
        """Return what is seen of a clip: for each degradation, and as it is under ``as it is``."""
        seen: dict[str, list[Unscored]] = {}
        for index, frame in enumerate(sample_frames(clip, frames)):
            face = self._face(frame)
            if face is None:
                continue
            rgb, box = surroundings(frame, face)
            seen.setdefault("as it is", []).append(self._look(rgb, box, number, clip, None))
            for kind in DEGRADATIONS:
                for level in kind.levels:
                    # The same dose of the same noise for the real and the forged half of a pair.
                    spoilt = kind.apply(rgb, box, level, np.random.default_rng((self._seed, index)))
                    if spoilt is not None:
                        seen.setdefault(kind.name, []).append(self._look(*spoilt, number, clip, level))
        seen["bitrate"] = self._sent(number, clip, frames)
        return {name: self._score(looks) for name, looks in seen.items()}

    def _face(self, rgb: Picture) -> Box | None:
        points = self._largest.largest(rgb)
        return None if points is None else landmark_box(points)

    def _sent(self, number: int, clip: Clip, count: int) -> list[Unscored]:
        """Return what is seen of the clip's beginning at several bit rates, and before it is sent."""
        pictures, fps = opening(clip)
        wanted = np.linspace(min(round(SETTLED_S * fps), len(pictures) - 1), len(pictures) - 1, count).astype(int)
        faces = {index: self._face(pictures[index]) for index in np.unique(wanted)}
        height, width = pictures[0].shape[:2]
        looks = []
        for kbps in (None, *KBPS):
            received = pictures if kbps is None else receive(pictures, kbps=kbps, fps=fps)
            more = {} if kbps is None else {"bits_per_pixel": kbps * 1000 / (fps * width * height)}
            for index, box in faces.items():
                if box is not None:
                    looks.append(self._look(received[index], box, number, clip, kbps, **more))
        return looks

    def _look(
        self, rgb: Picture, box: Box, number: int, clip: Clip, level: float | None, **more: float
    ) -> Unscored:
        found = self._landmarker.measure(rgb, box)
        if found is not None and not belongs(found.box, box):
            found = self._landmarker.measure(rgb, box, tight=True)
        if found is None or not belongs(found.box, box):
            why: tuple[Reason, ...] = (Reason.COVERED,)
        else:
            box = found.box
            why = reasons(rgb, box, found.pose, min_face_px=self._manifest.min_face_px)
            more["turned"] = max(abs(found.pose.yaw), abs(found.pose.pitch))
        grey = inner_face(rgb, box)
        measures = {
            "side": box.side,
            "blur": blur(grey),
            "brightest": float(np.percentile(grey, 95)),
            "white": float(np.mean(grey >= 250)),
            "blockiness": blockiness(rgb, box),
            **more,
        }
        size = self._manifest.size
        crop = cut(rgb, crop_matrix(box, size=size, margin=self._manifest.margin), size=size)
        return Look(number, clip.label == "fake", 0.0, level, why, measures), crop

    def _score(self, looks: list[Unscored]) -> list[Look]:
        if not looks:
            return []
        fit = self._manifest.calibration
        llrs = (self._predict(np.stack([crop for _, crop in looks])) - fit.bias) / fit.temperature
        return [
            Look(look.clip, look.fake, float(llr), look.level, look.reasons, look.measures)
            for (look, _), llr in zip(looks, llrs, strict=True)
        ]


def opening(clip: Clip) -> tuple[list[Picture], float]:
    """Return a clip's first seconds at a call's size, and its frames a second."""
    with av.open(str(clip.path)) as container:
        stream = container.streams.video[0]
        fps = float(stream.average_rate or 30)
        pictures = []
        for frame in container.decode(stream):
            rgb = labelled_part(frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False), clip)
            scale = min(1.0, CALL_WIDTH / rgb.shape[1])
            size = 2 * round(rgb.shape[1] * scale / 2), 2 * round(rgb.shape[0] * scale / 2)
            pictures.append(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False))
            if len(pictures) >= SENT_S * fps:
                break
    return pictures, fps


def blockiness(rgb: Picture, box: Box) -> float:
    """Return how much larger steps between columns are at multiples of 8 than elsewhere, as a ratio.

    After Wang, Bovik and Evans, "Blind measurement of blocking artifacts in images", 2000; only the columns, and
    only where the picture still lies on its encoder's grid.
    """
    left, right = max(0, round(box.x)), round(box.x + box.width)
    top, bottom = max(0, round(box.y)), round(box.y + box.height)
    grey = cv2.cvtColor(np.ascontiguousarray(rgb[top:bottom, left:right]), cv2.COLOR_RGB2GRAY).astype(np.float32)
    steps = np.abs(np.diff(grey, axis=1)).mean(axis=0)
    at_edge = (np.arange(len(steps)) + left + 1) % 8 == 0
    return float(steps[at_edge].mean() / max(float(steps[~at_edge].mean()), 1e-3))


def by_turn(looks: list[Look]) -> list[Look]:
    """Return the frames that show landmarks, their level the bin of how far the head is turned."""
    return [
        Look(one.clip, one.fake, one.llr, next(edge for edge in YAWS if turned <= edge), one.reasons, one.measures)
        for one in looks
        if (turned := one.measures.get("turned")) is not None and turned <= YAWS[-1]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="CSV path,label,group[,region]")
    parser.add_argument("--model", type=Path, help="ONNX file, its manifest beside it; the default model otherwise")
    parser.add_argument("--landmarker", type=Path, help="face_landmarker.task, if not the one that is fetched")
    parser.add_argument("--frames", type=int, default=8, help="of each clip")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    console = Console(width=None if sys.stdout.isatty() else 170)
    onnx, manifest = store.open_model(options.model) if options.model else store.default_model()
    clips = find_clips(options.data)
    seen: dict[str, list[Look]] = {}
    with loaded(onnx, manifest) as engine, FaceMesh(options.landmarker or store.path(store.LANDMARKER)) as mesh:
        camera = Camera(mesh, predictor(engine), manifest, options.seed)
        for number, clip in enumerate(track(clips, "clips", console=console)):
            try:
                found = camera.clip(number, clip, options.frames)
            except UnsupportedMedia as error:
                console.print(error)
                continue
            for name, looks in found.items():
                seen.setdefault(name, []).extend(looks)
    if "as it is" not in seen:
        sys.exit(f"no face was found in the clips of {options.data}")
    plain = seen.pop("as it is")
    sets = {name: looks if name == "bitrate" else plain + looks for name, looks in seen.items()}
    sets["turned"] = by_turn(plain)
    rise = VerdictSettings().rise
    if options.json:
        model = {"name": manifest.name, "version": manifest.version, "sha256": manifest.sha256}
        every = {name: [asdict(look) for look in looks] for name, looks in ({"as it is": plain} | seen).items()}
        options.json.write_text(json.dumps({"model": model, "rise": rise, "looks": every}) + "\n", encoding="utf-8")
    for table in tables(sets, rise=rise):
        console.print(table)
    if options.picture:
        draw(sets, options.picture, rise=rise)


if __name__ == "__main__":
    main()
