from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from stream_guard.errors import ConfigError
from stream_guard.evaluation.clips import Clip
from stream_guard.evaluation.comparison import ClipScore, as_json, compare, false_alarms
from stream_guard.training.release import measurements

pytestmark = pytest.mark.unit


def score(group: str, label: str, *frames: float, path: str = "") -> ClipScore:
    return ClipScore(Clip(Path(path or f"{group}.mp4"), label, group), frames)


SCORES = [
    score("ffpp_real", "real", -2, -1),
    score("ffpp_deepfakes", "fake", 1, 2),
    score("talking_head", "real", 3, 5),
    score("live_swap_real", "real", -4, path="p1.mp4"),
    score("live_swap", "fake", -3, path="p1.mp4"),
    score("live_swap_real", "real", 1, -0.5, path="p2.mp4"),
    score("live_swap", "fake", -1, path="p2.mp4"),
]


def test_groups_meet_their_own_reals_and_all_meet_all():
    rows = {row.group: row for row in compare(SCORES)}
    assert rows["ffpp_deepfakes"].against == ("ffpp_real",)
    assert rows["ffpp_deepfakes"].auc.value == 1.0
    assert rows["live_swap"].against == ("live_swap_real",)
    assert rows["live_swap"].auc.value == 0.5
    assert rows["live_swap"].pairs_won == 0.5
    assert rows["all"].reals == 4
    assert rows["ffpp_deepfakes"].pairs_won is None


def test_a_group_without_partner_meets_all_reals():
    rows = compare([*SCORES, score("other", "fake", 9)])
    assert next(row for row in rows if row.group == "other").reals == 4


def test_false_alarms_weigh_clips_alike():
    rows = {row.group: row for row in false_alarms(SCORES)}
    assert (rows["talking_head"].frame_rate, rows["talking_head"].clip_rate) == (1.0, 1.0)
    assert (rows["live_swap_real"].frame_rate, rows["live_swap_real"].clip_rate) == (0.25, 0.5)
    assert "live_swap" not in rows


def test_nothing_to_compare_is_said():
    with pytest.raises(ConfigError, match="nothing to compare"):
        compare(SCORES[:1])


def test_measurements_carry_interval_and_command():
    measured = measurements(compare(SCORES), false_alarms(SCORES), command="stream-guard evaluate")
    first = json.loads(measured[0].model_dump_json())
    assert first["metric"] == "clip AUC"
    assert first["low"] <= first["value"] <= first["high"]
    assert all(figure.command == "stream-guard evaluate" for figure in measured)
    assert any(figure.on.startswith("talking_head") and figure.value == 1.0 for figure in measured)


def test_frames_are_judged_one_by_one_and_clips_are_drawn_whole():
    rows = {row.group: row for row in compare(SCORES)}
    # Of live swaps: -3 beats -4; -1 beats -4; 1 and -0.5 beat nothing.
    assert rows["live_swap"].frames.auc.value == pytest.approx(2 / 6)
    alone = compare([score("real", "real", *range(50)), score("fake", "fake", *range(25, 75))])[0].frames
    assert alone.auc.low == alone.auc.value == alone.auc.high, "one clip each: the draw has no choice"
    assert 0.5 < alone.auc.value < 1
    assert alone.equal_error_rate.value == pytest.approx(0.25)
    assert alone.hits.value == pytest.approx(25 / 50)


def test_json_holds_clip_and_frame_figures():
    manifest = SimpleNamespace(name="m", version="1", sha256="0")
    values = json.loads(json.dumps(as_json(manifest, compare(SCORES), false_alarms(SCORES), SCORES, [])))
    group = values["groups"][0]
    assert group["auc"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert set(group["frames"]) == {"auc", "equal_error_rate", "hits"}
    assert len(values["clips"]) == len(SCORES)
