"""Findings are placed at the value, its key, its table, or the option that set it."""

from __future__ import annotations

import tomli

from servegen_fw.suite.document import Document, place_at
from servegen_fw.suite.issues import Issue

TEXT = 'seed = 7\n[[case]]\nname = "low"\n\tload = { rate = [\n  ["0s", "4/s"],\n] }\n'


def document(**overrides: str) -> Document:
    """Return the document, with overrides by top-level key."""
    return Document(tomli.loads(TEXT), "s.toml", TEXT, {(key,): text for key, text in overrides.items()})


def placed(issue: Issue, **overrides: str) -> tuple[str, str, int]:
    """Return place, line text and caret width of a finding."""
    place = document(**overrides).problem(issue).place
    assert place is not None
    return str(place), place.text, place.width


def test_value_and_key() -> None:
    """A finding is at its value, or at its key if that is to blame."""
    assert placed(Issue(("seed",), "x")) == ("s.toml:1:8", "seed = 7", 1)
    assert placed(Issue(("seed",), "x", at="key")) == ("s.toml:1:1", "seed = 7", 4)


def test_table_with_a_header() -> None:
    """A finding about a table is at the name in its header."""
    assert placed(Issue(("case", 0), "x")) == ("s.toml:2:3", "[[case]]", 4)


def test_value_over_several_lines() -> None:
    """The caret ends with the first line of a value."""
    assert placed(Issue(("case", 0, "load", "rate"), "x")) == ("s.toml:4:18", "\tload = { rate = [", 1)


def test_caret_after_a_tab() -> None:
    """A tab before the value is repeated before the caret, so that they stand in one column."""
    shown = str(document().problem(Issue(("case", 0, "load"), "wrong", "mend"))).split("\n")
    assert shown == [
        "s.toml:4:9: case[0].load: wrong",
        "    4 | \tload = { rate = [",
        "      | \t       ^^^^^^^^^^",
        "      mend",
    ]


def test_nearest_place() -> None:
    """A finding about what the text does not have is at the nearest thing around it, else at the file."""
    assert placed(Issue(("case", 0, "load", "duration"), "x"))[0] == "s.toml:4:9"
    assert placed(Issue(("case", 0, "nothing", "here"), "x"))[0] == "s.toml:2:3"
    assert placed(Issue(("nothing",), "x"))[0] == "s.toml"
    assert placed(Issue((), "x"))[0] == "s.toml"


def test_override() -> None:
    """A finding about a value that an option set, or about something in it, names the option instead of a line."""
    assert str(document(seed="seed=x").problem(Issue(("seed",), "no number"))) == "--set seed=x: no number"
    inner = document(case="case=[{}]").problem(Issue(("case", 0, "load"), "is missing"))
    assert str(inner) == "--set case=[{}]: case[0].load: is missing"


def test_table_made_by_an_override() -> None:
    """A finding about a table that only an option made names the option."""
    made = Document({}, "s.toml", "", {("report", "formats"): "report.formats=x"})
    assert str(made.problem(Issue(("report",), "is odd"))) == "--set report.formats=x: report: is odd"


def test_data_without_a_file() -> None:
    """Data without a file has no place, only its key path."""
    assert Document({}).problem(Issue(("seed",), "x")).place is None


def test_order() -> None:
    """Findings come in the order of the text, those of options last."""
    issues = [Issue(("name",), "d"), Issue(("case", 0, "load"), "c"), Issue(("seed",), "b"), Issue((), "a")]
    found = document(name="name=1").problems(issues)
    assert [problem.what for problem in found] == ["a", "b", "c", "d"]


def test_secret_lines_are_not_shown() -> None:
    """A line that may hold a secret is shown by no finding, not even by another one about the same line."""
    issues = [Issue(("seed",), "secret", hide=True), Issue(("seed",), "other"), Issue(("case", 0), "far")]
    texts = [problem.place.text for problem in document().problems(issues) if problem.place]
    assert texts == ["", "", "[[case]]"]
    assert placed(issues[0]) == ("s.toml:1:8", "", 1)


def test_place_at() -> None:
    """Offsets become line and column from 1; the end of the text is a place too."""
    assert str(place_at("f", "ab\ncd", 4)) == "f:2:2"
    assert str(place_at("f", "ab\n", 3)) == "f:2:1"
    place = place_at("f", "ab\ncd", 0, 5)
    assert (place.text, place.width) == ("ab", 2)
