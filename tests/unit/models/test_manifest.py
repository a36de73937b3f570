"""The JSON file beside an ONNX file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stream_guard.errors import ModelError
from stream_guard.models.manifest import AlarmRate, Independence, Manifest, TransportEvidence
from stream_guard.testing.engines import make_manifest

pytestmark = pytest.mark.unit


@pytest.fixture
def content() -> dict[str, Any]:
    content: dict[str, Any] = make_manifest(patch_grid=4).model_dump(mode="json")
    return content


def written(folder: Path, content: object) -> Path:
    path = folder / "model.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    manifest = make_manifest(patch_grid=4)
    assert Manifest.read(written(tmp_path, manifest.model_dump_json())) == manifest


def test_alarms_and_independence_are_read_back(tmp_path: Path) -> None:
    manifest = make_manifest().model_copy(
        update={
            "alarms": (AlarmRate(per_hour=1, rise=1.5, low=1, high=2, hours=30, how="modelled"),),
            "independence": Independence(
                correlation_s=0.2, low=0.1, high=0.3, within=0.5, between=1.5, measured_on="ten clips"
            ),
        }
    )
    assert Manifest.read(written(tmp_path, manifest.model_dump_json())) == manifest


def test_optional_facts_may_be_left_out(tmp_path: Path, content: dict[str, Any]) -> None:
    for name in ("patch_grid", "thresholds", "independence", "alarms", "data_sha256", "measured", "limits"):
        del content[name]
    manifest = Manifest.read(written(tmp_path, content))
    assert manifest.patch_grid is manifest.independence is None
    assert manifest.thresholds == manifest.alarms == manifest.measured == manifest.limits == ()


@pytest.mark.parametrize("name", ["file", "sha256", "licence", "size", "mean", "calibration", "data", "made_by"])
def test_what_is_needed_must_be_there(tmp_path: Path, content: dict[str, Any], name: str) -> None:
    del content[name]
    with pytest.raises(ModelError, match=f"model.json is not a model manifest: {name}: "):
        Manifest.read(written(tmp_path, content))


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("sha256", "A" * 64),
        ("sha256", "0" * 63),
        ("status", "final"),
        ("size", 0),
        ("margin", 0.5),
        ("mean", [0.5, 0.5]),
        ("calibration.temperature", 0),
        ("patch_grid", 1),
        ("polarity", "real"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    tmp_path: Path, content: dict[str, Any], where: str, value: object
) -> None:
    *path, last = where.split(".")
    place = content
    for part in path:
        place = place[part]
    place[last] = value
    with pytest.raises(ModelError, match=where) as caught:
        Manifest.read(written(tmp_path, content))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "[]", "no JSON", '{"name": '])
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(ModelError, match="is not a model manifest"):
        Manifest.read(written(tmp_path, content))


def test_a_missing_file_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot read the model manifest"):
        Manifest.read(tmp_path / "absent.json")


def test_a_manifest_does_not_change(content: dict[str, Any]) -> None:
    manifest = Manifest.model_validate(content)
    with pytest.raises(ValueError, match="frozen"):
        manifest.size = 64


TRANSPORT = TransportEvidence(none_at=0.02, full_at=0.32, floor=0.1, measured_on="clips", command="command")


@pytest.mark.parametrize(
    ("bits_per_pixel", "left"),
    [(0.0, 0.1), (0.001, 0.1), (0.02, 0.1), (0.04, 0.25), (0.08, 0.5), (0.32, 1), (9, 1)],
)
def test_the_fewer_bits_the_less_evidence(bits_per_pixel: float, left: float) -> None:
    assert TRANSPORT.share(bits_per_pixel) == pytest.approx(left)


def test_evidence_cannot_fall_with_more_bits(tmp_path: Path, content: dict[str, Any]) -> None:
    content["transport"] = TRANSPORT.model_dump() | {"none_at": 0.32, "full_at": 0.32}
    with pytest.raises(ModelError, match="none_at must be below full_at"):
        Manifest.read(written(tmp_path, content))
