"""What the OBS script puts into scenes, and how it keeps it up to date."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.plugins.conftest import Stage, import_script
from tests.unit.plugins.fake_obs import FakeObs, Settings

pytestmark = pytest.mark.unit

Scores = Callable[..., dict[str, Any]]
GREY, GREEN, ORANGE, RED = 0xFF9E948C, 0xFF739E00, 0xFF009FE6, 0xFF005ED5
BADGE = "Stream Guard badge"


def test_the_badge_is_one_item_with_all_parts(stage: Stage) -> None:
    assert stage.obs.names("Call") == [BADGE]
    assert stage.obs.names(BADGE) == [
        f"Stream Guard {part}" for part in ("panel", "colour bar", "face map", "score", "note")
    ]
    item = stage.obs.sources["Call"].items[0]
    width, height = 1280 - item.crop[2], 720 - item.crop[3]
    assert item.pos == (1280 - width - 22, 22)
    assert 0 < height < width < 640


@pytest.mark.parametrize(
    ("state", "headline", "note", "colour"),
    [
        ("authentic", "Looks authentic  93 %", "authenticity; no proof of identity", GREEN),
        ("suspicious", "Suspicious  40 %", "authenticity; the evidence is mixed", ORANGE),
        ("synthetic", "Likely synthetic  4 %", "authenticity; check another way who this is", RED),
        ("cannot_judge", "Cannot judge", "Face too small: pin or enlarge", GREY),
        ("a_new_state", "A new state", "Face too small: pin or enlarge", GREY),
    ],
)
def test_every_state_has_its_words_and_colour(
    stage: Stage, hello: dict[str, Any], scores: Scores, state: str, headline: str, note: str, colour: int
) -> None:
    stage.hear(hello, scores(state))
    stage.run()
    assert stage.look() == (headline, note, colour)


def test_the_most_urgent_face_leads_and_the_rest_are_counted(
    stage: Stage, hello: dict[str, Any], scores: Scores
) -> None:
    stage.hear(hello, scores("authentic", "cannot_judge", "suspicious", "authentic"))
    stage.run()
    assert stage.look()[:2] == ("Suspicious  40 %", "4 faces: 1 suspicious, 2 authentic, 1 cannot be judged")
    stage.set(face=1)
    assert stage.look()[0] == "Looks authentic  93 %"
    stage.set(face=9)
    assert stage.look() == ("No face", "Face 9 is not in the picture", GREY)


def test_a_score_greys_out_after_two_seconds_of_silence(
    stage: Stage, hello: dict[str, Any], scores: Scores
) -> None:
    stage.hear(hello, scores("authentic"))
    stage.run(1.9)
    assert stage.look()[2] == GREEN
    stage.run(0.2)
    assert stage.look() == ("Out of date", "No new picture", GREY)
    stage.hear(scores("authentic", age_ms=2100))
    stage.run()
    assert stage.look()[2] == GREY
    stage.hear(scores("authentic"))
    stage.run()
    assert stage.look()[2] == GREEN


def test_what_there_is_to_say_without_a_score(stage: Stage, hello: dict[str, Any], scores: Scores) -> None:
    watch = stage.script.plugin.watch
    told = []
    watch.lost("no answer from 127.0.0.1:8765: does it run?")
    for message in (
        None,
        hello,
        {"type": "session", "session": "c1", "state": "connecting"},
        {"type": "session", "session": "c1", "state": "live"},
        scores(),
        {"type": "session", "session": "c1", "state": "stale"},
        {"type": "session", "session": "c1", "state": "ended"},
        hello | {"v": 2},
    ):
        if message is not None:
            stage.hear(message)
        stage.run()
        told.append(stage.look())
    assert {colour for *_, colour in told} == {GREY}
    assert [(headline, note) for headline, note, _ in told] == [
        ("No signal", "No answer from 127.0.0.1:8765: does it run?"),
        ("No call", "Share a window or send a stream"),
        ("Starting", "Waiting for the first score"),
        ("Starting", "Waiting for the first score"),
        ("No face", "No face in the picture"),
        ("Out of date", "No new picture"),
        ("No call", "The call has ended"),
        ("No signal", "The server speaks version 2, this script 1"),
    ]


def test_the_call_to_worry_about_most_is_followed_or_the_one_that_was_named(
    stage: Stage, hello: dict[str, Any], scores: Scores
) -> None:
    stage.hear(hello, scores("authentic"), scores("synthetic", session="c2"), scores("suspicious", session="c3"))
    stage.run()
    assert stage.look()[0] == "Likely synthetic  4 %"
    stage.hear(*({"type": "session", "session": name, "state": "ended"} for name in ("c2", "c3")))
    stage.script.plugin.alarm = stage.script.Alarm()
    stage.run()
    assert stage.look()[0] == "Looks authentic  93 %"
    stage.set(session="c7")
    stage.hear(hello, scores("authentic"))
    stage.run()
    assert stage.look()[0] == "No call"


@pytest.mark.parametrize(
    ("show", "shown"),
    [
        ("always", {"", "authentic", "suspicious", "synthetic"}),
        ("suspicious", {"suspicious", "synthetic"}),
        ("alarms", {"synthetic"}),
    ],
)
def test_it_shows_only_when_it_is_meant_to(
    stage: Stage, hello: dict[str, Any], scores: Scores, show: str, shown: set[str]
) -> None:
    stage.set(show=show)
    for state in ("", "authentic", "suspicious", "synthetic"):
        stage.hear(hello, scores(*filter(None, [state])))
        stage.run()
        headline, note, colour = stage.look()
        visible = bool(headline and note and colour >> 24)
        invisible = not headline and not note and not colour >> 24
        assert visible is (state in shown)
        assert invisible is (state not in shown)


def test_only_what_has_changed_is_sent_to_obs(stage: Stage, hello: dict[str, Any], scores: Scores) -> None:
    stage.hear(hello, scores("authentic"))
    stage.run()
    updates = {name: source.updates for name, source in stage.obs.sources.items()}
    for _ in range(10):
        stage.hear(scores("authentic"))
        stage.run()
    assert {name: source.updates for name, source in stage.obs.sources.items()} == updates


@pytest.mark.parametrize("told", [True, False])
def test_nothing_is_made_before_obs_has_its_scenes(told: bool) -> None:
    """OBS says that it has them, unless it does so before it has begun to listen to the script."""
    obs = FakeObs("Call", loaded=False)
    stage = Stage(import_script(obs), obs)
    stage.run(0.3)
    assert set(obs.sources) == {"Call"}
    obs.loaded = True
    if told:
        obs.event("FINISHED_LOADING")
    else:
        stage.run(0.7)
    assert obs.names("Call") == [BADGE]


def test_a_second_start_finds_what_the_first_has_made(stage: Stage, obs: FakeObs) -> None:
    obs.sources["Call"].items[0].pos = (5, 5)  # where the user wants it
    made = set(obs.sources)
    again = Stage(import_script(obs), obs)
    assert set(obs.sources) == made
    assert obs.names("Call") == [BADGE]
    assert len(obs.names(BADGE)) == 5
    assert obs.sources["Call"].items[0].pos == (5, 5)
    again.script.script_unload()


def test_it_follows_the_scene_on_air(stage: Stage) -> None:
    stage.obs.switch("Safe")
    assert stage.obs.names("Safe") == [BADGE]
    stage.obs.switch("Call")
    assert stage.obs.names("Call") == [BADGE]


def test_it_stays_in_the_scene_that_was_chosen(obs: FakeObs) -> None:
    stage = Stage(import_script(obs), obs)
    stage.script.plugin.remove()
    stage.set(where="scene", scene="Safe")
    obs.switch("Safe")
    obs.switch("Call")
    assert obs.names("Call") == []
    assert obs.names("Safe") == [BADGE]
    stage.script.script_unload()


def test_only_for_me_leaves_the_scenes_of_the_audience_alone(stage: Stage) -> None:
    stage.obs.switch("Safe")
    stage.set(where="monitor")
    assert stage.obs.names("Call") == []
    assert stage.obs.names("Safe") == []
    assert stage.obs.names("Stream Guard monitor") == ["Safe", BADGE]
    stage.obs.switch("Call")
    assert stage.obs.names("Stream Guard monitor") == ["Call", BADGE]
    stage.obs.switch("Stream Guard monitor")  # by mistake: it must not show itself in itself
    assert stage.obs.names("Stream Guard monitor") == ["Call", BADGE]
    stage.script.on_monitor(None, None)
    assert stage.obs.projectors == ["Stream Guard monitor"]


@pytest.mark.parametrize("corner", ["tl", "tr", "bl", "br"])
def test_another_corner_moves_it_in_every_scene(stage: Stage, corner: str) -> None:
    stage.obs.switch("Safe")
    stage.set(corner=corner)
    for scene in ("Call", "Safe"):
        item = stage.obs.sources[scene].items[0]
        width, height = 1280 - item.crop[2], 720 - item.crop[3]
        assert item.pos[0] == (22 if corner[1] == "l" else 1280 - width - 22)
        assert item.pos[1] == (22 if corner[0] == "t" else 720 - height - 22)


def test_another_canvas_makes_another_size(stage: Stage) -> None:
    before = stage.obs.sources["Stream Guard panel"].settings["width"]
    stage.obs.canvas = (2560, 1440)
    stage.obs.event("PROFILE_CHANGED")
    assert stage.obs.sources["Stream Guard panel"].settings["width"] == 2 * before
    assert stage.obs.sources["Call"].items[0].crop[2] == 2560 - 2 * before


def test_a_part_that_was_deleted_comes_back(stage: Stage) -> None:
    stage.obs.obs_source_remove(stage.obs.sources["Stream Guard score"])
    stage.run(0.2)
    assert "Stream Guard score" in stage.obs.names(BADGE)
    assert stage.look()[0] == "No signal"


def test_remove_takes_everything_away_until_something_is_changed(stage: Stage) -> None:
    stage.script.on_remove(None, None)
    stage.run(1)
    stage.obs.switch("Safe")
    assert set(stage.obs.sources) == {"Call", "Safe"}
    stage.set(size="l")
    assert stage.obs.names("Safe") == [BADGE]


def test_another_collection_begins_anew(stage: Stage) -> None:
    stage.obs.event("SCENE_COLLECTION_CHANGING")
    stage.obs.sources.clear()
    stage.run(0.5)
    stage.obs.sources["Other"] = FakeObs("Other").sources["Other"]
    stage.obs.on_air = "Other"
    stage.obs.event("SCENE_COLLECTION_CHANGED")
    stage.run()
    assert stage.obs.names("Other") == [BADGE]
    assert stage.look()[0] == "No signal"


def test_settings_of_the_dialog_are_the_ones_that_are_read(stage: Stage) -> None:
    props = stage.script.script_properties()
    groups = [name for name in props if name.startswith("group_")]
    fields = {name for group in groups for name in props[group]}
    assert fields == set(stage.script.DEFAULTS)
    for group in groups:
        for name, prop in props[group].items():
            if prop["entries"]:
                assert stage.script.DEFAULTS[name] in prop["entries"]
    assert props["group_alarm"]["alarm_scene"]["entries"] == ["", "Call", "Safe"]


def test_the_status_line(stage: Stage, hello: dict[str, Any], scores: Scores) -> None:
    props = stage.script.script_properties()
    assert "is no server address" in props["status"]["title"]
    stage.hear(hello | {"promise": "One false alarm an hour."}, scores("authentic"))
    assert stage.script.on_refresh(props, None) is True
    assert props["status"]["title"] == (
        "stream-guard 0.1.0 on onnxruntime, model m. One false alarm an hour.\nCall c1: Looks authentic  93 %."
    )


def test_hot_keys_are_kept(stage: Stage) -> None:
    stage.script.script_save(stage.settings)
    assert {"stream_guard_dismiss", "stream_guard_suspend"} <= set(stage.settings.values)
    Stage(import_script(stage.obs), stage.obs).script.script_unload()
    assert isinstance(stage.settings, Settings)


def test_the_same_module_may_be_loaded_again(stage: Stage, hello: dict[str, Any], scores: Scores) -> None:
    """OBS does so when the user changes to another scene collection and back."""
    before = stage.script.plugin
    stage.hear(hello, scores("synthetic"))
    stage.run()
    stage.script.script_unload()
    stage.script.script_load(stage.settings)
    stage.script.script_update(stage.settings)
    assert stage.script.plugin is not before
    stage.run()
    assert stage.look()[0] == "No signal"
