"""The AUC that a precision loses, and its interval."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy.precisions import GroupCost, Variant, _cost, _simulated, auc_loss
from stream_guard.errors import EngineUnavailable
from stream_guard.evaluation.accuracy import Estimate, auc
from stream_guard.evaluation.clips import Clip
from stream_guard.evaluation.comparison import ClipScore
from stream_guard.evaluation.predictor import loaded
from stream_guard.testing.engine_contract import faces
from stream_guard.testing.engines import make_model

pytestmark = pytest.mark.unit


def scored(real: list[float], fake: list[float]) -> list[ClipScore]:
    return [
        ClipScore(Clip(Path(f"{label}{number}.mp4"), label, label), (value,))  # type: ignore[arg-type]
        for label, values in (("real", real), ("fake", fake))
        for number, value in enumerate(values)
    ]


def test_it_is_the_difference_of_the_two_areas() -> None:
    base, other = scored([0, 1, 2], [1.5, 3, 4]), scored([0, 1, 2], [0.5, 3, 4])
    loss = auc_loss(base, other, "all", rounds=50)
    assert loss.value == pytest.approx(8 / 9 - 7 / 9)
    assert loss.low <= loss.value <= loss.high


def test_the_same_clips_are_drawn_for_both_so_equal_ranks_lose_nothing_at_all() -> None:
    rng = np.random.default_rng(0)
    real, fake = rng.normal(0, 1, 20), rng.normal(1, 1, 20)
    assert auc(real, fake) < 1
    moved = scored((real * 2 + 3).tolist(), (fake * 2 + 3).tolist())
    loss = auc_loss(scored(real.tolist(), fake.tolist()), moved, "all", rounds=200)
    assert (loss.value, loss.low, loss.high) == (0, 0, 0)


def test_a_gain_is_a_negative_loss() -> None:
    assert auc_loss(scored([0, 2], [1, 3]), scored([0, 1], [2, 3]), "fake", rounds=50).value == pytest.approx(-0.25)


def test_a_simulated_precision_rounds_and_says_that_it_was_simulated(tmp_path: Path) -> None:
    path, manifest = make_model(tmp_path)
    batch = faces(4, manifest.size)
    with loaded(path, manifest, engine="onnxruntime") as engine:
        exact = engine.infer(batch).logits
    off = {}
    with ExitStack() as stack:
        for name, engine in _simulated(stack, "fp16,bf16", path, manifest).items():
            off[name] = float(np.abs(engine.infer(batch).logits - exact).max())
    assert 1e-6 < off["simulated fp16"] < off["simulated bf16"] < 0.1
    with ExitStack() as stack, pytest.raises(EngineUnavailable, match="not fp8"):
        _simulated(stack, "fp8", path, manifest)
    loss = Estimate(0.001, -0.004, 0.008)
    group = GroupCost("all", 38, 36, 0.78, loss, None)
    options = argparse.Namespace(data=Path("labels.csv"), frames=24, simulate="fp16,bf16")
    cost = _cost(Variant("simulated bf16", (group,), 0.4, 0.1, None), options)
    assert (cost.precision, cost.simulated, cost.auc_loss) == ("bf16", True, 0.001)
    assert cost.engine.startswith("simulated on ")
    assert cost.command.endswith("--frames 24 --simulate fp16,bf16")
