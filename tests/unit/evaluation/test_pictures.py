from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stream_guard.errors import ConfigError
from stream_guard.evaluation.accuracy import Estimate, auc
from stream_guard.evaluation.clips import Clip
from stream_guard.evaluation.comparison import ClipScore, compare
from stream_guard.evaluation.pictures import draw_roc, draw_transport, roc

pytestmark = pytest.mark.unit


def scores() -> list[ClipScore]:
    rng = np.random.default_rng(0)
    return [
        ClipScore(Clip(Path(f"{group}{number}.mp4"), label, group), tuple(rng.normal(mean, 1, 5)))
        for group, label, mean in (("calls", "real", 0), ("swap", "fake", 1), ("reenacted", "fake", 3))
        for number in range(8)
    ]


@pytest.mark.parametrize("digits", [0, 6])  # with and without ties
def test_the_area_below_the_curve_is_the_auc(digits):
    rng = np.random.default_rng(0)
    real, fake = rng.normal(0, 1, 50).round(digits), rng.normal(1, 1, 30).round(digits)
    alarms, hits = roc(real, fake)
    assert (alarms[0], hits[0], alarms[-1], hits[-1]) == (0, 0, 1, 1)
    assert (np.diff(alarms) >= 0).all()
    assert (np.diff(hits) >= 0).all()
    assert np.trapezoid(hits, alarms) == pytest.approx(auc(real, fake))


def test_the_curve_of_known_scores():
    alarms, hits = roc(np.array([0.0, 2.0]), np.array([1.0, 3.0]))
    assert alarms.tolist() == [0, 0, 0.5, 0.5, 1]
    assert hits.tolist() == [0, 0.5, 0.5, 1, 1]


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_roc_curves_name_every_group_with_its_figure(tmp_path, suffix):
    path = tmp_path / "new folder" / f"roc.{suffix}"
    rows = compare(scores())
    draw_roc(scores(), rows, path)
    if suffix == "png":
        assert cv2.imread(str(path)).std() > 10
    if suffix == "svg":
        text = path.read_text()
        for row in rows:
            assert f"{row.group}: {row.auc.value:.2f}" in text
            assert f"{row.group}: {row.frames.auc.value:.2f}" in text


def test_a_line_for_each_group_and_a_panel_for_each_loss(tmp_path):
    known = Estimate(0.9, 0.8, 0.95)
    lines = {"swap": [[known, Estimate(0.7, 0.6, 0.8)], [known, None]], "all": [[known, known], [None, None]]}
    draw_transport(["0 % lost", "5 % lost"], ["source", "600"], lines, tmp_path / "t.svg")
    text = (tmp_path / "t.svg").read_text()
    for word in ("0 % lost", "5 % lost", "swap", "all", "clip AUC"):
        assert word in text


def test_what_is_no_picture_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"\.png, \.svg or \.pdf"):
        draw_roc(scores(), compare(scores()), tmp_path / "roc.txt")


def test_what_cannot_be_written_is_said(tmp_path):
    (tmp_path / "roc.png").mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        draw_roc(scores(), compare(scores()), tmp_path / "roc.png")
