"""What came of a self-test, in sentences that say no more than was seen."""

from __future__ import annotations

from stream_guard.face import Reason
from stream_guard.pipeline.self_test import Finding
from stream_guard.pipeline.self_test_figures import Figures

__all__ = ["finding_words"]

_HARDLY = 0.5
"""Log-likelihood ratio below which a move is not worth weighing: it makes 38 or 62 % of an authenticity of 50 %."""

_OFF = 1 / 3
"""How far the bitrate may be off the call's, as a share of it, before that is said."""

_OFTEN = 0.2
"""Share of the pictures from which on it is said why they could not be compared."""

_WEAK = 0.95
"""Share of the model's evidence below which it is said how much is left."""

_REASONS: dict[Reason | None, str] = {
    None: "the face was not found any more",
    Reason.FACE_TOO_SMALL: "it became too small",
    Reason.BLURRED: "it became too blurred",
    Reason.TURNED_AWAY: "it seemed turned away",
    Reason.COVERED: "it seemed covered",
    Reason.DARK: "it became too dark",
    Reason.OVEREXPOSED: "it became too bright",
}

_NOT_THEM = (
    "This is your face, with your camera and your light; theirs may move otherwise. It does not say how many swaps "
    "are still noticed."
)


def finding_words(finding: Finding, *, share: float) -> tuple[str, ...]:
    """Return what to say of a self-test that is over.

    Args:
        finding: what it found.
        share: of the model's evidence that is left at the call's bits a pixel, 0 to 1.
    """
    if finding.sent is None:
        return ("No picture of yours came, so nothing was compared.",)
    said = _moved(finding.figures) if finding.figures is not None else [_too_little(finding)]
    said += _refused(finding) + _bitrate(finding)
    if share < _WEAK:
        said.append(
            f"At so few bits a pixel about {share:.0%} of the model's evidence is left, as measured on other "
            "people: a real face may hardly move, and a swap be missed all the same."
        )
    return (*said, _NOT_THEM)


def _moved(figures: Figures) -> list[str]:
    moved, margin = figures.moved, figures.margin
    if abs(moved) <= margin and margin >= _HARDLY:
        verdict = "Whether your own face, sent like this call, scores otherwise cannot be told from so little."
    elif abs(moved) < _HARDLY:
        verdict = "Your own face, sent like this call, hardly moves."
    else:
        side, means_less = ("synthetic", "low") if moved > 0 else ("authentic", "high")
        verdict = (
            f"Your own face, sent like this call, moves towards {side} by {abs(moved):.1f}: weigh the call's score "
            f"accordingly, a {means_less} one means less here."
        )
    return [
        verdict,
        f"Authenticity {figures.authenticity_before:.0%} before, {figures.authenticity_after:.0%} after; as a "
        f"log-likelihood ratio {moved:+.1f}, 95 % interval {moved - margin:+.1f} to {moved + margin:+.1f}, over "
        f"{figures.frames} pictures.",
    ]


def _too_little(finding: Finding) -> str:
    if finding.with_face == 0:
        return (
            "Your own face could not be judged as it is, so nothing was compared: it must be in the picture, "
            "large, sharp, lit from the front and turned to the camera."
        )
    return "Too little could be judged both before and after to say how far the score moves."


def _refused(finding: Finding) -> list[str]:
    count = finding.refused.total()
    if count < _OFTEN * finding.with_face or not count:
        return []
    why = " or ".join(_REASONS[reason] for reason, _ in finding.refused.most_common(2) if reason in _REASONS)
    named = f": {why}" if why else ""
    pictures = f"{count} of {finding.with_face} pictures"
    return [f"Sent like this call, your face could not be judged on {pictures}{named}."]


def _bitrate(finding: Finding) -> list[str]:
    reached, wanted = finding.reached_kbps, finding.call.kbps
    if reached is None:
        return ["Too few pictures came for the encoder to settle."]
    said = [
        f"The call comes with {wanted:.0f} kb/s in {finding.call.codec}; your picture would take {reached:.0f} "
        "kb/s at its size and rate."
    ]
    if finding.left_out > _OFTEN * (finding.left_out + finding.with_face):
        said.append(f"The encoder left out {finding.left_out} pictures to save bits, as it would in a call.")
    elif reached < wanted * (1 - _OFF):
        said.append("It needed no more: it holds less, or moves less, than theirs, and may have lost less.")
    if reached > wanted * (1 + _OFF):
        said.append("It could not be encoded with fewer bits, so the true loss may be larger than what is shown.")
    return said
