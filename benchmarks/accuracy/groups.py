"""Measure error rates by age, sex, ethnicity and a skin-tone proxy, on people held out from training.

``python -m benchmarks.accuracy.groups --faces utkface --json groups.json --picture groups.png``

Stands on still pictures: real faces as a call would show them (camera, filters, codec), and forged twins of the
same. What it says of groups is about such pictures, not about the swaps of a live call. The labels are those of
the set (UTKFace: age estimated, sex and ethnicity as annotated), not what people say of themselves.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.accuracy.gates_report import BANDS, band_table
from benchmarks.accuracy.groups_report import FIGURES, draw, table
from stream_guard.evaluation.gates import Look
from stream_guard.evaluation.groups import Labels, Person, by_group, largest_gap
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.evaluation.predictor import Predictor, loaded, predictor
from stream_guard.evaluation.skin_tone import skin_tone, typology_angle
from stream_guard.face import Box
from stream_guard.faces.mesh import FaceMesh
from stream_guard.faces.quality import blur, inner_face, reasons
from stream_guard.models import store
from stream_guard.models.manifest import Manifest
from stream_guard.scoring.verdict import VerdictSettings
from stream_guard.training.dataset import Recipe, Twins
from stream_guard.training.forgery import Mix
from stream_guard.training.preparation import find_pictures, person_of, prepare
from stream_guard.training.shard import Shard, held_out

ATTRIBUTES = ("sex", "age", "ethnicity", "skin tone (proxy)")


def pairs(
    folder: Path, positions: list[int], recipe: Recipe, *, samples: int, seed: int, reconstructions: Path | None
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield so many samples: the face's position, and its real and its forged crop, as a call shows them."""
    done = 0
    for group in Twins(folder, positions, recipe, seed=seed, reconstructions=reconstructions):
        crops, places = group.faces.numpy(), group.positions.tolist()
        for number in range(0, len(crops), 2):  # real and forged in turn
            yield places[number], crops[number], crops[number + 1]
        done += len(crops) // 2
        if done >= samples:
            return


def people(
    folder: Path, manifest: Manifest, predict: Predictor, options: argparse.Namespace, console: Console
) -> tuple[list[Person], list[Look]]:
    """Score every held-out person whose file says who they are; return them, and sample by sample how blurred."""
    shard = Shard(folder)
    known = {i: labels for i in shard.split()[1] if (labels := Labels.of_utkface(str(shard.files[i])))}
    mix = Mix() if options.reconstructions else replace(Mix(), reconstructed=0.0)
    grid = manifest.patch_grid or Recipe().grid
    recipe = Recipe(size=manifest.size, margin=manifest.margin, grid=grid, mix=mix)
    samples = options.samples * len(known)
    made = pairs(
        folder, list(known), recipe, samples=samples, seed=options.seed, reconstructions=options.reconstructions
    )
    looks: dict[int, list[Look]] = {}
    refused: dict[int, list[bool]] = {}
    fit, face = manifest.calibration, face_in(manifest)
    for position, *crops in track(made, "samples", total=samples, console=console):
        llrs = (predict(np.stack(crops)) - fit.bias) / fit.temperature
        for fake, (crop, llr) in enumerate(zip(crops, llrs, strict=True)):
            measures = {"blur": blur(inner_face(crop, face))}
            looks.setdefault(position, []).append(Look(position, bool(fake), float(llr), measures=measures))
        refused.setdefault(position, []).append(bool(reasons(crops[0], face, None, min_face_px=0)))
    found = [
        Person(
            groups=groups_of(shard, position, known[position]),
            real=np.array([look.llr for look in looks[position] if not look.fake]),
            fake=np.array([look.llr for look in looks[position] if look.fake]),
            refused=float(np.mean(refused[position])),
        )
        for position in sorted(looks)
    ]
    return found, [look for position in sorted(looks) for look in looks[position]]


def groups_of(shard: Shard, position: int, labels: Labels) -> dict[str, str]:
    """Return a person's group of each attribute; the skin tone is taken from the picture as it was stored."""
    face = shard[position]
    angle = typology_angle(face.rgb, face.landmarks)
    groups = {"sex": labels.sex, "age": labels.age_group, "ethnicity": labels.ethnicity}
    return groups if angle is None else groups | {"skin tone (proxy)": skin_tone(angle)}


def face_in(manifest: Manifest) -> Box:
    """Return where the face is in the model's crop."""
    side = manifest.size / manifest.margin
    corner = (manifest.size - side) / 2
    return Box(corner, corner, side, side)


@contextmanager
def prepared(faces: Path, landmarker: Path | None, console: Console) -> Iterator[Path]:
    """Prepare the held-out pictures of a folder; the people held out are those that training holds out."""
    with tempfile.TemporaryDirectory() as scratch, FaceMesh(landmarker or store.path(store.LANDMARKER)) as mesh:
        chosen = Path(scratch) / faces.name
        chosen.mkdir()
        for picture in find_pictures(faces):
            if held_out(person_of(picture, faces)[1]):
                copy = chosen / picture.relative_to(faces)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(picture, copy)
        console.print(f"preparing {len(find_pictures(chosen))} pictures of people held out")
        prepare(chosen, Path(scratch) / "shard", LargestFace(mesh))
        yield Path(scratch) / "shard"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--faces", type=Path, help="folder of pictures named as UTKFace names them")
    where.add_argument("--shard", type=Path, help="prepared faces, UTKFace among them")
    parser.add_argument("--reconstructions", type=Path, help="the shard's faces drawn anew; without, none are used")
    parser.add_argument("--model", type=Path, help="ONNX file, its manifest beside it; the default model otherwise")
    parser.add_argument("--landmarker", type=Path, help="face_landmarker.task, if not the one that is fetched")
    parser.add_argument("--samples", type=int, default=6, help="pairs a person, on average")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    console = Console(width=None if sys.stdout.isatty() else 170)
    onnx, manifest = store.open_model(options.model) if options.model else store.default_model()
    with loaded(onnx, manifest) as engine:
        if options.shard:
            found, looks = people(options.shard, manifest, predictor(engine), options, console)
        else:
            with prepared(options.faces, options.landmarker, console) as folder:
                found, looks = people(folder, manifest, predictor(engine), options, console)
    rise = VerdictSettings().rise
    rates = {attribute: by_group(found, attribute, rise=rise) for attribute in ATTRIBUTES}
    gaps = {
        attribute: {name: largest_gap(found, attribute, figure) for name, figure in FIGURES.items()}
        for attribute in rates
    }
    for attribute, rows in rates.items():
        console.print(table(rows, gaps[attribute], rise))
    console.print(band_table("blur", looks, BANDS["blur"][1], rise))
    if options.json:
        content = {
            "model": {"name": manifest.name, "version": manifest.version, "sha256": manifest.sha256},
            "rise": rise,
            "groups": [asdict(row) for rows in rates.values() for row in rows],
            "gaps": {
                attribute: {name: gap and asdict(gap) for name, gap in found.items()}
                for attribute, found in gaps.items()
            },
        }
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if options.picture:
        draw(rates, options.picture)


if __name__ == "__main__":
    main()
