"""What is known of a model: how to feed it, how to read it, how it was made, how good it is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stream_guard.errors import ModelError, printable

__all__ = [
    "AlarmRate",
    "Calibration",
    "DataSet",
    "Independence",
    "Manifest",
    "Measurement",
    "PrecisionCost",
    "Threshold",
    "TransportEvidence",
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Calibration(_Strict):
    """Turns a logit into a log-likelihood ratio: ``(logit - bias) / temperature`` (Guo et al., ICML 2017).

    The bias is set on real faces seen through call codecs, so that 0 is even odds there.
    """

    temperature: float = Field(1.0, gt=0, description="divides the logit")
    bias: float = Field(0.0, description="is subtracted from the logit first")
    fitted_on: str = Field("", description="which samples, in words")


class Threshold(_Strict):
    """A calibrated logit above which a share of real faces falls, one frame at a time."""

    false_alarm_rate: float = Field(gt=0, lt=1)
    logit: float


class Independence(_Strict):
    """How long a model's errors last: two frames d seconds apart correlate by ``exp(-d / correlation_s)``."""

    correlation_s: float = Field(gt=0, description="estimated on real footage")
    low: float = Field(gt=0, description="95 % bootstrap interval over clips")
    high: float = Field(gt=0)
    within: float = Field(ge=0, description="variance of the calibrated logit within a clip")
    between: float = Field(ge=0, description="variance of the clips' means, what chance adds taken off")
    measured_on: str = Field(description="which footage, in words")


class AlarmRate(_Strict):
    """The ``rise`` at which real people raise so many alarms an hour of call."""

    per_hour: float = Field(gt=0, description="false alarms an hour for one face in view")
    rise: float = Field(description="smoothed log-likelihood ratio from which on a face may be called synthetic")
    low: float = Field(description="95 % interval of the rise")
    high: float
    hours: float = Field(gt=0, description="of call behind it")
    how: str = Field(description="what was measured and what was modelled, in words")


class DataSet(_Strict):
    """One set of faces the model was trained on."""

    name: str
    items: int = Field(ge=1)
    terms: str = Field(description="what its owners allow")
    use: Literal["train", "calibrate", "validate"]


class Measurement(_Strict):
    """One figure, with the command that printed it."""

    on: str = Field(description="the set")
    metric: str = Field(description="for instance: video AUC")
    value: float
    low: float | None = Field(None, description="95 % bootstrap interval")
    high: float | None = None
    command: str


class TransportEvidence(_Strict):
    """How much of its evidence is left where a picture comes with few bits.

    What the model says of a picture that an encoder smoothed overclaims: its log-likelihood ratios hardly move for
    real faces, and those of swaps come down to meet them.
    """

    none_at: float = Field(gt=0, description="bits a pixel at and below which next to nothing is left")
    full_at: float = Field(gt=0, description="bits a pixel from which on all of it is there")
    floor: float = Field(gt=0, le=1, description="what is left at least")
    measured_on: str = Field(description="clips and transport, in words")
    command: str

    def share(self, bits_per_pixel: float) -> float:
        """Return the share of evidence that is left, `floor` to 1, linear in the logarithm of the bits.

        Args:
            bits_per_pixel: of the stream: bits a second over pixels a second.
        """
        if bits_per_pixel <= 0:
            return self.floor
        share = math.log(bits_per_pixel / self.none_at) / math.log(self.full_at / self.none_at)
        return max(self.floor, min(1.0, share))

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.none_at >= self.full_at:
            raise ValueError("none_at must be below full_at")
        return self


class PrecisionCost(_Strict):
    """What computing in less than float32 costs: float32's clip AUC minus this precision's, on the same clips."""

    precision: Literal["fp16", "bf16", "int8"]
    engine: str = Field(description="which engine computed it, and where")
    auc_loss: float
    low: float = Field(description="95 % bootstrap interval, clips drawn in pairs")
    high: float
    on: str = Field(description="the clips, in words")
    simulated: bool = Field(False, description="computed on another device, every result rounded as it would be")
    command: str


class Manifest(_Strict):
    """The JSON file beside an ONNX file, same stem.

    The graph's input is ``faces``: uint8, (n, size, size, 3), RGB. Its outputs are ``logits``: float32, (n,),
    positive for synthetic; and, where `patch_grid` is set, ``patches``: float32, (n, grid, grid).
    """

    name: str
    version: str
    status: Literal["preview", "stable"]
    summary: str
    file: str = Field(description="the ONNX file's name, in the same folder")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    licence: str = Field(description="of the weights")
    size: int = Field(ge=32, le=512, description="side of the input in pixels")
    margin: float = Field(ge=1.0, le=3.0, description="crop margin: side of the square over the box's longer side")
    mean: tuple[float, float, float] = Field(description="of RGB in 0..1; applied inside the graph")
    std: tuple[float, float, float]
    patch_grid: int | None = Field(None, ge=2, le=64)
    min_face_px: int = Field(ge=16, description="the shorter side of a face below which it is not judged")
    parameters: int = Field(ge=1)
    calibration: Calibration
    thresholds: tuple[Threshold, ...] = ()
    independence: Independence | None = Field(None, description="None where it was not measured")
    alarms: tuple[AlarmRate, ...] = Field((), description="empty where it was not worked out")
    transport: TransportEvidence | None = Field(None, description="None where it was not measured")
    data: tuple[DataSet, ...]
    data_sha256: str = Field("", description="digest of the list of training files")
    made_by: str = Field(description="the command")
    measured: tuple[Measurement, ...] = ()
    precisions: tuple[PrecisionCost, ...] = Field((), description="those whose cost was measured")
    quantised_on: str = Field("", description="the calibration set of an INT8 graph, in words; empty otherwise")
    limits: tuple[str, ...] = Field((), description="what it is known not to do, in plain words")

    def harmless_precisions(self, most: float) -> set[str]:
        """Return the precisions below float32 that were measured and cost at most so much AUC, on every engine."""
        known: set[str] = {cost.precision for cost in self.precisions}
        return known - {cost.precision for cost in self.precisions if cost.auc_loss > most}

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest.

        Raises:
            ModelError: the file is missing or not a manifest.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise ModelError(f"cannot read the model manifest {path}: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])[:100] or "the file"
            what = printable(f"{where}: {first['msg']}")
            raise ModelError(f"{path} is not a model manifest: {what}") from error
