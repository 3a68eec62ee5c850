"""The resolved form of a suite: plain, complete, in SI, and read again as an equal suite."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from servegen_fw.hooks.entries import Choice
from servegen_fw.hooks.registry import Registry
from servegen_fw.suite.dump import choice_data, config_data, resolved
from servegen_fw.suite.load import suite_from_data
from servegen_fw.suite.model import Load, RateCurve, Suite
from servegen_fw.suite.structure import configure

MORE = """
[target.b]
backend = { kind = "server", url = "https://h", api_key = "KEY", lanes = [1, 2], batch = 3, extra = { a = [1] } }
facts = { since = 2026-01-02, price = 1.5 }
[[workload.group]]
name = "recorded"
source = { kind = "pool-file", name = "x" }
from = "12h"
input = { kind = "mixture", parts = [{ kind = "uniform", high = 9 }] }
session = { kind = "geometric", turns = 3.5, think = { kind = "exponential", mean = 100 } }
modality = ["image", { kind = "image", count = { kind = "uniform", high = 4 } }]
[[case]]
name = "ramp"
load = { rate = [["0s", "4/s"], ["10min", "16/s"]], duration = "20min", warmup = "1min" }
[[slo]]
metric = "wait"
max = "2s"
where = { turn = 0 }
[report]
formats = ["page"]
"""


def test_equal_suite(good: str, load: Callable[..., Suite], registry: Registry) -> None:
    """The resolved form, through JSON and back, is an equal suite, and its own resolved form."""
    suite = load(good + MORE)
    plain = json.loads(json.dumps(resolved(suite), allow_nan=False))
    again = suite_from_data(plain, registry=registry)
    assert again == suite
    assert resolved(again) == plain


def test_what_it_says(good: str, load: Callable[..., Suite]) -> None:
    """Defaults are filled in, keys are the suite's, values are in SI, entries have their distribution's name."""
    plain = resolved(load(good + MORE))
    assert (plain["seed"], plain["repeats"]) == (0, 1)
    steady, ramp = (case["load"] for case in plain["case"])
    assert (steady["rate"], steady["duration"], steady["timeout"]) == (4.0, 600.0, 600.0)
    assert ramp["rate"] == [[0.0, 4.0], [600.0, 16.0]]
    first, second = plain["workload"]["group"]
    assert (first["name"], first["arrival"]) == ("group-1", {"kind": "acme:poisson"})
    assert first["input"] == {"kind": "acme:exponential", "mean": 300.0, "max": 0}
    assert second["from"] == 43200.0
    assert second["session"]["think"]["kind"] == "acme:exponential"
    assert plain["target"]["b"]["facts"] == {"since": "2026-01-02", "price": 1.5}
    assert plain["target"]["b"]["backend"]["wait"] == "inf"
    assert plain["slo"][0]["max"] == 2.0


def test_origin_and_nothing_are_left_out(good: str, load: Callable[..., Suite]) -> None:
    """A suite's file and text are no part of it, nor are options that are not set."""
    plain = resolved(load(good))
    assert not {"source", "text"} & set(plain)
    assert "session_rate" not in plain["case"][0]["load"]


def test_a_config_alone(registry: Registry, declarations: Any) -> None:
    """A config object becomes the table that `configure` reads as an equal object."""
    config = declarations.Server(url="http://h", power_w=5.0)
    table = config_data(config)
    assert table["power"] == 5.0
    assert configure(declarations.Server, json.loads(json.dumps(table)), registry=registry) == config


def test_a_choice_of_no_distribution(registry: Registry) -> None:
    """A choice made by hand, of no distribution, has the entry's name alone."""
    entry, _ = registry.find("arrival", "poisson")
    assert choice_data(Choice(entry, entry.config())) == {"kind": "poisson"}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    points=st.lists(
        st.tuples(st.floats(0, 1e6), st.floats(0, 1e4)),
        min_size=1,
        max_size=5,
        unique_by=lambda point: point[0],
    ),
    duration=st.floats(1e-3, 1e7),
    timeout=st.floats(1e-3, 1e7),
    concurrency=st.integers(1, 10**6),
)
def test_any_load(
    points: list[tuple[float, float]], duration: float, timeout: float, concurrency: int
) -> None:
    """Any load's numbers are the same after a trip through its plain form and TOML text."""
    times, rates = zip(*sorted(points), strict=True)
    curve = RateCurve(times, (*rates[:-1], 1.0))
    load = Load(rate=curve, duration_s=duration, timeout_s=timeout, concurrency=concurrency)
    table = config_data(load)
    assert configure(Load, json.loads(json.dumps(table))) == load
    written = "\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items())
    assert configure(Load, tomli.loads(written)) == load
