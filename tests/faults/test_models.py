"""A model's file that is cut short or swapped while the server runs: what runs, runs; nothing else is loaded."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stream_guard.errors import EngineError, EngineLost, ModelError
from stream_guard.inference.checked_engine import CheckedEngine
from stream_guard.inference.worker import InferenceWorker
from stream_guard.testing.engines import ScriptedEngine, make_model

pytestmark = pytest.mark.engine


class Dying(ScriptedEngine):
    name = "dying"

    def __init__(self) -> None:
        super().__init__(fail_on={1}, failure=EngineLost("the GPU has fallen off the bus"))


def written(folder: Path, seed: int = 0) -> tuple[Path, Any]:
    model, manifest = make_model(folder, seed=seed)
    model.with_suffix(".json").write_text(manifest.model_dump_json())
    return model, manifest


async def test_an_engine_that_takes_over_does_not_load_a_file_cut_short(tmp_path: Path) -> None:
    model, manifest = await asyncio.to_thread(written, tmp_path)
    engines = [CheckedEngine(kind, model, manifest) for kind in (Dying, ScriptedEngine)]
    faces = np.zeros((1, manifest.size, manifest.size, 3), np.uint8)
    async with InferenceWorker(engines, model, manifest) as worker:
        assert worker.standing.engine == "dying"
        await worker.infer(faces)
        await asyncio.to_thread(lambda: model.write_bytes(model.read_bytes()[:-10]))
        with pytest.raises(EngineError, match="no engine is left") as caught:
            await worker.infer(faces)
        assert "is damaged or is not the file" in str(caught.value)


def test_another_model_in_its_place_is_not_taken_for_it(tmp_path: Path) -> None:
    model, manifest = written(tmp_path)
    checked = CheckedEngine(ScriptedEngine, model, manifest)
    assert isinstance(checked(), ScriptedEngine)
    written(tmp_path, seed=1)
    with pytest.raises(ModelError, match="another model than at the start"):
        checked()
