"""What the plugin declares."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import servegen_fw_prompts
import tomli

from servegen_fw.hooks.registry import Registry
from servegen_fw.plugin import InputError
from servegen_fw.suite.structure import configure


@pytest.fixture(scope="module")
def registry() -> Registry:
    """A registry with the plugin, registered in process."""
    return Registry.load(block=["servegen-fw-prompts"], plugins=[servegen_fw_prompts])


@pytest.mark.parametrize("name", ["random-tokens", "random-words"])
def test_entries_work_without_options(registry: Registry, name: str) -> None:
    """Both makers are offered with a summary and are usable with their defaults."""
    entry, owner = registry.find("prompt", name)
    assert owner == "servegen_fw_prompts"
    assert entry.summary
    assert hasattr(entry.product(configure(entry.config, {})), "render")


def test_importing_the_declarations_is_light() -> None:
    """Importing the module and asking its hook loads no numpy."""
    code = (
        "import sys, servegen_fw_prompts as m\n"
        "assert len(m.servegen_prompts()) == 2\n"
        "assert 'numpy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("name", "config", "what"),
    [
        ("random-tokens", {"low": -1}, "at least 0"),
        ("random-tokens", {"low": 50, "high": 50}, "high = 50 must lie above low = 50"),
        ("random-tokens", {"high": 2**31 + 1}, "at most"),
        ("random-tokens", {"distinct": -1}, "at least 0"),
        ("random-words", {"tokens_per_word": 0}, "greater than 0"),
        ("random-words", {"vocabulary": 5}, "unknown key 'vocabulary'"),
    ],
)
def test_limits_are_enforced_with_a_clear_message(
    registry: Registry, name: str, config: dict[str, Any], what: str
) -> None:
    """Options out of range or in conflict give one problem that says what is wrong."""
    entry, _ = registry.find("prompt", name)
    with pytest.raises(InputError) as caught:
        configure(entry.config, config)
    assert len(caught.value.problems) == 1
    assert what in str(caught.value)


def test_the_readme_s_example_is_valid(registry: Registry) -> None:
    """The TOML of the README chooses a maker with options that it has."""
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    table = tomli.loads(text.split("```toml")[1].split("```")[0])["workload"]["prompts"]
    entry, _ = registry.find("prompt", table.pop("kind"))
    assert entry.product(configure(entry.config, table)) is not None
