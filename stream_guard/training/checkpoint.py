"""What a training run leaves on disk: enough to go on where it stopped, to begin another, or to release one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel

from stream_guard.errors import ConfigError, ModelError
from stream_guard.training.dataset import Recipe
from stream_guard.training.network import Detector, NetworkOptions

__all__ = ["CHECKPOINT", "begin_from", "load_detector", "resume", "save"]

CHECKPOINT = "checkpoint.pt"


def save(
    path: Path,
    network: Detector,
    average: AveragedModel,
    optimiser: torch.optim.Optimizer,
    recipe: Recipe,
    *,
    number: int,
    elapsed: float,
) -> None:
    """Write a run as it stands.

    Args:
        path: of the file.
        network: as trained so far.
        average: running average of its weights.
        optimiser: with its moments.
        recipe: how the samples were made.
        number: of the last step.
        elapsed: seconds of training.
    """
    state = {
        "network": network.state_dict(),
        "average": average.module.state_dict(),
        "averaged": average.n_averaged,
        "optimiser": optimiser.state_dict(),
        "recipe": asdict(recipe),
        "architecture": asdict(network.options),
        "number": number,
        "elapsed": elapsed,
    }
    # Written beside and renamed: a run that is stopped while saving keeps its last checkpoint.
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def resume(
    path: Path, network: Detector, average: AveragedModel, optimiser: torch.optim.Optimizer, recipe: Recipe
) -> tuple[int, float]:
    """Take up a run where it stopped; return the number of its last step and the seconds it took so far.

    Raises:
        ConfigError: it was made with another recipe or another network.
    """
    if not path.is_file():
        return 0, 0.0
    state = _read(path)
    if (state["recipe"], state["architecture"]) != (asdict(recipe), asdict(network.options)):
        raise ConfigError(f"{path} was made with another recipe: give another --out, or remove it")
    network.load_state_dict(state["network"])
    average.module.load_state_dict(state["average"])
    average.n_averaged.copy_(state["averaged"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["number"]), float(state["elapsed"])


def begin_from(path: Path, network: Detector) -> None:
    """Begin with the weights of another run: what its network lacks keeps its first values.

    Raises:
        ModelError: there is no such checkpoint, or nothing in it fits.
    """
    weights, own = _read(path)["network"], network.state_dict()
    fitting = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
    judges = [name for name in own if name in ("logit.weight", "hybrid.judge.weight")]
    if not all(name in fitting for name in judges):
        raise ModelError(f"{path} holds another kind of network")
    network.load_state_dict(own | fitting)


def load_detector(path: Path) -> Detector:
    """Return the averaged weights of a checkpoint, in evaluation mode, on the CPU.

    Args:
        path: the file, or the folder of a run.

    Raises:
        ModelError: there is no checkpoint.
    """
    state = _read(path / CHECKPOINT if path.is_dir() else path)
    detector = Detector(NetworkOptions(**state["architecture"]))
    detector.load_state_dict(state["average"])
    return detector.eval()


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelError(f"there is no {path.name} in {path.parent}")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises what the damage happens to cause
        raise ModelError(f"{path} is not a checkpoint: {type(error).__name__}") from error
    if not isinstance(state, dict) or "architecture" not in state:
        raise ModelError(f"{path} is not a checkpoint of a training run")
    return state
