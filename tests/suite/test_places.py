"""Problems that show only after loading still know where their value stands."""

from __future__ import annotations

from collections.abc import Callable

from servegen_fw.errors import InputError, Problem
from servegen_fw.hooks.registry import Registry
from servegen_fw.suite.dump import resolved
from servegen_fw.suite.load import parse_suite, suite_from_data
from servegen_fw.suite.model import Suite
from servegen_fw.suite.places import placed, problem_at

URL = ("target", "a", "backend", "url")


def test_value_of_the_file(good: str, load: Callable[..., Suite]) -> None:
    """A value from the file is shown at its line, also in a file of another system's line ends."""
    for text in (good, good.replace("\n", "\r\n")):
        assert str(problem_at(load(text), URL, "no server answers", "start it")) == (
            "suite.toml:5:36: target.a.backend.url: no server answers\n"
            '    5 | backend = { kind = "server", url = "http://127.0.0.1:1" }\n'
            "      |                                    ^^^^^^^^^^^^^^^^^^^^\n"
            "      start it"
        )


def test_value_of_an_option(good: str, load: Callable[..., Suite]) -> None:
    """A value that an option set is shown as the option, though the file has a line for it."""
    suite = load(good, "target.a.backend.url=http://other")
    assert str(problem_at(suite, URL, "no server answers")) == (
        "--set target.a.backend.url=http://other: no server answers"
    )


def test_default(good: str, load: Callable[..., Suite]) -> None:
    """A value that nobody wrote is shown at the table that could have it."""
    problem = problem_at(load(good), ("case", 0, "load", "timeout"), "too short")
    assert str(problem.place) == "suite.toml:14:8"


def test_no_file(good: str, load: Callable[..., Suite], registry: Registry) -> None:
    """A suite made from data has key paths only."""
    suite = suite_from_data(resolved(load(good)), registry=registry)
    assert str(problem_at(suite, URL, "no server answers")) == "target.a.backend.url: no server answers"


TWO_GROUPS = """servegen = 1
name = "s"
[target.t]
backend = "sim"
[[workload.group]]
name = "a"
arrival = "poisson"
input = { kind = "fixed", value = 1 }
output = { kind = "fixed", value = 1 }
[[workload.group]]
name = "b"
arrival = "poisson"
input = { kind = "fixed", value = 1 }
output = { kind = "fixed", value = 1 }
[[case]]
name = "first"
load = { rate = 1, duration = 1 }
[[case]]
name = "second"
load = { rate = 1, duration = 1 }"""


def test_problems_of_composition_get_the_place_of_their_group_or_load() -> None:
    """What composition says of a group or of the load stands at its table; anything else is left as it is."""
    text = TWO_GROUPS
    suite = parse_suite(text, source="s.toml", registry=Registry.load())
    told = placed(
        suite,
        "second",
        InputError(
            Problem("too fast", who='workload.group "b"', cure="slow down"),
            Problem("too long", who="case.load.requests"),
            Problem("other", who="elsewhere"),
            Problem("unknown", who='workload.group "zz"'),
        ),
    )
    places = [(str(one.place) if one.place else "", one.who, one.what) for one in told.problems]
    assert places == [
        ("s.toml:10:12", 'workload.group "b"', "too fast"),
        ("s.toml:20:8", "case.load.requests", "too long"),
        ("", "elsewhere", "other"),
        ("", 'workload.group "zz"', "unknown"),
    ]
    assert told.problems[0].cure == "slow down"
