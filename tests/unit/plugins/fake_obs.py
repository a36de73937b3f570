"""A stand-in for ``obspython``: scenes and sources in memory, every reference counted, every thread checked.

It knows what the script uses and refuses the rest. Calls for which the real OBS waits for its user interface
fail here on the graphics thread, where they would freeze it (obs-studio issue 7516).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

_EVENTS = (
    "SCENE_CHANGED",
    "PROFILE_CHANGED",
    "FINISHED_LOADING",
    "SCENE_COLLECTION_CHANGING",
    "SCENE_COLLECTION_CHANGED",
    "SCRIPTING_SHUTDOWN",
    "EXIT",
)


@dataclass(eq=False)
class Item:
    """A source's place in a scene."""

    source: Source
    scene: Source
    visible: bool = True
    pos: tuple[float, float] = (0, 0)
    scale: tuple[float, float] = (1, 1)
    crop: tuple[int, int, int, int] = (0, 0, 0, 0)


@dataclass(eq=False)
class Source:
    """A source, or a scene, or a filter."""

    name: str
    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    filters: list[Source] = field(default_factory=list)
    updates: int = 0


class Settings:
    """``obs_data_t``: values over defaults."""

    def __init__(self, values: dict[str, Any] | None = None) -> None:
        self.values = values or {}
        self.defaults: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.values.get(key, self.defaults.get(key))


class Pair:
    """``vec2``, and the struct of a crop."""

    x = y = 0.0
    left = top = right = bottom = 0


class FakeObs:
    """The module. ``references`` is what has been got and not released; ``thread`` is who calls."""

    LOG_INFO = 300
    OBS_TEXT_DEFAULT, OBS_TEXT_PASSWORD, OBS_TEXT_INFO = 0, 1, 3
    OBS_COMBO_TYPE_EDITABLE, OBS_COMBO_TYPE_LIST, OBS_COMBO_FORMAT_STRING = 1, 2, 3
    OBS_GROUP_NORMAL, OBS_ORDER_MOVE_BOTTOM = 1, 3
    vec2 = obs_sceneitem_crop = Pair

    def __init__(self, *scenes: str, loaded: bool = True) -> None:
        for number, event in enumerate(_EVENTS):
            setattr(self, f"OBS_FRONTEND_EVENT_{event}", number)
        self.sources = {name: Source(name, "scene") for name in scenes}
        self.on_air = scenes[0]
        self.preview: str | None = None
        self.loaded = loaded
        self.thread = "ui"
        self.references = 0
        self.saves = 0
        self.canvas = (1280, 720)
        self.studio_mode = self.recording = self.replaying = False
        self.replays = 0
        self.lines: list[str] = []
        self.timers: list[Callable[[], None]] = []
        self.listeners: list[Callable[[int], None]] = []
        self.hotkeys: list[Callable[[bool], None]] = []
        self.projectors: list[str] = []

    # What tests do with it.

    def add(self, scene: str, name: str, kind: str = "image_source") -> Item:
        """Put a source into a scene."""
        source = self.sources.setdefault(name, Source(name, kind))
        item = Item(source, self.sources[scene])
        self.sources[scene].items.append(item)
        return item

    def names(self, scene: str) -> list[str]:
        """Return what is in a scene, the lowest first."""
        return [item.source.name for item in self.sources[scene].items]

    def event(self, name: str) -> None:
        """Tell every script of an event."""
        for listener in self.listeners:
            listener(getattr(self, f"OBS_FRONTEND_EVENT_{name}"))

    def switch(self, scene: str) -> None:
        """Put a scene on air, as a user does."""
        self.on_air = scene
        self.event("SCENE_CHANGED")

    @contextlib.contextmanager
    def graphics_thread(self) -> Iterator[None]:
        """Call from OBS's graphics thread."""
        self.thread = "graphics"
        yield
        self.thread = "ui"

    # References.

    def _got(self, thing: Any) -> Any:
        self.references += thing is not None
        return thing

    def _released(self, thing: Any) -> None:
        assert thing is not None
        self.references -= 1
        assert self.references >= 0, "released twice"

    obs_source_release = obs_scene_release = obs_data_release = obs_output_release = _released
    obs_data_array_release = sceneitem_list_release = source_list_release = _released

    def _needs_ui(self) -> None:
        assert self.thread == "ui", "OBS would wait for its user interface here, and freeze"

    # Sources and scenes.

    def obs_get_latest_input_type_id(self, kind: str) -> str:
        known = {"color_source": "color_source_v3", "image_source": "image_source"}
        known |= {"text_ft2_source": "text_ft2_source_v2", "text_gdiplus": "text_gdiplus_v2"}
        return known[kind]

    def obs_get_source_by_name(self, name: str) -> Source | None:
        return self._got(self.sources.get(name))

    def obs_source_create(self, kind: str, name: str, settings: Settings | None, hotkeys: None) -> Source:
        self._needs_ui()
        assert name not in self.sources, f"a second {name!r}"
        self.sources[name] = Source(name, kind, dict(settings.values) if settings else {})
        return self._got(self.sources[name])

    def obs_source_create_private(self, kind: str, name: str, settings: Settings) -> Source:
        return self._got(Source(name, kind, dict(settings.values)))

    def obs_source_update(self, source: Source, data: Settings) -> None:
        source.settings.update(data.values)
        source.updates += 1

    def obs_source_remove(self, source: Source) -> None:
        self._needs_ui()
        del self.sources[source.name]
        for scene in self.sources.values():
            scene.items = [item for item in scene.items if item.source is not source]

    def obs_source_get_name(self, source: Source) -> str:
        return source.name

    def obs_source_is_scene(self, source: Source) -> bool:
        return source.kind == "scene"

    def obs_source_get_unversioned_id(self, source: Source) -> str:
        return source.kind.rsplit("_v", 1)[0]

    def obs_source_get_width(self, source: Source) -> int:
        return self.canvas[0]

    def obs_source_get_height(self, source: Source) -> int:
        return self.canvas[1]

    def obs_source_get_filter_by_name(self, source: Source, name: str) -> Source | None:
        return self._got(next((one for one in source.filters if one.name == name), None))

    def obs_source_filter_add(self, source: Source, added: Source) -> None:
        source.filters.append(added)

    def obs_source_filter_remove(self, source: Source, removed: Source) -> None:
        source.filters.remove(removed)

    def obs_scene_create(self, name: str) -> Source:
        self._needs_ui()
        assert name not in self.sources
        self.sources[name] = Source(name, "scene")
        return self._got(self.sources[name])

    def obs_scene_from_source(self, source: Source) -> Source | None:
        return source if source.kind == "scene" else None

    def obs_scene_add(self, scene: Source, source: Source) -> Item:
        self._needs_ui()
        assert scene is not source
        return self.add(scene.name, source.name)

    def obs_scene_find_source(self, scene: Source, name: str) -> Item | None:
        return next((item for item in scene.items if item.source.name == name), None)

    obs_scene_find_source_recursive = obs_scene_find_source

    def obs_scene_enum_items(self, scene: Source) -> list[Item]:
        return self._got(list(scene.items))

    def obs_sceneitem_get_source(self, item: Item) -> Source:
        return item.source

    def obs_sceneitem_remove(self, item: Item) -> None:
        self._needs_ui()
        item.scene.items.remove(item)

    def obs_sceneitem_visible(self, item: Item) -> bool:
        return item.visible

    def obs_sceneitem_set_visible(self, item: Item, visible: bool) -> None:
        item.visible = visible

    def obs_sceneitem_set_pos(self, item: Item, pos: Pair) -> None:
        item.pos = (pos.x, pos.y)

    def obs_sceneitem_set_scale(self, item: Item, scale: Pair) -> None:
        item.scale = (scale.x, scale.y)

    def obs_sceneitem_set_crop(self, item: Item, crop: Pair) -> None:
        item.crop = (crop.left, crop.top, crop.right, crop.bottom)

    def obs_sceneitem_set_order(self, item: Item, order: int) -> None:
        assert order == self.OBS_ORDER_MOVE_BOTTOM
        item.scene.items.remove(item)
        item.scene.items.insert(0, item)

    def vec2_set(self, pair: Pair, x: float, y: float) -> None:
        pair.x, pair.y = x, y

    def obs_enum_sources(self) -> list[Source]:
        return self._got([source for source in self.sources.values() if source.kind != "scene"])

    # The frontend.

    def obs_frontend_get_current_scene(self) -> Source | None:
        self._needs_ui()
        return self._got(self.sources[self.on_air] if self.loaded else None)

    def obs_frontend_set_current_scene(self, scene: Source) -> None:
        self._needs_ui()
        self.switch(scene.name)

    def obs_frontend_set_current_preview_scene(self, scene: Source) -> None:
        self._needs_ui()
        self.preview = scene.name

    def obs_frontend_preview_program_mode_active(self) -> bool:
        return self.studio_mode

    def obs_frontend_get_scenes(self) -> list[Source]:
        self._needs_ui()
        return self._got([source for source in self.sources.values() if source.kind == "scene"])

    def obs_frontend_get_scene_names(self) -> list[str]:
        return [source.name for source in self.sources.values() if source.kind == "scene" and self.loaded]

    def obs_frontend_save(self) -> None:
        self.saves += 1

    def obs_frontend_recording_active(self) -> bool:
        return self.recording

    def obs_frontend_recording_start(self) -> None:
        self.recording = True

    def obs_frontend_recording_stop(self) -> None:
        self.recording = False

    def obs_frontend_get_recording_output(self) -> Any:
        return self._got(object())

    def obs_output_get_total_frames(self, output: object) -> int:
        return 30 * 3725

    def obs_get_active_fps(self) -> float:
        return 30.0

    def obs_frontend_replay_buffer_active(self) -> bool:
        return self.replaying

    def obs_frontend_replay_buffer_start(self) -> None:
        self.replaying = True

    def obs_frontend_replay_buffer_save(self) -> None:
        self.replays += 1

    def obs_frontend_open_projector(self, kind: str, monitor: int, geometry: str, name: str) -> None:
        self.projectors.append(name)

    def obs_frontend_add_event_callback(self, callback: Callable[[int], None]) -> None:
        self.listeners.append(callback)

    def obs_frontend_remove_event_callback(self, callback: Callable[[int], None]) -> None:
        self.listeners.remove(callback)

    def timer_add(self, callback: Callable[[], None], interval_ms: int) -> None:
        assert interval_ms == 100
        self.timers.append(callback)

    def timer_remove(self, callback: Callable[[], None]) -> None:
        self.timers.remove(callback)

    def script_log(self, level: int, text: str) -> None:
        self.lines.append(text)

    # Hot keys.

    def obs_hotkey_register_frontend(self, name: str, title: str, callback: Callable[[bool], None]) -> int:
        self.hotkeys.append(callback)
        return len(self.hotkeys) - 1

    def obs_hotkey_load(self, hotkey: int, keys: Any) -> None:
        assert keys is None or isinstance(keys, list)

    def obs_hotkey_save(self, hotkey: int) -> list[Any]:
        return self._got([{"key": f"OBS_KEY_F{hotkey}"}])

    # Settings.

    def obs_data_create_from_json(self, text: str) -> Settings:
        return self._got(Settings(json.loads(text)))

    def _default(self, settings: Settings, key: str, value: Any) -> None:
        settings.defaults[key] = value

    obs_data_set_default_bool = obs_data_set_default_int = _default
    obs_data_set_default_double = obs_data_set_default_string = _default

    def _get(self, settings: Settings, key: str) -> Any:
        return settings.get(key)

    obs_data_get_bool = obs_data_get_int = obs_data_get_double = obs_data_get_string = _get

    def obs_data_get_array(self, settings: Settings, key: str) -> Any:
        return self._got(settings.get(key))

    def obs_data_set_array(self, settings: Settings, key: str, value: Any) -> None:
        settings.values[key] = value

    # The dialog: a flat dictionary of what was added, by name.

    def obs_properties_create(self) -> dict[str, Any]:
        return {}

    def obs_properties_add_group(self, props: dict[str, Any], name: str, title: str, kind: int, group: Any) -> None:
        props[name] = group

    def obs_properties_get(self, props: dict[str, Any], name: str) -> Any:
        return props[name]

    def _field(self, props: dict[str, Any], name: str, title: str, *rest: Any) -> dict[str, Any]:
        assert name not in props
        props[name] = {"title": title, "entries": [], "rest": rest}
        return props[name]  # type: ignore[no-any-return]

    obs_properties_add_text = obs_properties_add_button = obs_properties_add_list = _field
    obs_properties_add_int = obs_properties_add_float = obs_properties_add_bool = obs_properties_add_color = _field

    def obs_property_list_add_string(self, prop: dict[str, Any], shown: str, value: str) -> None:
        prop["entries"].append(value)

    def obs_property_set_description(self, prop: dict[str, Any], title: str) -> None:
        prop["title"] = title

    def obs_property_set_long_description(self, prop: dict[str, Any], text: str) -> None:
        prop["long"] = text
