"""How a self-test stands, as it is told by HTTP."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from stream_guard.pipeline.self_test import Finding

__all__ = ["SelfTestReport", "SelfTestState"]

SelfTestState = Literal["gathering", "comparing", "done", "cancelled", "lost", "failed"]


class SelfTestReport(BaseModel):
    """How a self-test stands. Log-likelihood ratios are positive for synthetic; null is not known."""

    session: str = Field(description="whose picture is sent")
    like: str | None = Field(serialization_alias="as", description="the call that is imitated; null: a made-up one")
    state: SelfTestState
    progress: float
    codec: str
    width: int
    height: int
    fps: float
    kbps: float
    reached_kbps: float | None = Field(None, description="what was really spent, at the call's size and rate")
    frames: int = Field(0, description="compared, before and after")
    refused: int = Field(0, description="that could be judged before, and no more after")
    llr_before: float | None = None
    llr_after: float | None = None
    moved: float | None = None
    interval: tuple[float, float] | None = Field(None, description="95 % interval of `moved`")
    authenticity_before: float | None = None
    authenticity_after: float | None = None
    evidence: float = Field(description="share of the model's evidence that is left at the call's bits a pixel")
    picture: bool = Field(False, description="whether there is a picture of before and after")
    words: tuple[str, ...] = Field((), description="the result, once it is over")

    def with_finding(self, finding: Finding) -> SelfTestReport:
        """Return the same, with what was found."""
        reached = None if finding.reached_kbps is None else round(finding.reached_kbps, 1)
        seen: dict[str, object] = {"reached_kbps": reached, "refused": finding.refused.total()}
        figures = finding.figures
        if figures is not None:
            seen |= {
                "frames": figures.frames,
                "llr_before": round(figures.before, 3),
                "llr_after": round(figures.after, 3),
                "moved": round(figures.moved, 3),
                "interval": (round(figures.moved - figures.margin, 3), round(figures.moved + figures.margin, 3)),
                "authenticity_before": round(figures.authenticity_before, 4),
                "authenticity_after": round(figures.authenticity_after, 4),
            }
        return self.model_copy(update=seen)
