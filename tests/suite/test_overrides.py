"""`--set path=value`: paths by key, position and name; values as TOML or text."""

from __future__ import annotations

from typing import Any

import pytest

from servegen_fw.errors import InputError
from servegen_fw.suite.overrides import apply_overrides, concrete, parse_value
from servegen_fw.suite.paths import KeyPath


def document() -> dict[str, Any]:
    """Return the plain data of a small suite."""
    return {
        "seed": 0,
        "target": {"a": {"backend": "server"}, "b.c": {"backend": {"kind": "server", "url": "x"}}},
        "workload": {"group": [{}, {"name": "chat"}]},
        "case": [
            {"name": "low", "load": {"rate": "1/s"}},
            {"name": "peak", "load": {"rate": [["0s", "1/s"]]}},
        ],
    }


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("seed=7", ("seed",), 7),
        (" seed = 7 ", ("seed",), 7),
        ("case[1].load.rate=2/s", ("case", 1, "load", "rate"), "2/s"),
        ("case.peak.load.rate=2/s", ("case", 1, "load", "rate"), "2/s"),
        ("case[1].load.rate[0][1]=8/s", ("case", 1, "load", "rate", 0, 1), "8/s"),
        ('case.low.load.rate=[["0s", "1/s"]]', ("case", 0, "load", "rate"), [["0s", "1/s"]]),
        ("workload.group.group-1.share=2", ("workload", "group", 0, "share"), 2),
        ("workload.group.chat.share=70 %", ("workload", "group", 1, "share"), "70 %"),
        ("target.a.facts.price=1.5", ("target", "a", "facts", "price"), 1.5),
        ('target."b.c".backend.url=http://h:1/?q=2', ("target", "b.c", "backend", "url"), "http://h:1/?q=2"),
        ("slo=[]", ("slo",), []),
        ("report.formats=['html']", ("report", "formats"), ["html"]),
    ],
)
def test_set(text: str, path: KeyPath, value: Any) -> None:
    """An override sets the value at its path, and its concrete path and text are returned."""
    data = document()
    assert apply_overrides(data, [text]) == {path: text}
    node: Any = data
    for part in path:
        node = node[part]
    assert node == value


def test_nothing_else_changes() -> None:
    """What an override does not name stays as it was."""
    data = document()
    apply_overrides(data, ["case.peak.load.rate=2/s"])
    expected = document()
    expected["case"][1]["load"]["rate"] = "2/s"
    assert data == expected


def test_short_form_of_a_choice() -> None:
    """Setting an option of a choice in its short form turns the name into its table."""
    data = document()
    apply_overrides(data, ["target.a.backend.url=http://h"])
    assert data["target"]["a"]["backend"] == {"kind": "server", "url": "http://h"}


def test_in_order() -> None:
    """Later overrides win, and see what earlier ones made."""
    data = document()
    apply_overrides(data, ["seed=1", "seed=2", "case=[{name='new'}]", "case.new.load.rate=3/s"])
    assert data["seed"] == 2
    assert data["case"] == [{"name": "new", "load": {"rate": "3/s"}}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("7.5", 7.5),
        ("true", True),
        ('"7"', "7"),
        ("'a b'", "a b"),
        ("{ kind = 'x' }", {"kind": "x"}),
        ("[1, 2]", [1, 2]),
        ("4/s", "4/s"),
        ("10min", "10min"),
        ("vllm", "vllm"),
        ("http://h:1/#x", "http://h:1/#x"),
        ("", ""),
        ("1\nseed = 2", "1\nseed = 2"),
        ("[" * 2000, "[" * 2000),
    ],
)
def test_values(text: str, value: Any) -> None:
    """A value is TOML where it is one value of TOML, else it is the text."""
    assert parse_value(text) == value


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("seed", "expected path=value, such as case[0].load.rate=2/s"),
        ("case..load=1", "cannot read the path 'case..load' from '..load' on"),
        ("=1", "the path is empty"),
        ("case[2].name=x", "case has positions 0 to 1, not 2"),
        ("case.peek.name=x", "case has no element named 'peek'; did you mean 'peak'?"),
        (
            "workload.group.group-2.share=1",
            "workload.group has no element named 'group-2'; did you mean 'group-1'?",
        ),
        ("seed.x=1", "seed is 0, which holds no 'x'"),
        ("target[0].backend=x", "target is no array, so it has no [0]"),
        ("slo[0].max=1", "slo is no array, so it has no [0]"),
    ],
)
def test_refused(text: str, what: str) -> None:
    """An override that leads nowhere is refused in its own words."""
    with pytest.raises(InputError) as caught:
        apply_overrides(document(), [text])
    assert [(problem.who, problem.what) for problem in caught.value.problems] == [(f"--set {text}", what)]


def test_all_refused_at_once() -> None:
    """Every unusable override is reported."""
    with pytest.raises(InputError) as caught:
        apply_overrides(document(), ["seed", "seed=1", "case[9].name=x"])
    assert len(caught.value.problems) == 2


def test_concrete() -> None:
    """Names in arrays become positions; what lies beyond the data stays as it is."""
    data = document()
    assert concrete(data, ("case", "peak", "load", "rate")) == ("case", 1, "load", "rate")
    assert concrete(data, ("case", 0, "load", "x", "y")) == ("case", 0, "load", "x", "y")
    with pytest.raises(ValueError, match="no element named 'x'"):
        concrete(data, ("case", "x"))
