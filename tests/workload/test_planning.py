"""From a workload to the plan of one run."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from servegen_fw.data.payload import Payloads
from servegen_fw.errors import PluginError
from servegen_fw.hooks.registry import Registry
from servegen_fw.suite.model import Load
from servegen_fw.workload.planning import plan_of, render
from servegen_fw.workload.streams import Streams


@pytest.fixture(scope="module")
def workload(kit: Any) -> Any:
    """Return a minute of requests."""
    return kit.compose(kit.synthetic(), rate=1.0, duration_s=60)


def test_an_open_load_without_a_duration_lasts_as_long_as_its_workload(workload: Any) -> None:
    """A workload file brings its own length; a closed load ends with its last request."""
    assert plan_of(Load(), workload, None).duration_s == 60
    assert plan_of(Load(duration_s=30.0), workload, None).duration_s == 30
    closed = plan_of(Load(kind="closed", concurrency=3, requests=9), workload, None)
    assert (closed.duration_s, closed.concurrency) == (math.inf, 3)


def test_prompts_are_rendered(workload: Any) -> None:
    """The default prompts make the payloads of every row."""
    payloads = render(None, workload, Streams(1), Registry.load())
    assert isinstance(payloads, Payloads)


def test_prompts_are_held_to_their_contract(kit: Any, workload: Any) -> None:
    """Prompts that are None, return no payloads or fail are told with their name, not with a traceback."""

    def fail(*_arguments: Any) -> Any:
        raise KeyError("words")

    registry = Registry.load()
    for product, told in (
        (None, r"is None, which has no method render\(\)"),
        (SimpleNamespace(render=lambda _w, _s: None), "returned None where Payloads are due"),
        (SimpleNamespace(render=fail), r"failed in fail\(\): KeyError: 'words'"),
    ):
        with pytest.raises(PluginError, match=rf"^workload.prompts: prompts 'made' {told}"):
            render(kit.Made(product), workload, Streams(1), registry)
