"""A model's manifest: `stream_guard.models.manifest`, and what is worked out of one that is taken."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from stream_guard.errors import ModelError
from stream_guard.models import store
from stream_guard.models.calibration import Calibrator, track_settings
from stream_guard.models.manifest import Manifest
from stream_guard.testing.engines import make_manifest
from tests.fuzz.target import Run, Target, one_line

_FULL = (Path(store.__file__).parent / "default.json").read_bytes()


def _read(folder: Path, data: bytes) -> None:
    path = folder / "model.json"
    path.write_bytes(data)
    try:
        manifest = Manifest.read(path)
    except ModelError as error:
        one_line(error)
        return
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest
    logits = np.array([-20, 0, 20], np.float32)
    with np.errstate(all="raise"):
        llrs = Calibrator(manifest.calibration).llr(logits)
    assert np.isfinite(llrs).all()
    assert (np.diff(llrs) >= 0).all()
    with suppress(ModelError):
        settings = track_settings(manifest)
        assert math.isfinite(settings.verdict.rise)
    manifest.harmless_precisions(0.01)
    try:
        store.open_model(path)
    except ModelError as error:
        one_line(error)
    else:
        raise AssertionError("there is no such model")


@contextmanager
def opened() -> Iterator[Run]:
    with tempfile.TemporaryDirectory() as folder:
        yield lambda data: _read(Path(folder), data)


TARGET = Target(
    "manifest",
    opened,
    (make_manifest().model_dump_json().encode(), _FULL),
    ("stream_guard.models.manifest", "stream_guard.models.calibration"),
    (
        *(
            b'"temperature":',
            b'"bias":',
            b'"file":"../x.onnx"',
            b'"alarms":[]',
            b'"thresholds":',
            b"NaN",
            b"Infinity",
        ),
        *(b"1e-320", b"1e308", b"-1e308", b"[" * 300, b'"\\u001b[31m\\n":1,', b"null", b'"patch_grid":'),
    ),
    limit=max(8192, 2 * len(_FULL)),
)
