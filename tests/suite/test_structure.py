"""Plain data becomes config objects strictly, and every problem is found in one pass."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any, Literal

import attrs
import pytest

from servegen_fw.errors import InputError, PluginError, Problem
from servegen_fw.hooks.entries import Choice
from servegen_fw.hooks.registry import Registry
from servegen_fw.hooks.setting import setting
from servegen_fw.suite.issues import Issue
from servegen_fw.suite.structure import configure, structure


@attrs.frozen
class Inner:
    """A nested table."""

    depth: int = setting(1, doc="depth", ge=1)


@attrs.frozen
class Config:
    """One option of every type."""

    flag: bool = setting(False, doc="flag")
    count: int = setting(0, doc="count", ge=0, lt=100)
    ratio: float = setting(0.5, doc="ratio", gt=0, le=1)
    wait_s: float = setting(1.0, doc="wait", unit="s", ge=0, key="wait")
    longest_s: float = setting(math.inf, doc="longest", unit="s", gt=0, key="longest")
    size: int = setting(0, doc="size", unit="tokens")
    name: str = setting("x", doc="name", pattern="[a-z]+")
    mode: Literal["open", "closed"] = setting("open", doc="mode")
    level: Literal[1, 2] = setting(1, doc="level")
    maybe: int | None = setting(None, doc="maybe")
    both: int | str = setting("a", doc="both")
    pair: tuple[float, str] = setting((0.0, ""), doc="pair")
    many: tuple[int, ...] = setting((), doc="many", le=9)
    table: Mapping[str, float] = setting(factory=dict, doc="table", unit="s")
    inner: Inner = setting(Inner(), doc="inner")
    free: Any = setting(None, doc="free")
    key: str | None = setting(None, doc="variable of the key", secret=True)


@attrs.frozen
class Needy:
    """A class with a required option and two choices."""

    must: int = setting(doc="what must be given")
    law: Choice | None = setting(None, doc="law", kind="length")
    laws: tuple[Choice, ...] = setting((), doc="laws", kind="length")


def issues_of(cls: type, data: Any, registry: Registry | None = None) -> list[Issue]:
    """Structure data that must be refused and return why."""
    issues: list[Issue] = []
    assert structure(cls, data, issues=issues, registry=registry) is None
    assert issues
    return issues


def only(cls: type, data: Any, registry: Registry | None = None) -> Issue:
    """Structure data that must be refused for one reason and return it."""
    issues = issues_of(cls, data, registry)
    assert len(issues) == 1, issues
    return issues[0]


def test_defaults() -> None:
    """Without data every option has its default."""
    assert configure(Config, {}) == Config()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"flag": True}, Config(flag=True)),
        ({"count": 7}, Config(count=7)),
        ({"ratio": 1}, Config(ratio=1.0)),
        ({"ratio": "50 %"}, Config(ratio=0.5)),
        ({"wait": "2ms"}, Config(wait_s=0.002)),
        ({"wait": 3}, Config(wait_s=3.0)),
        ({"longest": "1min"}, Config(longest_s=60.0)),
        ({"longest": math.inf}, Config()),
        ({"longest": "inf"}, Config()),
        ({"size": "1024 tokens"}, Config(size=1024)),
        ({"name": "abc"}, Config(name="abc")),
        ({"mode": "closed"}, Config(mode="closed")),
        ({"level": 2}, Config(level=2)),
        ({"maybe": 3}, Config(maybe=3)),
        ({"maybe": None}, Config(maybe=None)),
        ({"both": 3}, Config(both=3)),
        ({"both": "b"}, Config(both="b")),
        ({"pair": [1, "a"]}, Config(pair=(1.0, "a"))),
        ({"many": [1, 2]}, Config(many=(1, 2))),
        ({"table": {"a b": "1min", "c": 2}}, Config(table={"a b": 60.0, "c": 2.0})),
        ({"inner": {"depth": 3}}, Config(inner=Inner(depth=3))),
        (
            {"free": {"on": dt.date(2026, 1, 2), "a": [1, "x"]}},
            Config(free={"on": "2026-01-02", "a": [1, "x"]}),
        ),
        ({"key": "API_KEY"}, Config(key="API_KEY")),
    ],
)
def test_accepted(data: dict[str, Any], expected: Config) -> None:
    """A value of the right type becomes the attribute, converted to SI."""
    made = configure(Config, data)
    assert made == expected
    assert [type(getattr(made, one.name)) for one in attrs.fields(Config)] == [
        type(getattr(expected, one.name)) for one in attrs.fields(Config)
    ]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ({"flag": 1}, "expected true or false, got 1"),
        ({"flag": "true"}, "expected true or false, got 'true'; write true without quotes"),
        ({"count": True}, "expected a whole number, got true"),
        ({"count": 2.7}, "expected a whole number, got 2.7"),
        ({"count": 2.0}, "expected a whole number, got 2.0"),
        ({"count": "3"}, "expected a whole number, got '3'; write 3 without quotes"),
        ({"count": [3]}, "expected a whole number, got an array"),
        ({"count": None}, "expected a whole number, got nothing"),
        ({"count": -1}, "must be at least 0, got -1"),
        ({"count": 100}, "must be less than 100, got 100"),
        ({"ratio": True}, "expected a number, got true"),
        ({"ratio": 0}, "must be greater than 0, got 0"),
        ({"ratio": "120 %"}, "must be at most 1, got '120 %'"),
        ({"ratio": math.nan}, "must be finite, got nan"),
        ({"ratio": math.inf}, "must be finite, got inf"),
        ({"ratio": 10**400}, "must be finite, got a number beyond 64 bits"),
        ({"count": 10**400}, "too large: whole numbers have 64 bits"),
        ({"size": "1e30 tokens"}, "too large: whole numbers have 64 bits"),
        ({"wait": "4/s"}, "expected a time such as '20s', got '4/s', which is a rate"),
        ({"wait": True}, "expected a number or a time such as '20s', got true"),
        ({"wait": "-1s"}, "must be at least 0 s, got '-1s'"),
        ({"wait": "inf"}, "expected a time such as '20s', got 'inf'"),
        ({"longest": -math.inf}, "must be finite, got -inf"),
        ({"size": "1.5 tokens"}, "expected a whole number, got '1.5 tokens' = 1.5 tokens"),
        ({"size": 1.5}, "expected a whole number or a number of tokens such as '1024 tokens', got 1.5"),
        ({"name": 3}, 'expected text, got 3; write "3" in quotes'),
        ({"name": True}, 'expected text, got true; write "true" in quotes'),
        ({"name": {}}, "expected text, got a table"),
        ({"name": "A1"}, "'A1' does not match the pattern [a-z]+"),
        (
            {"name": dt.date(2026, 1, 2)},
            'expected text, got the date or time 2026-01-02; write "2026-01-02" in quotes',
        ),
        ({"mode": "opne"}, "expected one of 'open', 'closed', got 'opne'"),
        ({"level": True}, "expected one of 1, 2, got true"),
        ({"level": 1.0}, "expected one of 1, 2, got 1.0"),
        ({"maybe": "x"}, "expected a whole number, got 'x'"),
        ({"both": 1.5}, "expected a whole number or text, got 1.5"),
        ({"pair": [1]}, "expected an array of 2, got 1"),
        ({"pair": "x"}, "expected an array of 2, got 'x'"),
        ({"many": 3}, "expected an array, got 3"),
        ({"table": 3}, "expected a table { name = value, ... }, got 3"),
        ({"inner": 3}, "expected a table { key = value, ... }, got 3"),
        ({"free": {"a": [math.nan]}}, "must be finite, got nan"),
        (
            {"key": "sk-123"},
            "expected the name of an environment variable that holds the secret, such as 'API_KEY'",
        ),
    ],
)
def test_refused(data: dict[str, Any], what: str) -> None:
    """A value of another type or outside the limits is refused at its key, by what was expected and what came."""
    issue = only(Config, data)
    assert (issue.path, issue.what) == (tuple(data), what)


def test_inside_arrays_and_tables() -> None:
    """What is wrong inside arrays and tables has its own path."""
    data = {"pair": ["x", 3], "many": [1, 20, "a"], "table": {"a": "4/s"}, "inner": {"depth": 0}}
    assert [issue.path for issue in issues_of(Config, data)] == [
        ("pair", 0),
        ("pair", 1),
        ("many", 1),
        ("many", 2),
        ("table", "a"),
        ("inner", "depth"),
    ]


def test_secret_is_not_told() -> None:
    """What may be a secret appears in no message, and its line is marked as not to be shown."""
    issue = only(Config, {"key": "sk-123"})
    assert issue.hide
    assert "sk-123" not in issue.what + issue.cure


def test_unknown_key() -> None:
    """An unknown key is blamed itself and gets the nearest known one."""
    issue = only(Config, {"waits": "2s"})
    assert issue == Issue(("waits",), "unknown key 'waits'", "did you mean 'wait'?", "key")


def test_attribute_name_is_no_key() -> None:
    """An option with a key of its own is not known by the attribute's name."""
    assert only(Config, {"wait_s": 2}).what == "unknown key 'wait_s'"


def test_misplaced_key() -> None:
    """A key that an inner table has is sent there."""
    assert only(Config, {"depth": 2}).cure == "it belongs into 'inner': inner = { depth = ... }"


def test_missing_key(registry: Registry) -> None:
    """A missing option is said with what it is for, at the table."""
    issue = only(Needy, {}, registry)
    assert (issue.path, issue.what) == ((), "missing 'must': what must be given")


def test_array_of_one() -> None:
    """A text where an array of texts belongs is shown in brackets."""
    assert only(Needy, {"must": 1, "laws": "uniform"}).cure == "write ['uniform']"


def test_literal_suggestion() -> None:
    """A mistyped word of a fixed set gets the nearest one; a far one only the set."""
    assert only(Config, {"mode": "opne"}).cure == "did you mean 'open'?"
    assert only(Config, {"mode": "zzz"}).cure == ""


def test_choice_forms(registry: Registry, declarations: Any) -> None:
    """A choice is a table, or a name if it needs no options; with its distribution's name it is the same."""
    made = configure(
        Needy, {"must": 1, "law": {"kind": "exponential", "mean": "3 tokens"}}, registry=registry
    )
    assert made.law is not None
    assert (made.law.entry.name, made.law.plugin) == ("exponential", "acme")
    assert made.law.config == declarations.Exponential(mean=3.0)
    full = configure(Needy, {"must": 1, "law": {"kind": "acme:exponential", "mean": 3}}, registry=registry)
    assert full == made


@pytest.mark.parametrize(
    ("law", "path", "what", "cure"),
    [
        ("exponentail", (), "unknown length 'exponentail'", "did you mean 'exponential'?"),
        ({"kind": "unifrom", "high": 3}, ("kind",), "unknown length 'unifrom'", "did you mean 'uniform'?"),
        ("exponential", (), "missing 'mean' of length 'exponential': mean", ""),
        (
            {"kind": "exponential", "mean": 3, "maxx": 3},
            ("maxx",),
            "length 'exponential' has no option 'maxx'",
            "did you mean 'max'?",
        ),
        (
            {"mean": 3},
            (),
            "missing 'kind', the name of a length",
            "add kind = ...; known: exponential, mixture, uniform",
        ),
        ({"kind": 3}, ("kind",), "expected the name of a length, got 3", ""),
        (3, (), 'expected the name of a length or a table { kind = "name", ... }, got 3', ""),
        (
            {"kind": "uniform", "low": 5, "high": 2},
            (),
            "length 'uniform': high (2) must not be below low (5)",
            "",
        ),
    ],
)
def test_choice_refused(registry: Registry, law: Any, path: tuple[str, ...], what: str, cure: str) -> None:
    """What is wrong with a choice is said at its name or option, in the words of the registry or of its class."""
    issue = only(Needy, {"must": 1, "law": law}, registry)
    assert (issue.path, issue.what, issue.cure) == (("law", *path), what, cure)


def test_nested_choice(registry: Registry) -> None:
    """A choice inside a choice's options is resolved and checked as well."""

    @attrs.frozen
    class Talk:
        session: Choice = setting(doc="session", kind="conversation")

    good = {"kind": "geometric", "turns": 3, "think": {"kind": "exponential", "mean": 100}}
    made = configure(Talk, {"session": good}, registry=registry)
    assert made.session.config.think.config.mean == 100.0
    bad = {"kind": "geometric", "turns": 0.5, "think": {"kind": "exponential", "mean": "x"}}
    paths = [issue.path for issue in issues_of(Talk, {"session": bad}, registry)]
    assert paths == [("session", "turns"), ("session", "think", "mean")]


def test_no_options(registry: Registry) -> None:
    """An entry without options says so."""

    @attrs.frozen
    class Come:
        arrival: Choice = setting(doc="arrival", kind="arrival")

    issue = only(Come, {"arrival": {"kind": "poisson", "rate": 3}}, registry)
    assert (issue.what, issue.cure) == ("arrival 'poisson' has no option 'rate'", "it takes no options")


def test_union_with_a_table() -> None:
    """Where one member of a union takes tables, a table's own problems are told."""

    @attrs.frozen
    class Holder:
        value: int | Inner = setting(1, doc="value")

    assert configure(Holder, {"value": 3}).value == 3
    assert configure(Holder, {"value": {"depth": 3}}).value == Inner(depth=3)
    assert only(Holder, {"value": {"depth": 0}}).path == ("value", "depth")
    assert only(Holder, {"value": "x"}).what == "expected a whole number or a table, got 'x'"


def test_all_at_once(registry: Registry) -> None:
    """Every problem of a document is found in one pass: unknown, missing, wrong, nested."""
    data = {"laws": [{"kind": "exponential", "mean": "3s", "x": 1}, "unifrom"], "lawz": 1}
    found = [(issue.path, issue.at) for issue in issues_of(Needy, data, registry)]
    assert found == [
        (("lawz",), "key"),
        ((), "value"),
        (("laws", 0, "x"), "key"),
        (("laws", 0, "mean"), "value"),
        (("laws", 1), "value"),
    ]


def test_path_prefix() -> None:
    """The path of the data is put before the paths of its values."""
    issues: list[Issue] = []
    structure(Config, {"count": -1}, issues=issues, path=("target", "a"))
    assert issues[0].path == ("target", "a", "count")


def test_checks_run_on_sound_objects() -> None:
    """A class's check sees every object of it that is right in itself, with its table and path."""
    seen: list[tuple[Any, Any, Any]] = []

    def check(made: Any, table: Any, path: Any) -> list[Issue]:
        seen.append((made, table, path))
        return [Issue((*path, "depth"), "too deep")]

    issues: list[Issue] = []
    structure(Config, {"inner": {"depth": 3}}, issues=issues, checks={Inner: check})
    assert seen == [(Inner(depth=3), {"depth": 3}, ("inner",))]
    assert [issue.what for issue in issues] == ["too deep"]
    structure(Config, {"inner": {"depth": 0}}, issues=[], checks={Inner: check})
    assert len(seen) == 1


def test_errors_of_the_class() -> None:
    """What a config class raises about its options together is a problem at the table; its own bugs are not hidden."""

    @attrs.frozen
    class Picky:
        a: int = setting(1, doc="a")

        def __attrs_post_init__(self) -> None:
            if self.a == 2:
                raise ValueError("two is too few")
            if self.a == 3:
                raise InputError(Problem("three is too many", cure="take four"), "and odd")
            if self.a == 5:
                raise KeyError("bug")

    assert only(Picky, {"a": 2}).what == "two is too few"
    assert [(one.what, one.cure) for one in issues_of(Picky, {"a": 3})] == [
        ("three is too many", "take four"),
        ("and odd", ""),
    ]
    with pytest.raises(KeyError):
        structure(Picky, {"a": 5}, issues=[])


def test_configure_raises_all() -> None:
    """`configure` raises one error with all problems, each with the speaker before its path."""
    with pytest.raises(InputError) as caught:
        configure(Config, {"count": -1, "flag": 0}, who="backend 'x'")
    assert [problem.who for problem in caught.value.problems] == ["backend 'x': flag", "backend 'x': count"]


@pytest.mark.parametrize("hint", [set[int], list[int], complex, object])
def test_types_that_suites_cannot_express(hint: Any) -> None:
    """A config class with a type that TOML cannot give is the plugin's fault, and the message says what to use."""
    Odd = attrs.make_class("Odd", {"value": attrs.field(type=hint)})  # noqa: N806
    with pytest.raises(PluginError, match="'value' has a type that suites cannot express") as caught:
        structure(Odd, {"value": [1]}, issues=[])
    assert "tuple" in caught.value.problems[0].cure


def test_choice_without_a_kind() -> None:
    """An option of type Choice without setting(kind=...) is the plugin's fault."""

    @attrs.frozen
    class Odd:
        law: Choice = setting(doc="law")

    with pytest.raises(PluginError, match="needs setting"):
        structure(Odd, {"law": "x"}, issues=[])


def test_data_that_is_no_table() -> None:
    """Data that is no table at all is refused."""
    assert only(Config, [1]).what == "expected a table { key = value, ... }, got an array"
