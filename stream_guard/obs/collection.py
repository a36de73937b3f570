"""The preset scenes, with a server's address in them, as files in OBS's own folder."""

from __future__ import annotations

import configparser
import json
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stream_guard.errors import ConfigError
from stream_guard.obs.files import PRESET, SCRIPT, shipped
from stream_guard.obs.sending import ENCODER, Sending

__all__ = ["NAME", "OVERLAY", "overlay_settings", "overlay_url", "scene_collection", "write"]

NAME = "stream-guard"
"""Of the scene collection, and of the profile."""

OVERLAY = "stream-guard overlay"
"""Name of the browser source."""

_CANVAS = {"BaseCX": "1920", "BaseCY": "1080", "OutputCX": "1280", "OutputCY": "720", "FPSCommon": "30"}


def overlay_url(server: str, token: str | None = None) -> str:
    """Return the overlay's address. A token stands in it, as OBS's browser cannot be asked for one."""
    return f"{server}/overlay" + (f"#token={quote(token, safe='')}" if token else "")


def scene_collection(server: str, token: str | None = None, *, with_script: bool = True) -> dict[str, Any]:
    """Return the shipped scenes for this server, as OBS keeps them.

    Args:
        server: address of stream-guard.
        token: of the server; it will stand in the file.
        with_script: list the OBS script too. Its badge is for the user alone, as the overlay is on air; what an
            alarm shall do is the user's choice.
    """
    preset: dict[str, Any] = json.loads(shipped(PRESET).read_text(encoding="utf-8"))
    for source in preset["sources"]:
        if source["name"] == OVERLAY:
            source["settings"].update(overlay_settings(server, token))
    if with_script:
        settings = {"server": server, "token": token or "", "where": "monitor"}
        preset["modules"]["scripts-tool"] = [{"path": str(shipped(SCRIPT)), "settings": settings}]
    return preset


def overlay_settings(server: str, token: str | None = None) -> dict[str, Any]:
    """Return the settings of the browser source, for a canvas of 1920 x 1080."""
    return {"url": overlay_url(server, token), "width": 1920, "height": 1080, "css": "", "reroute_audio": False}


def write(
    folder: Path, server: str, token: str | None = None, *, sending: Sending | None = None, replace: bool = False
) -> list[Path]:
    """Write a scene collection and, to send the picture, a profile, both of their own. Nothing else is touched.

    Args:
        folder: OBS's, which holds ``basic``; see `stream_guard.obs.files.config_folder`. OBS finds the files when
            it starts.
        server: address of stream-guard.
        token: of the server.
        sending: how OBS will send; None leaves out the profile.
        replace: overwrite what an earlier call has written.

    Returns:
        The files written.

    Raises:
        ConfigError: a file is there already, or cannot be written.
    """
    files = {folder / "basic" / "scenes" / f"{NAME}.json": _json(scene_collection(server, token))}
    if sending is not None:
        profile = folder / "basic" / "profiles" / NAME
        files[profile / "basic.ini"] = _profile()
        files[profile / "service.json"] = _json({"type": sending.service, "settings": sending.settings})
    for path in files:
        if path.exists() and not replace:
            raise ConfigError(f"{path} is there already: --force replaces it")
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)  # before there is a token in it
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename}: {error.strerror}") from error
    return list(files)


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def _profile() -> str:
    """Return ``basic.ini``."""
    profile = configparser.ConfigParser(interpolation=None)
    profile.optionxform = str  # type: ignore[assignment,method-assign]  # OBS minds capital letters
    profile["General"] = {"Name": NAME}
    profile["Output"] = {"Mode": "Simple"}
    profile["SimpleOutput"] = ENCODER
    profile["Video"] = _CANVAS
    text = StringIO()
    profile.write(text, space_around_delimiters=False)
    return text.getvalue()
