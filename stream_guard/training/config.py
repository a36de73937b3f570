"""A training run in one TOML file: the fields of `train.Options`, tables for what is nested."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from stream_guard.errors import ConfigError
from stream_guard.training.train import Options

__all__ = ["read_options"]


def read_options(path: Path | None = None, **given: Any) -> Options:
    """Return the options of a run.

    Args:
        path: a TOML file; fields it does not name have their defaults.
        given: fields that count more than the file's; None is not given.

    Raises:
        ConfigError: no such file, not TOML, an unknown field, or a value that cannot be.
    """
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8")) if path is not None else {}
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file: {error}") from error
    fields |= {name: value for name, value in given.items() if value is not None}
    try:
        return TypeAdapter(Options).validate_python(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path or 'the options'}: {where}: {first['msg']}") from error
