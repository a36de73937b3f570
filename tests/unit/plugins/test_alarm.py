"""When the OBS script raises an alarm, what it does then, and how all of it is taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.plugins.conftest import Stage

pytestmark = pytest.mark.unit

Scores = Callable[..., dict[str, Any]]


@pytest.fixture
def live(stage: Stage, hello: dict[str, Any], scores: Scores) -> Callable[..., None]:
    """Lets seconds pass in which faces are in these states."""
    stage.hear(hello)

    def show(*states: str, seconds: float = 0.2) -> None:
        for _ in range(round(seconds * 10)):
            stage.hear(scores(*states))
            stage.run(0.1)

    return show


def test_it_switches_to_the_safe_scene_and_back(stage: Stage, live: Callable[..., None]) -> None:
    stage.set(alarm_scene="Safe", alarm_hold_s=5.0)
    live("authentic", "suspicious")
    assert stage.obs.on_air == "Call"
    live("authentic", "synthetic")
    assert stage.obs.on_air == "Safe"
    live("authentic", seconds=4.5)
    assert stage.obs.on_air == "Safe"
    live("authentic", seconds=0.8)
    assert stage.obs.on_air == "Call"


def test_it_does_not_come_back_from_where_somebody_went_by_hand(stage: Stage, live: Callable[..., None]) -> None:
    stage.obs.sources["Studio"] = type(stage.obs.sources["Call"])("Studio", "scene")
    stage.set(alarm_scene="Safe", alarm_hold_s=0.0)
    live("synthetic")
    stage.obs.switch("Studio")
    live("authentic")
    assert stage.obs.on_air == "Studio"


def test_it_stays_where_it_is_told_to(stage: Stage, live: Callable[..., None]) -> None:
    stage.set(alarm_scene="Safe", alarm_hold_s=0.0, alarm_return=False)
    live("synthetic")
    live("authentic", seconds=1)
    assert stage.obs.on_air == "Safe"


def test_silence_clears_nobody(stage: Stage, live: Callable[..., None]) -> None:
    stage.set(alarm_scene="Safe", alarm_hold_s=1.0)
    live("synthetic")
    stage.script.plugin.watch.lost("gone")
    stage.run(30)
    assert stage.obs.on_air == "Safe"
    assert stage.script.plugin.alarm.active


def test_another_call_that_is_fine_ends_no_alarm(stage: Stage, live: Callable[..., None], scores: Scores) -> None:
    stage.set(alarm_scene="Safe", alarm_hold_s=1.0)
    live("synthetic")
    stage.hear({"type": "session", "session": "c1", "state": "stale"})
    for _ in range(30):
        stage.hear(scores("authentic", session="c2"))
        stage.run()
    assert stage.obs.on_air == "Safe"
    assert stage.look()[0] == "Out of date"
    stage.hear({"type": "session", "session": "c1", "state": "ended"}, scores("authentic", session="c2"))
    stage.run(0.3)
    assert stage.obs.on_air == "Call"
    assert stage.look()[0] == "Looks authentic  93 %"


def test_alarms_that_come_and_go_while_obs_is_busy_are_all_taken_back(
    stage: Stage, live: Callable[..., None]
) -> None:
    stage.set(alarm_scene="Safe", alarm_hold_s=0.0)
    save, stage.script.script_save = stage.script.script_save, lambda settings: None
    for _ in range(2):
        live("synthetic")
        live("authentic")
    stage.script.script_save = save
    live("authentic", seconds=1)
    assert stage.obs.on_air == "Call"


@pytest.mark.parametrize("state", ["ended", "nobody"])
def test_a_call_that_ends_or_a_face_that_goes_ends_it(stage: Stage, live: Callable[..., None], state: str) -> None:
    stage.set(alarm_scene="Safe", alarm_hold_s=1.0)
    live("synthetic")
    if state == "ended":
        stage.hear({"type": "session", "session": "c1", "state": "ended"})
        stage.run(1.5)
    else:
        live(seconds=1.5)
    assert stage.obs.on_air == "Call"


def test_it_waits_for_as_long_as_it_is_told(stage: Stage, live: Callable[..., None]) -> None:
    stage.set(alarm_scene="Safe", alarm_after_s=2.0)
    live("synthetic", seconds=1.5)
    live("authentic")
    live("synthetic", seconds=1.8)
    assert stage.obs.on_air == "Call"
    live("synthetic", seconds=0.5)
    assert stage.obs.on_air == "Safe"


def test_suspicion_is_enough_where_that_was_chosen(stage: Stage, live: Callable[..., None]) -> None:
    stage.set(alarm_scene="Safe", alarm_on="suspicious")
    live("suspicious")
    assert stage.obs.on_air == "Safe"


def test_only_the_face_that_is_followed_counts(stage: Stage, live: Callable[..., None]) -> None:
    stage.set(alarm_scene="Safe", face=1)
    live("authentic", "synthetic", seconds=1)
    assert stage.obs.on_air == "Call"
    live("synthetic", "synthetic")
    assert stage.obs.on_air == "Safe"


@pytest.mark.parametrize("how", ["button", "key"])
def test_ended_by_hand_it_needs_a_clear_face_before_the_next(
    stage: Stage, live: Callable[..., None], how: str
) -> None:
    stage.set(alarm_scene="Safe", alarm_hold_s=60.0)
    live("synthetic")
    if how == "button":
        stage.script.on_dismiss(None, None)
    else:
        stage.obs.hotkeys[0](True)
    live("synthetic", seconds=3)
    assert stage.obs.on_air == "Call"
    live("authentic")
    live("synthetic")
    assert stage.obs.on_air == "Safe"


def test_the_other_key_switches_alarms_off_and_on(stage: Stage, live: Callable[..., None]) -> None:
    stage.set(alarm_scene="Safe")
    stage.obs.hotkeys[1](True)
    stage.obs.hotkeys[1](False)
    live("synthetic")
    assert stage.obs.on_air == "Call"
    assert "switched off" in stage.script.plugin.status()
    stage.obs.hotkeys[1](True)
    live("synthetic")
    assert stage.obs.on_air == "Safe"
    stage.obs.hotkeys[1](True)
    live("synthetic")
    assert stage.obs.on_air == "Call"


def test_sources_are_shown_and_hidden_and_put_back(stage: Stage, live: Callable[..., None]) -> None:
    guest, card, open_card = (
        stage.obs.add(*place) for place in (("Call", "Guest"), ("Call", "Card"), ("Safe", "Card"))
    )
    card.visible = False
    stage.set(alarm_show="Card", alarm_hide="Guest", alarm_hold_s=0.0)
    live("synthetic")
    assert (guest.visible, card.visible, open_card.visible) == (False, True, True)
    live("authentic")
    assert (guest.visible, card.visible, open_card.visible) == (True, False, True)  # one was open before


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("color_source_v3", {"color_multiply": 0, "color_add": 0x0000FF}),
        ("text_ft2_source_v2", {"color_multiply": 0, "color_add": 0x0000FF}),
        ("dshow_input", {"color_multiply": 0x0000FF}),
    ],
)
def test_a_source_is_coloured_and_uncoloured(
    stage: Stage, live: Callable[..., None], kind: str, settings: dict[str, int]
) -> None:
    lamp = stage.obs.add("Call", "Lamp", kind).source
    stage.set(alarm_tint="Lamp", alarm_tint_colour=0xFF0000FF, alarm_hold_s=0.0)
    live("synthetic")
    assert [(tint.kind, tint.settings) for tint in lamp.filters] == [("color_filter_v2", settings)]
    live("authentic")
    assert lamp.filters == []


def test_a_colour_left_by_a_crash_is_taken_off(stage: Stage, live: Callable[..., None]) -> None:
    lamp = stage.obs.add("Call", "Lamp", "color_source_v3").source
    stage.set(alarm_tint="Lamp")
    live("synthetic")
    assert len(lamp.filters) == 1
    stage.script.plugin._response._undo.clear()  # it forgets, as a process that ended does
    stage.script.plugin.alarm.active = False
    stage.obs.event("FINISHED_LOADING")
    assert lamp.filters == []


def test_recordings(stage: Stage, live: Callable[..., None]) -> None:
    stage.set(alarm_record="record", alarm_hold_s=0.0)
    live("synthetic")
    assert stage.obs.recording
    live("authentic")
    assert not stage.obs.recording
    stage.obs.recording = True  # one that somebody else has started is left alone
    live("synthetic")
    live("authentic")
    assert stage.obs.recording


def test_the_replay_buffer(stage: Stage, live: Callable[..., None]) -> None:
    stage.set(alarm_record="replay_save", alarm_hold_s=0.0)
    live("synthetic")
    live("authentic")
    assert (stage.obs.replaying, stage.obs.replays) == (True, 0)
    live("synthetic")
    assert (stage.obs.replaying, stage.obs.replays) == (True, 1)


def test_a_chapter_mark_says_who_and_where_in_the_recording(stage: Stage, live: Callable[..., None]) -> None:
    live("synthetic")
    stage.obs.recording = True
    live("authentic", seconds=11)
    live("synthetic")
    what = "face 1 of c1 is likely synthetic, authenticity 4 %"
    assert stage.obs.lines == [f"[chapter] now: {what}", f"[chapter] now at 1:02:05 of the recording: {what}"]


def test_only_for_me_changes_nothing_that_the_audience_sees(stage: Stage, live: Callable[..., None]) -> None:
    guest = stage.obs.add("Call", "Guest")
    stage.set(
        where="monitor", alarm_scene="Safe", alarm_hide="Guest", alarm_tint="Guest", alarm_record="replay_save"
    )
    live("synthetic", seconds=1)
    assert (stage.obs.on_air, stage.obs.preview) == ("Call", None)
    assert guest.visible
    assert guest.source.filters == []
    assert stage.obs.replaying
    live("authentic", seconds=11)
    stage.obs.studio_mode = True
    live("synthetic", seconds=1)
    assert (stage.obs.on_air, stage.obs.preview) == ("Call", "Safe")


def test_the_rehearsal_acts_it_out_without_a_server(stage: Stage) -> None:
    stage.set(alarm_scene="Safe", alarm_hold_s=0.0)
    stage.script.on_rehearse(None, None)
    stage.run(1)
    assert stage.obs.on_air == "Safe"
    assert stage.look()[0] == "Likely synthetic  7 %"
    stage.run(5)
    assert stage.obs.on_air == "Call"
    assert stage.look()[0] == "No signal"


def test_reloading_in_mid_alarm_leaves_the_scenes_as_they_were(stage: Stage, live: Callable[..., None]) -> None:
    stage.set(alarm_scene="Safe")
    live("synthetic")
    stage.script.plugin.close()
    assert stage.obs.on_air == "Call"


def test_what_cannot_be_done_now_is_asked_for_again(stage: Stage, live: Callable[..., None]) -> None:
    stage.set(alarm_scene="Safe")
    save, stage.script.script_save = (
        stage.script.script_save,
        lambda settings: None,
    )  # OBS is busy and does not save
    live("synthetic", seconds=1)
    assert stage.obs.on_air == "Call"
    stage.script.script_save = save
    live("synthetic", seconds=1)
    assert stage.obs.on_air == "Safe"


def test_a_scene_that_is_gone_is_no_disaster(stage: Stage, live: Callable[..., None]) -> None:
    stage.set(alarm_scene="Gone", alarm_show="Gone", alarm_hide="Gone", alarm_tint="Gone", alarm_hold_s=0.0)
    live("synthetic")
    live("authentic")
    assert stage.obs.on_air == "Call"
