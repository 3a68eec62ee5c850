"""Spans of valid TOML: every key path tomli yields has one, and the text there is the key and the value."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from servegen_fw.suite.paths import KeyPath
from servegen_fw.suite.spans import read_spans


def paths_of(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield every key path below a value, with the value there."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key), inner
        yield from paths_of(inner, (*path, key))


def check(text: str) -> None:
    """Assert that the spans of `text` are those of its values, by having tomli read the text at each."""
    data = tomli.loads(text)
    spans = read_spans(text)
    found = dict(paths_of(data))
    assert spans.keys() == found.keys()
    for path, value in found.items():
        key_text = text[slice(*spans[path].key)]
        value_text = text[slice(*spans[path].value)]
        if isinstance(path[-1], str):
            assert list(tomli.loads(f"{key_text} = 0")) == [path[-1]]
        bare = spans[path].key == spans[path].value and (
            isinstance(path[-1], str) or value_text[0] not in "[{"
        )
        if bare and isinstance(value, dict | list):
            # A table with a header or a dotted key, or an array of tables: its place is its name.
            owner = path[-1] if isinstance(path[-1], str) else path[-2]
            assert list(tomli.loads(f"{value_text} = 0")) == [owner]
            continue
        assert repr(tomli.loads(f"v = {value_text}")["v"]) == repr(value)


DOCUMENTS = {
    "dotted keys": "a.b.c = 1\na.b.d = 2\na . 'e f' = 3\n",
    "tables": "[a]\nx = 1\n[a.b]\ny = 2\n[c.d.e]\n[ f . g ]\nz = 3\n",
    "child before parent": "[a.b]\nx = 1\n[a]\ny = 2\n",
    "arrays of tables": "[[a]]\nx = 1\n[a.t]\ny = 1\n[[a.b]]\nz = 1\n[[a.b]]\nz = 2\n[[a]]\n[[a.b]]\nz = 3\n[a.t]\ny = 4\n",
    "inline tables": 'a = { b = 1, "c d".e = [{ f = "}" }, {}], g = {} }\n',
    "inline tables of TOML 1.1": "a = {\n  b = 1, # }\n  c = 2,\n}\n",
    "arrays": "a = [ [1, 2], [\n  # ]\n  3, ['x', \"]\"],\n  ], [] ]\n",
    "multi-line strings": 'a = """\nx = 1 # "" \\""" y\n"""\nb = \'\'\'it\'s\n[no]\'\'\'\nc = """"quoted""""\nd = \'\'\'\'\'x\'\'\'\'\'\n',
    "quoted keys": '"a.b" = 1\n\'c"d\' = 2\n"\\u00e9\\"" = 3\n"" = 4\n["x ] y"]\nz = 5\n',
    "comments": "# a = 1\na = 1 # b = 2\n  # c\n[t] # [u]\nb = 2#x\n",
    "dates": "a = 1979-05-27 07:32:00\nb = [1979-05-27, 07:32:00.5, 1979-05-27T07:32:00-07:00]\n",
    "numbers": "a = +1_000\nb = -0.5e-3\nc = inf\nd = 0xff\ne = true\n",
    "unicode": 'a = "πß" # ü\n"ключ" = { "é" = "日本" }\n',
    "tabs and blanks": "\t a\t=\t1 \n\n\n \t[t]\t\n\tb\t=\t[\t1\t,\t2\t]\t\n",
    "no newline at the end": "a = 1\nb = [1, 2]",
    "empty": "",
    "comment only": "# nothing",
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents(name: str) -> None:
    """Every construct of TOML has its spans at its keys and values."""
    check(DOCUMENTS[name])


def test_exact_places() -> None:
    """The spans of a suite's lines are those a reader would underline."""
    text = 'seed = 7\n[[case]]\nload = { rate = [["0s", "4/s"]], kind = "open" } # x\n'
    spans = read_spans(text)

    def at(*path: str | int) -> tuple[str, str]:
        return text[slice(*spans[path].key)], text[slice(*spans[path].value)]

    assert spans["seed",].value == (7, 8)
    assert spans["case", 0].key == (text.index("case"), text.index("case") + 4)
    assert at("case", 0, "load") == ("load", '{ rate = [["0s", "4/s"]], kind = "open" }')
    assert at("case", 0, "load", "rate", 0, 1) == ('"4/s"', '"4/s"')
    assert at("case", 0, "load", "kind") == ("kind", '"open"')


def test_tables_come_before_their_contents() -> None:
    """Iterating goes from the outside in, so that the first span found for a prefix is the widest."""
    order = list(read_spans("[a]\nb = { c = [1] }\n"))
    assert order == [("a",), ("a", "b"), ("a", "b", "c"), ("a", "b", "c", 0)]


# -- generated documents -------------------------------------------------------------------------------------------

_characters = st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"))
_words = st.text(_characters, max_size=6)
_scalars = st.one_of(
    st.integers(-(2**40), 2**40).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(
        ["true", "false", "inf", "-inf", "1_000", "0x1F", "1979-05-27", "1979-05-27 07:32:00Z", "07:32:00"]
    ),
)
_blank_lines = st.sampled_from(["", "", "\n", "# comment [x] = {\n", "\t\n  # \"\"\" '''\n"])


def basic(word: str) -> str:
    """Write a basic string."""
    return json.dumps(word, ensure_ascii=False)


@st.composite
def keys(draw: Callable[..., Any], word: str) -> str:
    """Write a key in one of the styles that can hold it."""
    styles = [basic(word), json.dumps(word)] if word.isascii() else [basic(word)]
    if re.fullmatch(r"[A-Za-z0-9_-]+", word):
        styles.append(word)
    if "'" not in word:
        styles.append(f"'{word}'")
    return str(draw(st.sampled_from(styles)))


@st.composite
def strings(draw: Callable[..., Any]) -> str:
    """Write a string in one of the four styles."""
    word = draw(_words)
    styles = [
        basic(word),
        f'"""{basic(word)[1:-1]}\n#"" {basic(word)[1:-1]}"""',
        f'"""\\\n  {basic(word)[1:-1]}"""',
    ]
    if "'" not in word:
        styles += [f"'{word}'", f"'''\n{word}\n'' = [{word}'''", f"''''x{word}'''''"]
    return str(draw(st.sampled_from(styles)))


@st.composite
def values(draw: Callable[..., Any], depth: int) -> str:
    """Write a value: a scalar, a string, an array over one or several lines, or an inline table."""
    form = draw(st.sampled_from(["scalar", "string", "array", "table"] if depth else ["scalar", "string"]))
    if form == "scalar":
        return str(draw(_scalars))
    if form == "string":
        return str(draw(strings()))
    if form == "array":
        parts = draw(st.lists(values(depth - 1), max_size=3))
        joint = draw(st.sampled_from([", ", ",", " ,\n  # ] ,\n  "]))
        end = draw(st.sampled_from(["", ",", "\n", ", # ]\n"])) if parts else " "
        return f"[{draw(st.sampled_from(['', ' ', chr(10)]))}{joint.join(parts)}{end}]"
    words = draw(st.lists(_words, max_size=3, unique=True))
    pairs = [
        f"{draw(keys(word))}{draw(st.sampled_from(['=', ' = ']))}{draw(values(depth - 1))}" for word in words
    ]
    return f"{{{', '.join(pairs)}{draw(st.sampled_from(['', ' ']))}}}"


@st.composite
def bodies(draw: Callable[..., Any], header: str = "", depth: int = 2) -> str:
    """Write the contents of a table: pairs and dotted keys first, then tables and arrays of tables."""
    text = ""
    words = draw(st.lists(_words, max_size=4, unique=True))
    split = draw(st.integers(0, len(words)))
    for word in words[:split]:
        indent = draw(st.sampled_from(["", "  ", "\t"]))
        tails = draw(st.sampled_from([[""], [""], [".a"], [".a", ".b.c", ' . "d e"']]))
        for tail in tails:
            text += draw(_blank_lines)
            text += (
                f"{indent}{draw(keys(word))}{tail} = {draw(values(2))}{draw(st.sampled_from(['', ' # x']))}\n"
            )
    for word in words[split:] if depth else ():
        name = (f"{header}." if header else "") + draw(keys(word))
        if draw(st.booleans()):
            text += f"{draw(_blank_lines)}[{name}]\n{draw(bodies(name, depth - 1))}"
        else:
            for _ in range(draw(st.integers(1, 2))):
                text += f"{draw(_blank_lines)}[[ {name} ]] # y\n{draw(bodies(name, depth - 1))}"
    return str(text)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(text=bodies())
def test_generated_documents(text: str) -> None:
    """Whatever the layout, the spans are exactly those of the paths that tomli yields, and hold their text."""
    check(text)
