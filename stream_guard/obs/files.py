"""Where things are: the script and the preset we ship, and the folder in which OBS keeps its settings."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from stream_guard.errors import ConfigError

__all__ = ["PRESET", "SCRIPT", "config_folder", "shipped"]

SCRIPT = "stream_guard_obs.py"
PRESET = "stream_guard.json"


def shipped(name: str) -> Path:
    """Return where a file of ours for OBS is: in the installed package, or in ``plugins/obs`` of a checkout.

    Raises:
        ConfigError: in neither.
    """
    here = Path(__file__).parent
    for folder in (here, here.parents[1] / "plugins" / "obs"):
        if (folder / name).is_file():
            return folder / name
    raise ConfigError(f"{name} is missing from this installation: install stream-guard again")


def config_folder() -> Path:
    """Return where OBS keeps profiles and scene collections on this system.

    Raises:
        ConfigError: OBS has never run here.
    """
    home = Path.home()
    if sys.platform == "win32":
        places = [Path(os.environ.get("APPDATA", home / "AppData" / "Roaming")) / "obs-studio"]
    elif sys.platform == "darwin":
        places = [home / "Library" / "Application Support" / "obs-studio"]
    else:
        config = Path(os.environ.get("XDG_CONFIG_HOME", home / ".config"))
        flatpak = home / ".var" / "app" / "com.obsproject.Studio" / "config"
        places = [config / "obs-studio", flatpak / "obs-studio"]
    for place in places:
        if (place / "basic").is_dir():
            return place
    raise ConfigError("no settings of OBS Studio here: start it once, or name their folder with --folder")
