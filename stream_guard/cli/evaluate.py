"""``stream-guard evaluate``: labelled clips in, honest figures out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from stream_guard.evaluation.accuracy import Estimate
    from stream_guard.evaluation.comparison import Comparison, RealFootage

__all__ = ["evaluate"]


def evaluate(
    data: Annotated[Path, typer.Option(help="Folder with real/ and fake/, or a CSV path,label,group[,region].")],
    model: Annotated[
        Path | None, typer.Option(help="ONNX file, its manifest beside it; the default model otherwise.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures and every clip's frames.")] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Draw the ROC curves, for instance as ROC.png; .svg and .pdf do too.")
    ] = None,
    frames: Annotated[int, typer.Option(min=1, help="Frames looked at in each clip.")] = 24,
    landmarker: Annotated[
        Path | None, typer.Option(help="MediaPipe's face_landmarker.task, if not the one stream-guard fetches.")
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Write the figures into the model's manifest.")] = False,
) -> None:
    """Say how well real and fake are told apart: AUC, EER and hits at 1 % false alarms, with 95 % intervals."""
    from stream_guard.cli.failure import one_line

    with one_line():
        _evaluate(data, model, json, picture, frames, landmarker, record)


def _evaluate(
    data: Path,
    model: Path | None,
    json: Path | None,
    picture: Path | None,
    frames: int,
    task: Path | None,
    record: bool,
) -> None:
    from json import dumps

    from rich.console import Console
    from rich.progress import Progress

    from stream_guard.evaluation.clips import find_clips
    from stream_guard.evaluation.comparison import as_json, compare, false_alarms, score_clips
    from stream_guard.evaluation.landmarks import LargestFace
    from stream_guard.evaluation.predictor import loaded, predictor
    from stream_guard.faces.mesh import FaceMesh
    from stream_guard.models import store
    from stream_guard.training.release import measurements, write_manifest

    clips = find_clips(data)
    onnx, manifest = store.open_model(model) if model else store.default_model()
    console = Console()
    with (
        loaded(onnx, manifest) as engine,
        FaceMesh(task or store.path(store.LANDMARKER)) as mesh,
        Progress(console=console, transient=True) as progress,
    ):
        scoring = progress.add_task("score", total=len(clips))
        scores, unscored = score_clips(
            clips,
            predictor(engine),
            LargestFace(mesh),
            manifest,
            frames=frames,
            progress=lambda clip: progress.advance(scoring),
        )
    for clip in unscored:
        typer.secho(f"no face: {clip.path} ({clip.region})", err=True, fg=typer.colors.YELLOW)
    rows, footage = compare(scores), false_alarms(scores)
    console.print(_clips(rows), _frames(rows), _footage(footage))
    if json is not None:
        json.write_text(
            dumps(as_json(manifest, rows, footage, scores, unscored), indent=1) + "\n", encoding="utf-8"
        )
    if picture is not None:
        from stream_guard.evaluation.pictures import draw_roc

        draw_roc(scores, rows, picture)
    if record:
        command = f"stream-guard evaluate --data {data.parent.name}/{data.name} --frames {frames}"
        measured = measurements(rows, footage, command=command)
        write_manifest(manifest.model_copy(update={"measured": measured}), (model or onnx).with_suffix(".json"))


def _clips(rows: list[Comparison]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("group", "fake", "real", "AUC", "EER", "TPR at 1 % FPR", "pairs", title="clips, 95 % intervals")
    table.columns[0].no_wrap = True
    for row in rows:
        pairs = "" if row.pairs_won is None else f"{row.pairs_won:.0%}"
        figures = [_show(estimate) for estimate in (row.auc, row.equal_error_rate, row.hits)]
        table.add_row(escape(row.group), str(row.fakes), str(row.reals), *figures, pairs)
    return table


def _frames(rows: list[Comparison]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("group", "AUC", "EER", "TPR at 1 % FPR", title="single frames, intervals from whole clips")
    table.columns[0].no_wrap = True
    for row in rows:
        figures = (row.frames.auc, row.frames.equal_error_rate, row.frames.hits)
        table.add_row(escape(row.group), *(_show(estimate) for estimate in figures))
    return table


def _footage(rows: list[RealFootage]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("real group", "clips", "frames", "clips above", title="real people above even odds")
    for row in rows:
        table.add_row(escape(row.group), str(row.clips), f"{row.frame_rate:.1%}", f"{row.clip_rate:.0%}")
    return table


def _show(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} ({estimate.low:.2f}-{estimate.high:.2f})"
