"""What README, docs and changelog show is true: suites load, programs run, commands end as stated, links lead somewhere.

Marks in the Markdown, each an HTML comment on the line above a fenced block:

``not run: REASON``
    the commands or the program need something that a test has not, such as a server.
``file: PATH``
    the block is that file of the repository, to the letter; programs further down the page can import it.
``source: MODULE:NAME``
    the block is the source of that class, less decorators and the dots of empty bodies.
``save as: NAME``
    the block is put into a file of this name, which commands and programs further down the page use.

A line ``# exit status N`` after a command in a console block states how the command ends; otherwise it succeeds.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest
import tomli

from servegen_fw import InputError, Registry
from servegen_fw.suite import model
from servegen_fw.suite.load import parse_suite, suite_from_data
from servegen_fw.suite.options import options_of

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted(ROOT.glob("plugins/*/README.md"))
PAGES = [page for page in PAGES if page.exists()]
DOWNSTREAM = ROOT / "tests" / "downstream"

_FENCE = re.compile(r"^(?P<mark>```+|~~~+)\s*(?P<language>\S*)")
_MARK = re.compile(r"^<!--\s*(?P<key>not run|file|save as|source):\s*(?P<value>.+?)\s*-->$")
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)(?:\s+\"[^\"]*\")?\)")
_STATUS = re.compile(r"^# exit status (\d+)")
_COMMANDS = {
    "servegen-fw": [sys.executable, "-m", "servegen_fw"],
    ".venv/bin/servegen-fw": [sys.executable, "-m", "servegen_fw"],
}


@attrs.frozen
class Block:
    """A fenced block: its language, line, text and marks."""

    language: str
    line: int
    text: str
    marks: dict[str, str]


@attrs.frozen
class Command:
    """A command of a console block and the status with which it ends."""

    line: int
    text: str
    status: int


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page; those within lists are moved to the margin."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        opened = _FENCE.match(lines[at].strip())
        if not opened:
            at += 1
            continue
        indent = len(lines[at]) - len(lines[at].lstrip())
        marks: dict[str, str] = {}
        above = at - 1
        while above >= 0 and (found := _MARK.match(lines[above].strip())):
            marks[found["key"]] = found["value"]
            above -= 1
        end = next(
            (k for k in range(at + 1, len(lines)) if lines[k].strip() == opened["mark"]),
            len(lines),
        )
        inside = [line[indent:] for line in lines[at + 1 : end]]
        yield Block(opened["language"], at + 2, "\n".join(inside) + "\n", marks)
        at = end + 1


def commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a console block; a backslash at a line's end continues it."""
    lines = block.text.splitlines()
    for at, line in enumerate(lines):
        if not line.startswith("$ "):
            continue
        text, last = line[2:], at
        while text.endswith("\\"):
            last += 1
            text = text[:-1] + lines[last].removeprefix("> ")
        after = next((k for k in range(last + 1, len(lines)) if lines[k].startswith("$ ")), len(lines))
        stated = [int(found[1]) for one in lines[last + 1 : after] if (found := _STATUS.match(one))]
        yield Command(block.line + at, text, stated[0] if stated else 0)


def fenced(text: str, *, blank: bool = True) -> str:
    """Return a page without its fenced blocks and code spans, which may look like links."""
    kept, inside = [], ""
    for line in text.splitlines():
        found = _FENCE.match(line.strip())
        if inside:
            inside = "" if line.strip() == inside else inside
            kept.append("")
        elif found:
            inside = found["mark"]
            kept.append("")
        else:
            kept.append(re.sub(r"`[^`]*`", "", line) if blank else line)
    return "\n".join(kept)


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings as the usual renderers make them."""
    found: set[str] = set()
    for line in fenced(text, blank=False).splitlines():
        if line.startswith("#"):
            words = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            found.add(words.replace(" ", "-"))
    return found


def wrong_links(page: Path, text: str) -> list[str]:
    """Return the relative links of a page that lead nowhere."""
    wrong = []
    for number, line in enumerate(fenced(text).splitlines(), 1):
        for link in _LINK.finditer(line):
            target, _, anchor = link["target"].partition("#")
            if re.match(r"[a-z][a-z+.-]*:", target):
                continue
            file = page.parent / target
            if target and not file.exists():
                wrong.append(f"{page.name}:{number}: {link['target']}: no such file")
            elif anchor and anchor not in anchors(file.read_text(encoding="utf-8") if target else text):
                wrong.append(f"{page.name}:{number}: {link['target']}: no such heading")
    return wrong


def wrong_targets(page: Path, text: str) -> list[str]:
    """Return the make targets that a page's commands name and the Makefile lacks."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    return [
        f"{page.name}:{command.line}: make {word}: no such target"
        for block in blocks(text)
        if block.language == "console"
        for command in commands(block)
        if command.text.split()[0] == "make"
        for word in command.text.split()[1:]
        if re.fullmatch(r"[a-z][\w-]*", word) and word not in known
    ]


def keys_of(cls: type) -> set[str]:
    """Return the keys of a table of suites."""
    return {option.key for option in options_of(cls)}


def completed(data: dict[str, Any]) -> dict[str, Any] | None:
    """Return a suite around a fragment of one; None if the fragment is of something else."""
    group = {
        "arrival": "poisson",
        "input": {"kind": "fixed", "value": 9},
        "output": {"kind": "fixed", "value": 9},
    }
    load = {"kind": "open", "rate": "1/s", "duration": "10s"}
    whole: dict[str, Any] = {
        "servegen": 1,
        "name": "fragment",
        "target": {"sim": {"backend": "sim"}},
        "workload": {"group": [group]},
        "case": [{"name": "only", "load": load}],
    }
    keys = set(data)
    if keys <= keys_of(model.Suite):
        whole |= data | {"workload": whole["workload"] | data.get("workload", {})}
    elif keys <= keys_of(model.Group):
        whole["workload"] = {"group": [data]}
    elif keys <= keys_of(model.Case):
        whole["case"] = [{"name": "only"} | data]
    elif keys <= keys_of(model.Target):
        whole["target"] = {"only": data}
    else:
        return None
    groups = whole["workload"]["group"]
    whole["workload"]["group"] = [one if "source" in one else group | one for one in groups]
    return whole


def wrong_toml(page: Path, block: Block, registry: Registry) -> list[str]:
    """Return what is wrong with a block of TOML: a suite, a part of one, or a pyproject.toml."""
    where = f"{page.name}:{block.line}"
    try:
        data = tomli.loads(block.text)
        if "servegen" in data:
            parse_suite(block.text, source=where, registry=registry)
        elif "project" not in data:
            whole = completed(data)
            if whole is None:
                return [f"{where}: neither a suite, a part of one, nor a pyproject.toml"]
            suite_from_data(whole, source=where, registry=registry)
    except tomli.TOMLDecodeError as error:
        return [f"{where}: {error}"]
    except InputError as error:
        # Readers look whether their files exist; those of a page's examples need not.
        return [f"{where}: {one}" for one in error.problems if "no such file" not in one.what]
    return []


def wrong_file(page: Path, block: Block, folder: Path) -> list[str]:
    """Compare a block with the file that it shows, and put it where programs of the page find it."""
    file = ROOT / block.marks["file"]
    if not file.is_file() or file.read_text(encoding="utf-8") != block.text:
        return [f"{page.name}:{block.line}: is not {block.marks['file']}"]
    package = folder / file.parent.name if (file.parent / "__init__.py").exists() else folder
    package.mkdir(exist_ok=True)
    (package / file.name).write_text(block.text, encoding="utf-8")
    return []


def wrong_source(page: Path, block: Block) -> list[str]:
    """Compare a block with the class whose source it shows."""
    module, _, name = block.marks["source"].partition(":")
    lines = inspect.getsource(getattr(importlib.import_module(module), name)).splitlines()
    shown = [line for line in lines if not line.startswith("@") and line.strip() != "..."]
    if block.text.splitlines() == shown:
        return []
    return [f"{page.name}:{block.line}: is not the source of {block.marks['source']}"]


def wrong_commands(page: Path, block: Block, folder: Path) -> list[str]:
    """Run the commands of a block that are ours; return those that do not end as stated."""
    wrong = []
    for command in commands(block):
        name, _, rest = command.text.partition(" ")
        if name not in _COMMANDS:
            continue
        done = subprocess.run(  # noqa: S602 - pages show redirections
            " ".join([*_COMMANDS[name], rest]),
            shell=True,
            cwd=folder,
            env={**os.environ, "COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode != command.status or "Traceback" in done.stderr:
            told = f"{page.name}:{command.line}: {command.text}: exit status {done.returncode}, not {command.status}"
            wrong.append(f"{told}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return wrong


def wrong_program(page: Path, block: Block, space: ModuleType) -> list[str]:
    """Run a Python block in the page's namespace; return how it failed."""
    where = f"{page.name}:{block.line}"
    try:
        # Empty lines before the program make line numbers those of the page.
        exec(  # noqa: S102
            compile("\n" * (block.line - 1) + block.text, str(page), "exec", dont_inherit=True),
            space.__dict__,
        )
    except BaseException:  # noqa: BLE001 - whatever a page's program raises is what the reader would see
        return [f"{where}: {traceback.format_exc(limit=-3)}"]
    return []


def wrong_runs(page: Path, text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run a page from top to bottom in `folder`: its programs share a namespace, and files stay for later blocks."""
    (folder / "suites").symlink_to(ROOT / "suites")
    space = ModuleType(f"docs_{page.stem.replace('-', '_').lower()}")
    monkeypatch.setitem(sys.modules, space.__name__, space)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(folder)
    before = set(sys.modules)
    wrong: list[str] = []
    for block in blocks(text):
        if "file" in block.marks:
            wrong += wrong_file(page, block, folder)
        elif "source" in block.marks:
            wrong += wrong_source(page, block)
        elif "save as" in block.marks:
            (folder / block.marks["save as"]).write_text(block.text, encoding="utf-8")
        elif "not run" in block.marks:
            continue
        elif block.language == "console":
            wrong += wrong_commands(page, block, folder)
        elif block.language == "python":
            wrong += wrong_program(page, block, space)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]
    return wrong


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    """All installed plugins and the third-party ones that the pages speak of."""
    with pytest.MonkeyPatch.context() as patch:
        for folder in DOWNSTREAM.glob("acme-*"):
            patch.syspath_prepend(str(folder))
        import acme_servegen_arrivals  # type: ignore[import-not-found]
        import acme_servegen_echo  # type: ignore[import-not-found]

        yield Registry.load(plugins=[acme_servegen_arrivals, acme_servegen_echo])
        for name in [name for name in sys.modules if name.startswith("acme_servegen")]:
            del sys.modules[name]


each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link is to a file that exists and, with an anchor, to a heading in it."""
    assert wrong_links(page, page.read_text(encoding="utf-8")) == []


@each_page
def test_make_targets_exist(page: Path) -> None:
    """Every `make` command names targets of the Makefile."""
    assert wrong_targets(page, page.read_text(encoding="utf-8")) == []


@each_page
def test_toml_is_a_suite_or_fits_into_one(page: Path, registry: Registry) -> None:
    """Whole suites load, fragments do within a minimal suite, the rest is a pyproject.toml; saved ones are used below."""
    text = page.read_text(encoding="utf-8")
    found = [block for block in blocks(text) if block.language == "toml" and "save as" not in block.marks]
    assert [wrong for block in found for wrong in wrong_toml(page, block, registry)] == []
    for block in blocks(text):
        if "save as" in block.marks:
            below = "\n".join(text.splitlines()[block.line :])
            assert block.marks["save as"] in below, f"{page.name}:{block.line} is saved, but never used"


@each_page
def test_programs_and_commands_work(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From top to bottom, every program runs and every command ends with the status that the page states."""
    assert wrong_runs(page, page.read_text(encoding="utf-8"), tmp_path, monkeypatch) == []


@each_page
def test_the_tests_named_exist(page: Path) -> None:
    """Every test that a page names as `tests/...py::test_...` is there."""
    named = re.findall(r"`((?:plugins/\w+/)?tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text(encoding="utf-8"))
    lost = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).exists()
        or (name and f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8"))
    ]
    assert lost == []


@each_page
def test_what_is_not_run_says_why(page: Path) -> None:
    """Consoles that start a server or drive one are marked with a reason of at least three words."""
    for block in blocks(page.read_text(encoding="utf-8")):
        if "not run" in block.marks:
            assert len(block.marks["not run"].split()) >= 3


GOOD = """\
# A page

<!-- save as: note.txt -->
```text
hello
```

See [below](#and-more-words) and [the licence](LICENSE).

## And `more`, words

<!-- not run: needs a server nobody has -->
```console
$ servegen-fw run no-such-suite.toml
```

```console
$ servegen-fw --version
servegen-fw 0
$ servegen-fw check \\
>   no-such-suite.toml
error: whatever
# exit status 2
$ make test
$ git clone somewhere
```

```python
import attrs
from pathlib import Path

@attrs.frozen
class Point:
    x: int = 1
```

1. In a list:

   ```python
   assert Point().x == 1
   assert Path("note.txt").read_text() == "hello\\n"
   ```
"""


def run_page(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Put a made-up page through all checks but those of TOML."""
    page = ROOT / "PAGE.md"
    return [
        *wrong_links(page, text),
        *wrong_targets(page, text),
        *wrong_runs(page, text, folder, monkeypatch),
    ]


def test_a_true_page_is_found_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks themselves: a page whose claims hold has no complaint."""
    assert run_page(GOOD, tmp_path, monkeypatch) == []


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("(LICENSE)", "(LICENCE)", "PAGE.md:8: LICENCE: no such file"),
        ("#and-more-words", "#and-fewer-words", "PAGE.md:8: #and-fewer-words: no such heading"),
        ("make test", "make tests", "PAGE.md:24: make tests: no such target"),
        ("# exit status 2", "", "PAGE.md:20: servegen-fw check   no-such-suite.toml: exit status 2, not 0"),
        ("--version", "--no-such-option", "PAGE.md:18: servegen-fw --no-such-option: exit status 2, not 0"),
        ("x == 1", "x == 2", "PAGE.md:40: Traceback"),
        ("<!-- not run: needs a server nobody has -->", "", "exit status 2, not 0"),
        (
            "```python\nimport attrs",
            "<!-- source: servegen_fw.hooks.entries:Entry -->\n```python\nimport attrs",
            "is not the source of",
        ),
        ("```python\nimport attrs", "<!-- file: README.md -->\n```python\nimport attrs", "is not README.md"),
    ],
)
def test_a_false_page_is_found_false(
    right: str, wrong: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checks themselves: each false claim is told with page and line."""
    assert right in GOOD
    found = run_page(GOOD.replace(right, wrong, 1), tmp_path, monkeypatch)
    assert any(told in one for one in found), found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("arrival = { kind = 'gamma' }", "missing"),
        ("arrival = { kind = 'gama', cv = 1 }", "gama"),
        ("load = { kind = 'open', rate = '1/s' }", "duration"),
        ("[[slo]]\nmetric = 'ttft'\nmax = '1s'\nstart = 'p50'", "start"),
        ("servegen = 1\nname = 'x'", "target"),
        ("colour = 'red'", "neither a suite"),
        ("a = ", "PAGE.md:1"),
    ],
)
def test_a_false_fragment_is_found_false(text: str, told: str, registry: Registry) -> None:
    """The checks themselves: TOML that no suite could hold is refused."""
    found = wrong_toml(ROOT / "PAGE.md", Block("toml", 1, text, {}), registry)
    assert any(told in one for one in found), found
