"""Names that look like rich's markup are shown as they are: ``[old]`` would go missing, ``[/old]`` be an error."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console, RenderableType
from rich.table import Table
from typer.testing import CliRunner

from stream_guard.cli import app
from stream_guard.cli.evaluate import _clips, _footage, _frames
from stream_guard.cli.progress import frame_progress, second_progress
from stream_guard.cli.score import _row
from stream_guard.evaluation.accuracy import Estimate
from stream_guard.evaluation.comparison import Comparison, FrameFigures, RealFootage
from stream_guard.models import store

pytestmark = pytest.mark.unit

NAME = "call [old] [/old] [red]x[/].mp4"
FILE = NAME.replace("/", "")


def drawn(*what: RenderableType) -> str:
    console = Console(file=StringIO(), width=300, color_system=None)
    console.print(*what)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_files_in_the_table_of_scores() -> None:
    table = Table("file", "verdict", "authenticity", "faces", "frames", "scored")
    counts = {"state": "cannot_judge", "authenticity": None, "faces": 0, "frames": 9, "scored": 0}
    table.add_row(*_row({"file": f"folder/{FILE}", **counts}))
    assert FILE in drawn(table)


def test_files_beside_a_bar() -> None:
    for bar in (frame_progress(Console()), second_progress(Console())):
        bar.add_task(NAME, total=None)
        assert NAME in drawn(bar.get_renderable())


def test_groups_of_clips() -> None:
    figure = Estimate(0.9, 0.8, 1.0)
    row = Comparison(NAME, ("real",), 2, 2, figure, figure, figure, None, FrameFigures(figure, figure, figure))
    for table in (_clips([row]), _frames([row]), _footage([RealFootage(NAME, 1, 0, 0)])):
        assert NAME in drawn(table)


def test_a_models_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    onnx, manifest = store.default_model()
    words = dict.fromkeys(("name", "summary", "licence", "made_by"), NAME)
    figures = tuple(figure.model_copy(update={"on": NAME}) for figure in manifest.measured[:1])
    own = manifest.model_copy(update={**words, "limits": (NAME,), "measured": figures, "data": ()})
    monkeypatch.setattr(store, "open_model", lambda path: (onnx.with_name(FILE), own))
    done = CliRunner().invoke(app, ["models", "show", "own.onnx"], env={"COLUMNS": "300"})
    assert done.exit_code == 0, done.output
    assert FILE in done.output
    assert done.output.count(NAME) == len(words) + len(own.limits) + len(figures)
