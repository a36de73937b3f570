"""What an engine computes in: one rule for all, and one set of words for refusing.

``auto`` is the fastest precision that is known to cost this model at most `MOST_AUC_LOSS` of its AUC. What each
costs stands in the model's manifest, written by ``benchmarks/accuracy/precisions.py``; what was never measured is
not taken. A figure may be simulated, for a device that was not at hand, and says so: engines on such devices hold
their own answers against float32's before they judge anybody (`engines.tensorrt.check`).
"""

from __future__ import annotations

from collections.abc import Sequence

from stream_guard.errors import EngineUnavailable
from stream_guard.inference.engine import Precision
from stream_guard.models.manifest import Manifest

__all__ = ["MOST_AUC_LOSS", "chosen_precision"]

MOST_AUC_LOSS = 0.005
"""Of the clip AUC over all groups, against float32."""


def chosen_precision(
    wanted: Precision, manifest: Manifest, *, engine: str, offers: Sequence[Precision]
) -> Precision:
    """Return what to compute in.

    Args:
        wanted: what the caller asked for.
        manifest: the model's. A quantised model is a file of its own: it runs as ``int8``, and nothing else does.
        engine: its name, for the message.
        offers: what the engine can do here, the fastest first.

    Raises:
        EngineUnavailable: the engine does not offer it here, or the file is not made for it.
    """
    suitable = [one for one in offers if (one == "int8") == bool(manifest.quantised_on)]
    if wanted == "auto":
        for one in suitable:
            if one in ("fp32", "int8") or one in manifest.harmless_precisions(MOST_AUC_LOSS):
                return one
    elif wanted in suitable:
        return wanted
    what = "a quantised model" if manifest.quantised_on else f"{manifest.file}, which is not quantised,"
    here = ", ".join(suitable) or "nothing"
    raise EngineUnavailable(f"{engine} offers {here} for {what} here, not {wanted}")
