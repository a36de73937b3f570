"""The labelled clips as a model sees them from moment to moment; kept in a file, because looking takes minutes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from stream_guard.errors import UnsupportedMedia
from stream_guard.evaluation.clips import find_clips
from stream_guard.evaluation.footage import Footage, watch
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.evaluation.predictor import loaded, predictor
from stream_guard.faces.mesh import FaceMesh
from stream_guard.models import store
from stream_guard.models.manifest import Manifest

__all__ = ["watch_all"]


def watch_all(
    data: Path, model: Path | None, landmarker: Path | None, *, rate: float, cache: Path | None
) -> tuple[Manifest, list[Footage]]:
    """Return the model's manifest and the calibrated series of every clip that has a face.

    Args:
        data: the labelled clips.
        model: ONNX file; None for the default model.
        landmarker: MediaPipe's file; None for the one that is fetched.
        rate: frames a second.
        cache: JSON file that is read and added to. It knows the model and the rate, but not whether a clip or
            the quality gate has changed: delete it then.
    """
    onnx, manifest = store.open_model(model) if model else store.default_model()
    clips = find_clips(data)
    key = f"{manifest.sha256} {rate:g}"
    kept = json.loads(cache.read_text()) if cache and cache.is_file() else {}
    seen: dict[str, dict[str, object]] = kept.get(key, {})
    missing = [clip for clip in clips if f"{clip.path.resolve()} {clip.region}" not in seen]
    if missing:
        with loaded(onnx, manifest) as engine, FaceMesh(landmarker or store.path(store.LANDMARKER)) as mesh:
            for clip in missing:
                try:
                    series = watch(clip, predictor(engine), LargestFace(mesh), manifest, rate=rate)
                except UnsupportedMedia as error:
                    print(error)
                    continue
                seen[f"{clip.path.resolve()} {clip.region}"] = series.as_json()
        if cache:
            cache.write_text(json.dumps(kept | {key: seen}))
    found = [
        Footage.from_json(clip, seen[name]).calibrated(manifest.calibration)
        for clip in clips
        if (name := f"{clip.path.resolve()} {clip.region}") in seen
    ]
    usable = [one for one in found if one.judged.any()]
    labels = {one.clip.label for one in usable}
    if labels != {"real", "fake"}:
        found_in = ", ".join(sorted(labels)) or "none"
        sys.exit(f"real and fake clips with a face that can be judged are needed; {data} has: {found_in}")
    return manifest, usable
