"""Key paths as code has them and as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servegen_fw.suite.paths import KeyPath, format_path, parse_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("seed", ("seed",)),
        ("case[0].load.rate", ("case", 0, "load", "rate")),
        ("case[0].load.rate[1][0]", ("case", 0, "load", "rate", 1, 0)),
        ('target."vendor a.b".facts', ("target", "vendor a.b", "facts")),
        ("target.'say \"hi\"'.facts", ("target", 'say "hi"', "facts")),
    ],
)
def test_both_ways(text: str, path: KeyPath) -> None:
    """A path and its text stand for each other."""
    assert parse_path(text) == path
    assert format_path(path) == text


# A key with both kinds of quotes has no text in this syntax; suites have none.
_keys = st.text(min_size=0, max_size=8).filter(lambda key: not {'"', "'"} <= set(key) and "\n" not in key)


@given(first=_keys, rest=st.lists(st.one_of(_keys, st.integers(0, 99)), max_size=5))
def test_round_trip(first: str, rest: list[str | int]) -> None:
    """Every path is read back from its text, whatever its keys are."""
    path = (first, *rest)
    assert parse_path(format_path(path)) == path


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a..b", "..b"),
        (".a", ".a"),
        ("a.[0]", ".[0]"),
        ("a b", " b"),
        ("a[x]", "[x]"),
        ("a[-1]", "[-1]"),
        ("a.", "."),
        ('a"b"', '"b"'),
    ],
)
def test_no_path(text: str, rest: str) -> None:
    """A text that is no path is refused from the first character that does not fit."""
    with pytest.raises(ValueError, match="cannot read the path") as caught:
        parse_path(text)
    assert str(caught.value).endswith(f"from {rest!r} on")


def test_empty() -> None:
    """An empty path is refused."""
    with pytest.raises(ValueError, match="empty"):
        parse_path("")
