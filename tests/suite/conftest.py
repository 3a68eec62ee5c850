"""A registry with one in-process plugin and nothing that happens to be installed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import pytest

from servegen_fw.errors import InputError, Problem
from servegen_fw.hooks.registry import Registry
from servegen_fw.suite.load import parse_suite
from servegen_fw.suite.model import Suite

GOOD = """\
servegen = 1
name = "good"

[target.a]
backend = { kind = "server", url = "http://127.0.0.1:1" }

[[workload.group]]
arrival = "poisson"
input = { kind = "exponential", mean = 300 }
output = { kind = "exponential", mean = "200 tokens" }

[[case]]
name = "steady"
load = { rate = "4/s", duration = "10min" }
"""


@pytest.fixture(scope="session")
def declarations() -> ModuleType:
    """The declaration module of the plugin."""
    spec = importlib.util.spec_from_file_location("acme", Path(__file__).with_name("declarations.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["acme"] = module  # annotations are looked up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def registry(declarations: ModuleType) -> Registry:
    """A registry of the kernel's own entries and the plugin's."""
    installed = [point.name for point in entry_points(group="servegen_fw")]
    found = Registry.load(block=installed, plugins=[declarations])
    assert not found.failed
    return found


@pytest.fixture
def good() -> str:
    """The text of a suite without problems."""
    return GOOD


@pytest.fixture
def load(registry: Registry) -> Callable[..., Suite]:
    """Load a text with the plugin's registry."""

    def load(text: str, *overrides: str) -> Suite:
        return parse_suite(text, source="suite.toml", overrides=overrides, registry=registry)

    return load


@pytest.fixture
def refused(load: Callable[..., Suite]) -> Callable[..., tuple[Problem, ...]]:
    """Load a text that must be refused and return its problems."""

    def refused(text: str, *overrides: str) -> tuple[Problem, ...]:
        with pytest.raises(InputError) as caught:
            load(text, *overrides)
        return caught.value.problems

    return refused


@pytest.fixture
def complaint(refused: Callable[..., tuple[Problem, ...]]) -> Callable[..., str]:
    """Load a text that must be refused for one reason and return the whole message."""

    def complaint(text: str, *overrides: str) -> str:
        problems = refused(text, *overrides)
        assert len(problems) == 1, "\n".join(map(str, problems))
        return str(problems[0])

    return complaint
