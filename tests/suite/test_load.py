"""A suite file becomes a `Suite`, or one error with every problem and its place."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from servegen_fw.errors import InputError, PluginError, Problem
from servegen_fw.hooks.entries import LengthEntry
from servegen_fw.hooks.registry import Registry
from servegen_fw.hooks.setting import setting
from servegen_fw.hooks.specs import hookimpl
from servegen_fw.suite.load import load_suite, parse_suite, suite_from_data
from servegen_fw.suite.model import RateCurve, Suite
from servegen_fw.suite.spans import read_spans

Complaint = Callable[..., str]
INSTALLED = [point.name for point in entry_points(group="servegen_fw")]

FULL = """\
servegen = 1                              # format, read before anything else
name = "vendor-reasoning"
seed = 20261122
repeats = 5
require = ["acme"]

[target.vendor-a]
backend = { kind = "server", url = "http://127.0.0.1:8001", ignore_eos = true, headers = { x = "y" } }
facts   = { accelerator = "A", count = 8, price_per_hour = 31.2 }
[target.vendor-b]
backend = { kind = "acme:server", url = "https://h", memory = "80 GB", power = "700 W", wait = "1min" }

[[workload.group]]
share  = 0.7
source = { kind = "pool-file", name = "deepseek-r1" }
from = "12h"
scale = "thin"
[[workload.group]]
name = "synthetic"
share      = "30 %"
clients    = 40
skew       = 1.1
arrival    = { kind = "gamma", cv = 1.4 }
modulation = { kind = "on-off", on = "20s", off = "40s" }
input     = { kind = "uniform", low = 3, high = 4096 }
output    = { kind = "exponential", mean = 220 }
session   = { kind = "geometric", turns = 3.5, think = { kind = "exponential", mean = 100 } }
modality  = ["image", { kind = "image", count = { kind = "uniform", high = 4 } }]

[[case]]
name = "peak-hour"
load = { kind = "open", rate = [["0s", "4/s"], ["10min", "16/s"], ["20min", "4/s"]], duration = "20min", warmup = "60s" }
[[case]]
name = "closed"
[case.load]
kind = "closed"
concurrency = 8
requests = 100

[[slo]]
metric = "wait"
stat   = "p99"
max    = "2s"
where  = { group = "synthetic", turn = 0 }
[[slo]]
metric = "share"
min    = "95 %"
cases  = ["peak-hour"]
targets = ["vendor-a"]

[report]
formats = ["page"]
"""


def test_full_suite(load: Callable[..., Suite]) -> None:
    """Every part of a suite arrives typed, in SI, with its choices resolved and its groups named."""
    suite = load(FULL)
    assert (suite.name, suite.seed, suite.repeats, suite.source) == (
        "vendor-reasoning",
        20261122,
        5,
        "suite.toml",
    )
    assert suite.text == FULL
    a, b = suite.targets["vendor-a"], suite.targets["vendor-b"]
    assert (a.backend.config.url, a.backend.config.ignore_eos, a.backend.config.headers) == (
        "http://127.0.0.1:8001",
        True,
        {"x": "y"},
    )
    assert a.facts == {"accelerator": "A", "count": 8, "price_per_hour": 31.2}
    assert (b.backend.config.memory, b.backend.config.power_w, b.backend.config.wait) == (
        80 * 10**9,
        700.0,
        60.0,
    )
    real, synthetic = suite.workload.groups
    assert (real.name, real.share, real.start_s) == ("group-1", 0.7, 43200.0)
    assert (synthetic.name, synthetic.share, synthetic.clients) == ("synthetic", 0.3, 40)
    assert synthetic.modulation is not None
    assert (synthetic.modulation.config.on, synthetic.modulation.config.off) == (20.0, 40.0)
    assert [choice.config.count is None for choice in synthetic.modality] == [True, False]
    peak, closed = suite.cases
    assert peak.load.rate == RateCurve((0.0, 600.0, 1200.0), (4.0, 16.0, 4.0))
    assert (peak.load.duration_s, peak.load.warmup_s, peak.load.drain_s) == (1200.0, 60.0, 60.0)
    assert (closed.load.concurrency, closed.load.requests) == (8, 100)
    wait, share = suite.slos
    assert (wait.max, wait.where.group, wait.where.turn) == (2.0, "synthetic", 0)
    assert (share.min, share.cases, share.targets) == (0.95, ("peak-hour",), ("vendor-a",))
    assert suite.report.formats == ("page",)


@pytest.mark.parametrize("change", [lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text])
def test_foreign_line_ends(
    load: Callable[..., Suite], tmp_path: Path, registry: Registry, change: Any
) -> None:
    """Line ends and the byte order mark of other systems change nothing, in text or file."""
    assert load(change(FULL)) == load(FULL)
    path = tmp_path / "suite.toml"
    path.write_bytes(change(FULL).encode())
    assert load_suite(path, registry=registry) == load(FULL)
    broken = change(FULL).replace("repeats = 5", "repeats = 0")
    path.write_bytes(broken.encode())
    with pytest.raises(InputError) as caught:
        load_suite(path, registry=registry)
    assert str(caught.value.problems[0].place) == f"{path}:4:11"


def test_overrides(load: Callable[..., Suite]) -> None:
    """Overrides are applied before anything is checked, with the same checks."""
    suite = load(FULL, "case.peak-hour.load.rate=2/s", "target.vendor-a.backend.url=http://other", "seed=0")
    assert suite.cases[0].load.rate == RateCurve((0.0,), (2.0,))
    assert suite.targets["vendor-a"].backend.config.url == "http://other"
    assert suite.seed == 0
    assert suite.overrides[("case", 0, "load", "rate")] == "case.peak-hour.load.rate=2/s"
    assert load(FULL.replace("repeats = 5", "repeats = 0"), "repeats=2").repeats == 2


def test_override_problems(good: str, refused: Callable[..., tuple[Problem, ...]]) -> None:
    """A problem of an overridden value names the option; those of the text keep their lines."""
    problems = refused(good.replace("= 300", "= -300"), "case.steady.load.rate=4s", "case[0].laod.rate=1")
    assert [str(problem.place) for problem in problems] == [
        "suite.toml:9:40",
        "--set case.steady.load.rate=4s",
        "--set case[0].laod.rate=1",
    ]
    assert problems[2].cure == "did you mean 'load'?"


def test_everything_at_once(refused: Callable[..., tuple[Problem, ...]]) -> None:
    """Types, units, unknown keys, names and checks are reported together, in the order of the text."""
    text = (
        FULL.replace("repeats = 5", 'repeats = "five"')
        .replace("skew ", "skeww ")
        .replace('"2s"', '"2/s"')
        .replace('"closed"\n[case.load]', '"peak-hour"\n[case.load]')
        .replace("requests = 100", "")
        .replace("[report]", "[reprt]")
    )
    assert [(str(one.place), one.who) for one in refused(text)] == [
        ("suite.toml:4:11", "repeats"),
        ("suite.toml:22:1", "workload.group[1].skeww"),
        ("suite.toml:34:8", "case[1].name"),
        ("suite.toml:35:7", "case[1].load"),
        ("suite.toml:43:10", "slo[0].max"),
        ("suite.toml:51:2", "reprt"),
    ]


def test_message(good: str, complaint: Complaint) -> None:
    """A problem is shown as file:line:col, path, what, the line with a caret, and the cure."""
    assert complaint(good.replace('"10min"', '"10/s"')) == (
        "suite.toml:14:35: case[0].load.duration: expected a time such as '20s', got '10/s', which is a rate\n"
        '   14 | load = { rate = "4/s", duration = "10/s" }\n'
        "      |                                   ^^^^^^"
    )
    assert complaint(good.replace("arrival", "arival", 1)).startswith(
        "suite.toml:8:1: workload.group[0].arival: unknown key 'arival'\n"
        '    8 | arival = "poisson"\n'
        "      | ^^^^^^\n"
        "      did you mean 'arrival'?"
    )


UPGRADE = "upgrade servegen-fw: pip install --upgrade servegen-fw"


@pytest.mark.parametrize(
    ("value", "shown", "cure"),
    [("2", "2", UPGRADE), ('"1"', "'1'", "write: servegen = 1"), ("true", "True", "write: servegen = 1")],
)
def test_format_comes_first(good: str, complaint: Complaint, value: str, shown: str, cure: str) -> None:
    """A suite of another format is told so and what to do, and nothing else of it is judged."""
    text = good.replace("servegen = 1", f"servegen = {value}").replace("name =", "nam =")
    assert complaint(text, "nothing[0]=1") == (
        f"suite.toml:1:12: servegen: suite format {shown} is not supported, this version reads format 1\n"
        f"    1 | servegen = {value}\n      |            {'^' * len(value)}\n      {cure}"
    )


def test_no_format(good: str, complaint: Complaint) -> None:
    """A file that states no format is told to, and nothing else of it is judged."""
    assert complaint(good.replace("servegen = 1", "").replace("name =", "nam =")) == (
        "suite.toml: missing 'servegen', the format of this file\n      begin the file with: servegen = 1"
    )


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "\ufeff"])
def test_empty(complaint: Complaint, text: str) -> None:
    """An empty suite is told how one begins."""
    assert complaint(text).startswith(
        "suite.toml: the suite is empty\n      a suite begins with: servegen = 1, "
    )


@pytest.mark.parametrize(
    ("line", "place", "what", "cure"),
    [
        (
            "duration = 10min",
            (2, 14),
            "not valid TOML: expected newline or end of document after a statement",
            'a value with a unit is text and needs quotes: "10min"',
        ),
        (
            "load = { rate = 4/s }",
            (2, 18),
            "not valid TOML: unclosed inline table",
            'a value with a unit is text and needs quotes: "4/s"',
        ),
        (
            "kind = open",
            (2, 8),
            "not valid TOML: invalid value",
            'text needs quotes, "..."; numbers, true and false have none',
        ),
        ('a = "b', (2, 7), "not valid TOML: illegal character '\\n'", ""),
        (
            "servegen = 1",
            (2, 1),
            "not valid TOML: cannot overwrite a value",
            "the same key or table is given twice; keep one",
        ),
        (
            '[a]\nx = "c:\\d"',
            (3, 8),
            "not valid TOML: unescaped '\\' in a string",
            "write \\\\ for a backslash, or use '...' quotes, which take text as it is",
        ),
        (
            "[a]\n[a]",
            (3, 1),
            "not valid TOML: cannot declare ('a',) twice",
            "the same key or table is given twice; keep one",
        ),
        ("= 1", (2, 1), "not valid TOML: invalid statement", ""),
    ],
)
def test_syntax(
    refused: Callable[..., tuple[Problem, ...]], line: str, place: tuple[int, int], what: str, cure: str
) -> None:
    """What is not TOML is shown at its place with tomli's finding and, for the usual slips, what to write."""
    (problem,) = refused(f"servegen = 1\n{line}\n")
    assert problem.place is not None
    assert ((problem.place.line, problem.place.column), problem.what, problem.cure) == (place, what, cure)


def test_syntax_error_at_the_end(refused: Callable[..., tuple[Problem, ...]]) -> None:
    """An error at the end of the document has a place, too."""
    (problem,) = refused("servegen = 1\na = [1,\n")
    assert str(problem.place) == "suite.toml:2:8"
    assert problem.what == "not valid TOML: invalid value"
    assert problem.cure == "the text ends before the value does; close every [, { and quote"


def test_deep_nesting(complaint: Complaint) -> None:
    """A document nested beyond all measure is refused, not a crash."""
    assert complaint("a = " + "[" * 5000 + "]" * 5000) == "suite.toml: arrays or tables are nested too deeply"


def test_endless_number(complaint: Complaint) -> None:
    """A number of thousands of digits is refused, not a crash."""
    assert complaint("a = " + "1" * 5000).startswith("suite.toml: not valid TOML: Exceeds the limit")


def test_missing_file(tmp_path: Path, registry: Registry) -> None:
    """A missing file is told with the names near to it."""
    (tmp_path / "quickstart.toml").write_text("")
    with pytest.raises(InputError) as caught:
        load_suite(tmp_path / "quikstart.toml", registry=registry)
    assert (
        str(caught.value) == f"{tmp_path}/quikstart.toml: no such file\n      did you mean 'quickstart.toml'?"
    )
    with pytest.raises(InputError, match="suites in .*: quickstart.toml"):
        load_suite(tmp_path / "zzz", registry=registry)
    with pytest.raises(InputError, match="there is no folder"):
        load_suite(tmp_path / "no" / "x.toml", registry=registry)


def test_folder(tmp_path: Path, registry: Registry) -> None:
    """A folder is told to be one, with the suites in it."""
    with pytest.raises(InputError, match=r"is a folder, not a suite file\n      name a suite file"):
        load_suite(tmp_path, registry=registry)
    (tmp_path / "b.toml").write_text("")
    (tmp_path / "a.toml").write_text("")
    with pytest.raises(InputError, match=r"name a file in it: a.toml, b.toml"):
        load_suite(tmp_path, registry=registry)


def test_unreadable(tmp_path: Path, registry: Registry) -> None:
    """What the system refuses is told in its words."""
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(InputError, match="cannot be read: Not a directory"):
        load_suite(path / "x.toml", registry=registry)


@pytest.mark.parametrize(
    "raw", [b'servegen = 1\nname = "caf\xe9"\n', b'servegen = 1\r\nname = "\xc3\xa9\xff"\r\n']
)
def test_not_utf8(tmp_path: Path, registry: Registry, raw: bytes) -> None:
    """A file in another encoding is told the byte, its offset, and its place in characters."""
    path = tmp_path / "latin.toml"
    path.write_bytes(raw)
    with pytest.raises(InputError) as caught:
        load_suite(path, registry=registry)
    (problem,) = caught.value.problems
    offset = next(n for n, byte in enumerate(raw) if byte in {0xE9, 0xFF})
    column = len(raw[raw.index(b"name") : offset].decode()) + 1
    assert str(problem.place) == f"{path}:2:{column}"
    assert problem.what == f"not UTF-8: byte 0x{raw[offset]:02x} at offset {offset}"
    assert problem.cure == "save the file as UTF-8"


def test_plugin_checks(good: str, complaint: Complaint) -> None:
    """What a plugin's check finds is shown at the value it names, once the suite is right in itself."""
    text = good.replace("127.0.0.1:1", "unspeakable")
    assert complaint(text) == (
        "suite.toml:5:36: target.a.backend.url: the address is unspeakable\n"
        '    5 | backend = { kind = "server", url = "http://unspeakable" }\n'
        "      |                                    ^^^^^^^^^^^^^^^^^^^^\n"
        "      write another"
    )
    assert "missing 'rate'" in complaint(text.replace('rate = "4/s", ', ""))


def checking(name: str, answer: Callable[[Suite], Any]) -> ModuleType:
    """Make a plugin that checks suites."""
    module = ModuleType(name)

    @hookimpl
    def servegen_check(suite: Suite) -> Any:
        return answer(suite)

    servegen_check.__module__ = name
    module.servegen_check = servegen_check  # type: ignore[attr-defined]
    sys.modules.setdefault(name, module)
    return module


def test_plugin_check_by_name(good: str, declarations: ModuleType) -> None:
    """A check may name a case by its name, and may name what the document does not have."""
    plugin = checking(
        "namer", lambda _suite: [("case.steady.load.rate", "too much", "send less"), ("slo[7]", "few", "")]
    )
    with_it = Registry.load(block=INSTALLED, plugins=[declarations, plugin])
    with pytest.raises(InputError) as caught:
        parse_suite(good, source="s.toml", registry=with_it)
    assert [(str(one.place), one.what) for one in caught.value.problems] == [
        ("s.toml", "few"),
        ("s.toml:14:17", "too much"),
    ]


@pytest.mark.parametrize(
    "answer", [lambda _suite: 1 / 0, lambda _suite: ["x"], lambda _suite: [("a..b", "x", "y")]]
)
def test_broken_plugin_check(good: str, declarations: ModuleType, answer: Callable[[Suite], Any]) -> None:
    """A check that raises or answers nonsense is the plugin's fault, and the plugin is named."""
    with_it = Registry.load(block=INSTALLED, plugins=[declarations, checking("breaker", answer)])
    with pytest.raises(PluginError, match=r"plugin breaker: servegen_check\(\) failed: "):
        parse_suite(good, registry=with_it)


def test_data_without_a_file(registry: Registry) -> None:
    """Plain data is checked alike, with key paths only, and is not changed."""
    data = {"servegen": 1, "name": "x", "seed": -1, "target": {}, "workload": {"group": []}, "case": []}
    before = repr(data)
    with pytest.raises(InputError) as caught:
        suite_from_data(data, overrides=["name=y"], registry=registry)
    assert str(caught.value) == "seed: must be at least 0, got -1"
    assert repr(data) == before


def test_installed_plugins_are_the_default(good: str) -> None:
    """Without a registry the installed plugins are used."""
    with pytest.raises(InputError, match="unknown backend 'server'"):
        parse_suite(good)


def test_loading_is_light(good: str, tmp_path: Path) -> None:
    """Loading a suite with its plugins imports nothing that computes, sends or draws."""
    path = tmp_path / "suite.toml"
    path.write_text(good)
    heavy = ["numpy", "scipy", "pyarrow", "cattrs", "rich", "httptools", "uvloop", "asyncio"]
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import declarations\n"
        "from servegen_fw.hooks.registry import Registry\n"
        "from servegen_fw.suite.load import load_suite\n"
        f"registry = Registry.load(block={INSTALLED!r}, plugins=[declarations])\n"
        f"suite = load_suite({str(path)!r}, registry=registry)\n"
        "assert suite.cases[0].load.duration_s == 600.0\n"
        f"print(*[name for name in {heavy!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


# -- whatever is wrong, it is told, not raised -----------------------------------------------------------------------

_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**400), 10**400),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["4/s", "20s", "95 %", "gamma", "acme:gamma", "server", dt.date(2026, 1, 2), dt.time(1)]),
    st.lists(st.one_of(st.integers(), st.text(max_size=3)), max_size=3),
    st.dictionaries(
        st.sampled_from(["kind", "name", "load", "x"]), st.one_of(st.integers(), st.just("gamma")), max_size=2
    ),
)


PATHS = list(read_spans(FULL))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_value_anywhere(registry: Registry, data: st.DataObject) -> None:
    """Any value in any place of a suite, or none, gives a suite or problems that can be shown, never another error."""
    suite = tomli.loads(FULL)
    *way, key = data.draw(st.sampled_from(PATHS))
    node: Any = suite
    for part in way:
        node = node[part]
    if data.draw(st.booleans()):
        node[key] = data.draw(_ODD)
    else:
        del node[key]
    problems: tuple[Problem, ...] = ()
    try:
        assert suite_from_data(suite, registry=registry).servegen == 1
    except InputError as error:
        problems = error.problems
        assert problems
    assert all(problem.what and str(problem) for problem in problems)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    at=st.integers(0, len(FULL)),
    cut=st.integers(0, 12),
    put=st.text(alphabet="[]{}=\"'#\n\\ ,.a1é\t", max_size=4),
)
def test_any_change_of_the_text(registry: Registry, at: int, cut: int, put: str) -> None:
    """Any slip in the text of a suite gives a suite or problems at a line that the text has."""
    text = FULL[:at] + put + FULL[at + cut :]
    lines = text.split("\n")
    problems: tuple[Problem, ...] = ()
    try:
        parse_suite(text, source="s.toml", registry=registry)
    except InputError as error:
        problems = error.problems
        assert problems
    for problem in problems:
        place = problem.place
        assert place is not None
        if place.line:
            assert place.text == lines[place.line - 1]
            assert 1 <= place.column <= len(place.text) + 1
            assert place.column - 1 + place.width <= max(len(place.text), place.column)


@attrs.frozen
class Filed:
    """A length read from a file."""

    file: str = setting("", doc="the file", path=True)


FILED = """
servegen = 1
name = "filed"
[target.t]
backend = "sim"
[[workload.group]]
arrival = "poisson"
input = { kind = "filed", file = "lengths.csv" }
output = { kind = "fixed", value = 1 }
[[case]]
name = "c"
load = { rate = 1, duration = 1 }
"""


def test_files_are_meant_from_the_suites_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path in a suite starts at the suite's folder, one given with --set at the working directory."""
    module = ModuleType("acme_filed")
    entry = LengthEntry(name="filed", make=str, config=Filed)
    module.__dict__["servegen_lengths"] = hookimpl(specname="servegen_lengths")(lambda: [entry])
    monkeypatch.setitem(sys.modules, "acme_filed", module)
    loaded = Registry.load(plugins=[module])
    (tmp_path / "s.toml").write_text(FILED)
    for overrides, wanted in (
        ([], str(tmp_path / "lengths.csv")),
        (["workload.group[0].input.file=other.csv"], "other.csv"),
        (["workload.group[0].input.file=/abs.csv"], "/abs.csv"),
    ):
        suite = load_suite(tmp_path / "s.toml", overrides=overrides, registry=loaded)
        assert suite.workload.groups[0].input is not None
        assert suite.workload.groups[0].input.config.file == wanted
    monkeypatch.chdir(tmp_path)
    suite = load_suite("s.toml", registry=loaded)
    assert suite.workload.groups[0].input is not None
    assert suite.workload.groups[0].input.config.file == "lengths.csv"


def test_a_suite_loads_from_text_and_from_its_file(tmp_path: Path) -> None:
    """`Suite.parse` of a file's text equals `Suite.load` of the file, overrides and problems included."""
    text = FILED.replace('{ kind = "filed", file = "lengths.csv" }', '{ kind = "fixed", value = 3 }')
    (tmp_path / "s.toml").write_text(text)
    overrides = ["case[0].load.rate=2/s"]
    assert Suite.parse(text, overrides) == Suite.load(tmp_path / "s.toml", overrides)
    with pytest.raises(InputError, match=r"<suite>:1:1: .*unknown key 'no'"):
        Suite.parse("no = 1\n" + text)
