"""Turns a trained network into what is shipped: the ONNX file with its manifest, calibrated."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stream_guard.evaluation.comparison import Comparison, RealFootage
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.evaluation.predictor import Predictor, loaded, predictor
from stream_guard.models.manifest import Calibration, DataSet, Manifest, Measurement
from stream_guard.training.calibration import calibrated, watch_footage
from stream_guard.training.dataset import Recipe, Twins
from stream_guard.training.export import compare, export
from stream_guard.training.network import MEAN, STD, Detector
from stream_guard.training.shard import Shard

__all__ = ["held_out_logits", "measurements", "release", "write_manifest"]

_MIN_FACE_PX = 56
"""Held-out twins are told apart by the default model with an AUC of 0.76 at 32 px, 0.78 at 44, 0.85 at 56, 0.80 at
72, and 0.86 to 0.93 from 100 px on (120 pairs each)."""
_NOT_STATED = "not stated"
_LIMITS = (
    "Trained on pseudo-fakes made from still pictures: no real swap or reenactment was ever seen.",
    "Judges single frames; one frame proves nothing, evidence must be gathered over seconds.",
    "Strong compression removes the traces it looks for: a fake then looks like a poor real picture.",
    "Says nothing about faces drawn whole by a generator, or about the voice.",
)


def release(
    detector: Detector,
    out: Path,
    *,
    name: str,
    version: str,
    shard: Path,
    recipe: Recipe,
    made_by: str,
    reconstructions: Path | None = None,
    terms: dict[str, str] | None = None,
    footage: list[Path] | None = None,
    landmarker: LargestFace | None = None,
) -> Manifest:
    """Export, calibrate and describe a detector.

    Args:
        detector: a trained network.
        out: folder for ``NAME.onnx`` and ``NAME.json``.
        name: of the model.
        version: of the model.
        shard: the prepared faces it was trained on; those held out calibrate it.
        recipe: how its samples were made.
        made_by: the command.
        reconstructions: folder of the same faces drawn anew; needed where the recipe asks for them.
        terms: what the owners of each set of faces allow, by set.
        footage: videos of real people; they can only raise the bias, and they set the thresholds of frames
            and alarms.
        landmarker: needed with `footage`.

    Raises:
        ModelError: the exported file does not agree with the network.
        EngineUnavailable: no engine can run here.
        ConfigError: the model cannot be calibrated.
    """
    out.mkdir(parents=True, exist_ok=True)
    model = out / f"{name}.onnx"
    export(detector, model, size=recipe.size)
    manifest = Manifest(
        name=name,
        version=version,
        status="preview",
        summary="EfficientNet-Lite0 on RGB and a high-frequency residual, trained on pseudo-fakes of real faces",
        file=model.name,
        sha256=hashlib.sha256(model.read_bytes()).hexdigest(),
        licence="the weights carry the terms of the faces they were trained on; see data",
        size=recipe.size,
        margin=recipe.margin,
        mean=MEAN,
        std=STD,
        patch_grid=recipe.grid,
        min_face_px=_MIN_FACE_PX,
        parameters=sum(parameter.numel() for parameter in detector.parameters()),
        calibration=Calibration(),
        data=(*_data(Shard(shard), terms or {}), *_footage(footage or [], terms or {})),
        data_sha256=Shard(shard).digest(),
        made_by=made_by,
        limits=_LIMITS,
    )
    with loaded(model, manifest) as engine:
        compare(detector, engine, size=recipe.size)
        predict = predictor(engine)
        real, fake = held_out_logits(predict, shard, recipe, reconstructions)
        seen = watch_footage(predict, footage, landmarker, manifest) if footage and landmarker else None
    manifest = calibrated(
        manifest,
        real,
        fake,
        seen,
        stills=(
            f"{len(real)} held-out still faces and their forged twins, {recipe.codec_share:.0%} of them compressed"
        ),
        videos=f"{len(seen.plain)} clips of real footage ({footage[0].parent.name})" if seen and footage else "",
    )
    write_manifest(manifest, out / f"{name}.json")
    return manifest


def held_out_logits(
    predict: Predictor,
    shard: Path,
    recipe: Recipe,
    reconstructions: Path | None = None,
    *,
    groups: int = 60,
    seed: int = 1,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return logits of real faces held out from training, and of their forged twins, as a call shows them."""
    _, positions = Shard(shard).split()
    twins = Twins(shard, positions, recipe, seed=seed, reconstructions=reconstructions)
    samples = list(islice(twins, groups))
    logits = np.concatenate([predict(group.faces.numpy()) for group in samples])
    labels = np.concatenate([group.labels.numpy() for group in samples])
    return logits[labels == 0], logits[labels == 1]


def measurements(rows: list[Comparison], footage: list[RealFootage], *, command: str) -> tuple[Measurement, ...]:
    """Return the figures of an evaluation as a manifest holds them."""
    compared = [
        Measurement(
            on=f"{row.group}: {row.fakes} clips against {row.reals} of {', '.join(row.against)}",
            metric=metric,
            value=round(estimate.value, 3),
            low=round(estimate.low, 3),
            high=round(estimate.high, 3),
            command=command,
        )
        for row in rows
        for metric, estimate in (
            ("clip AUC", row.auc),
            ("clip equal error rate", row.equal_error_rate),
            ("share of fake clips found at 1 % false alarms", row.hits),
        )
    ]
    alarms = [
        Measurement(
            on=f"{row.group}: {row.clips} real clips",
            metric="share of frames above even odds",
            value=round(row.frame_rate, 3),
            low=None,
            high=None,
            command=command,
        )
        for row in footage
    ]
    return (*compared, *alarms)


def _data(faces: Shard, terms: dict[str, str]) -> list[DataSet]:
    """Return how many faces of each set were trained on, and how many calibrated the result."""
    kept, out = faces.split()
    return [
        DataSet(name=source, items=items, terms=terms.get(source, _NOT_STATED), use=use)
        for use, positions in (("train", kept), ("calibrate", out))
        for source, items in sorted(Counter(faces.sets[positions].tolist()).items())
    ]


def _footage(videos: list[Path], terms: dict[str, str]) -> list[DataSet]:
    if not videos:
        return []
    name = videos[0].parent.name
    return [DataSet(name=name, items=len(videos), terms=terms.get(name, _NOT_STATED), use="calibrate")]


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write a manifest as indented JSON."""
    path.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
