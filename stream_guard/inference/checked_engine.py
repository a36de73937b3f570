"""Makes engines as long as the model's file is what it was at the start."""

from __future__ import annotations

from pathlib import Path

from stream_guard.errors import ModelError
from stream_guard.inference.engine import Engine
from stream_guard.models import store
from stream_guard.models.manifest import Manifest

__all__ = ["CheckedEngine"]


class CheckedEngine:
    """Makes one kind of engine. One that takes over in mid-call reads the file again, which may have been swapped.

    Attributes:
        name: of the engine.
    """

    def __init__(self, kind: type[Engine], model: Path, manifest: Manifest) -> None:
        """Prepare.

        Args:
            kind: the engine's class.
            model: the ONNX file, its manifest beside it.
            manifest: as it was read at the start.
        """
        self.name = kind.name
        self._kind = kind
        self._model = model
        self._manifest = manifest

    def __call__(self) -> Engine:
        """Return an engine; nothing is loaded yet.

        Raises:
            ModelError: the file is missing, damaged, or another model than at the start.
        """
        _, manifest = store.open_model(self._model)
        if manifest.sha256 != self._manifest.sha256:
            raise ModelError(f"{self._model} is another model than at the start; restart to use it")
        return self._kind()
