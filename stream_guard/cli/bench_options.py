"""Options that several benchmarks share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Clip", "Codec", "Compare", "Engine", "Faces", "Fps", "Json", "Kbps", "Plot", "Size"]

Clip = Annotated[Path | None, typer.Argument(help="What is played, over and over; made on the spot if left out.")]
Codec = Annotated[str, typer.Option(help="VP8 or H264.")]
Size = Annotated[str, typer.Option(help="Width and height.")]
Fps = Annotated[int, typer.Option(min=1, max=120)]
Kbps = Annotated[int, typer.Option(min=30, help="Kilobits a second and session.")]
Faces = Annotated[int, typer.Option(help="Callers in each session's grid: 1 to 25.")]
Engine = Annotated[str, typer.Option(help="See `stream-guard engines list`.")]
Json = Annotated[Path | None, typer.Option(help="Write the figures, with the machine's record.")]
Plot = Annotated[Path | None, typer.Option(help="Draw them: .png, .svg or .pdf.")]
Compare = Annotated[Path | None, typer.Option(help="An earlier --json, to show what has changed.")]
