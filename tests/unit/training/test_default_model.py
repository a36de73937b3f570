"""The shipped model still tells swaps from originals that it never saw."""

from __future__ import annotations

import numpy as np
import pytest

from stream_guard.evaluation.accuracy import auc
from stream_guard.evaluation.clips import Clip
from stream_guard.evaluation.comparison import score_clips
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.evaluation.predictor import loaded, predictor
from stream_guard.faces.mesh import FaceMesh
from stream_guard.models import store
from tests.data import videos

pytestmark = [pytest.mark.data, pytest.mark.timeout(180)]


def test_swaps_score_higher_than_originals():
    """The model card has 0.95 with 24 frames a clip; its interval begins at 0.85."""
    reals = [Clip(path, "real", "ffpp_real") for path in videos("ffpp_real")]
    fakes = [Clip(path, "fake", "ffpp_deepfakes") for path in videos("ffpp_deepfakes")]
    model, manifest = store.default_model()
    with loaded(model, manifest) as engine, FaceMesh(store.path(store.LANDMARKER)) as mesh:
        scores, unscored = score_clips([*reals, *fakes], predictor(engine), LargestFace(mesh), manifest, frames=6)
    assert unscored == []
    real, fake = (np.array([one.value for one in scores if one.clip.label == label]) for label in ("real", "fake"))
    assert auc(real, fake) >= 0.75
