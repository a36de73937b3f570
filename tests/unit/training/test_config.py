from __future__ import annotations

import re
from pathlib import Path

import pytest

from stream_guard.errors import ConfigError
from stream_guard.training.config import read_options
from stream_guard.training.train import Options

pytestmark = pytest.mark.unit
DOCS = Path(__file__).parents[3] / "docs" / "training.md"


def test_a_file_sets_what_it_names_and_the_command_line_counts_more(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text(
        "minutes = 5\nseed = 3\n[recipe]\nface_px = [80, 120]\n"
        '[recipe.mix]\nreenacted = 0\n[network]\nhead = "hybrid"\n'
    )
    options = read_options(file, seed=4, minutes=None)
    assert (options.minutes, options.seed, options.groups) == (5, 4, Options().groups)
    assert options.recipe.face_px == (80, 120)
    assert options.recipe.mix.reenacted == 0
    assert options.recipe.mix.self_blended == Options().recipe.mix.self_blended
    assert options.network.head == "hybrid"
    assert read_options() == Options()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("minuets = 5", "minuets"),
        ("[recipe]\nsiez = 5", "recipe.siez"),
        ('[network]\nhead = "spirit"', "network.head"),
        ("[recipe.mix]\nself_blended = -1", "shares of the forgeries"),
        ("minutes = ", "not a TOML file"),
    ],
)
def test_a_mistake_is_named(tmp_path, text, said):
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(ConfigError, match=re.escape(said)):
        read_options(tmp_path / "run.toml")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot read"):
        read_options(tmp_path / "absent.toml")


def test_the_example_in_the_docs_holds_the_defaults(tmp_path):
    (example,) = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "run.toml").write_text(example)
    assert read_options(tmp_path / "run.toml") == Options()
