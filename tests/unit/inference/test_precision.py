"""What an engine computes in, and how it refuses."""

from __future__ import annotations

import pytest

from stream_guard.errors import EngineUnavailable
from stream_guard.inference.engine import Precision
from stream_guard.inference.precision import MOST_AUC_LOSS, chosen_precision
from stream_guard.models import store
from stream_guard.models.manifest import Manifest, PrecisionCost
from stream_guard.testing.engines import make_manifest

pytestmark = pytest.mark.unit

OFFERS: tuple[Precision, ...] = ("bf16", "fp32", "int8")


def cost(loss: float, engine: str = "openvino") -> PrecisionCost:
    return PrecisionCost(
        precision="bf16", engine=engine, auc_loss=loss, low=loss, high=loss, on="nothing", command="none"
    )


def measured(*losses: float) -> Manifest:
    costs = tuple(cost(loss, f"engine {number}") for number, loss in enumerate(losses))
    return make_manifest().model_copy(update={"precisions": costs})


QUANTISED = make_manifest().model_copy(update={"quantised_on": "64 faces"})


@pytest.mark.parametrize(
    ("manifest", "taken"),
    [
        (measured(), "fp32"),
        (measured(MOST_AUC_LOSS), "bf16"),
        (measured(-0.001), "bf16"),
        (measured(MOST_AUC_LOSS * 1.01), "fp32"),
        (measured(0.0, 0.1), "fp32"),
        (QUANTISED, "int8"),
    ],
    ids=["never measured", "at the limit", "a gain", "above the limit", "harmful on one engine", "quantised"],
)
def test_auto_takes_the_fastest_that_is_known_to_do_no_harm(manifest: Manifest, taken: str) -> None:
    assert chosen_precision("auto", manifest, engine="mine", offers=OFFERS) == taken


def test_a_simulated_figure_counts_as_one_that_was_measured() -> None:
    simulated = cost(0.0).model_copy(update={"simulated": True})
    manifest = make_manifest().model_copy(update={"precisions": (simulated,)})
    assert chosen_precision("auto", manifest, engine="mine", offers=OFFERS) == "bf16"


def test_the_shipped_model_says_which_of_its_figures_are_simulated() -> None:
    _, manifest = store.default_model()
    rows = {(cost.precision, cost.engine.split()[0]): cost for cost in manifest.precisions}
    assert not rows["bf16", "openvino"].simulated
    for precision in ("fp16", "bf16"):
        assert rows[precision, "simulated"].simulated
        assert f"--simulate {precision}" in rows[precision, "simulated"].command.replace("fp16,bf16", precision)
    assert chosen_precision("auto", manifest, engine="a GPU", offers=("fp16", "bf16", "fp32", "int8")) == "fp16"


def test_who_names_a_precision_gets_it_whatever_it_costs() -> None:
    assert chosen_precision("bf16", measured(0.3), engine="mine", offers=OFFERS) == "bf16"
    assert chosen_precision("int8", QUANTISED, engine="mine", offers=OFFERS) == "int8"


@pytest.mark.parametrize(
    ("wanted", "manifest", "says"),
    [
        ("fp16", measured(), "mine offers bf16, fp32 for untrained.onnx, which is not quantised, here, not fp16"),
        ("int8", measured(), "not int8"),
        ("fp32", QUANTISED, "mine offers int8 for a quantised model here, not fp32"),
    ],
)
def test_what_is_not_offered_is_refused_in_words(wanted: Precision, manifest: Manifest, says: str) -> None:
    with pytest.raises(EngineUnavailable, match=says):
        chosen_precision(wanted, manifest, engine="mine", offers=OFFERS)


def test_an_engine_that_cannot_run_a_quantised_model_says_so() -> None:
    with pytest.raises(EngineUnavailable, match="mine offers nothing for a quantised model here, not auto"):
        chosen_precision("auto", QUANTISED, engine="mine", offers=("fp32",))
