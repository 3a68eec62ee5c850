"""The whole characterisation, its JSON, page and plots."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from servegen_fw_pools.characterize import codec
from servegen_fw_pools.characterize.characterization import ORDER, Characterization, characterize
from servegen_fw_pools.characterize.page import page
from servegen_fw_pools.characterize.plots import draw
from servegen_fw_pools.characterize.section import Number, Section
from servegen_fw_pools.characterize.summary import summary
from servegen_fw_pools.fit.from_log import fit_log
from servegen_fw_pools.logs.log import Log, Notice

from servegen_fw.plugin import ClientPool, InputError


def numbers(data: Any) -> list[float]:
    """Every number in plain data."""
    if isinstance(data, dict):
        return [n for one in data.values() for n in numbers(one)]
    if isinstance(data, list):
        return [n for one in data for n in numbers(one)]
    return [data] if isinstance(data, (int, float)) else []


@pytest.fixture(scope="module")
def made(log_of: Any) -> Characterization:
    """A log of three clients over two hours, with a notice."""
    rng = np.random.default_rng(7)
    log = log_of(rng.random(9000) * 7200, rng.integers(0, 3, 9000), start="2026-01-01T00:00:00+00:00")
    notices = (Notice("damaged-row", 3, "3 rows were damaged; skipped", ("a.csv:7", "a.csv:9")),)
    return characterize(attrs.evolve(log, notices=notices))


def test_sections_come_in_order_and_the_rest_says_why(made: Characterization) -> None:
    """What the log tells is a section, in the fixed order; what it does not is absent with a reason."""
    keys = [section.key for section in made.sections]
    assert keys == ["arrivals", "lengths", "clients"]
    assert [key for key in ORDER if key not in keys] == list(made.absent)
    assert all(why for why in made.absent.values())


EDGES: dict[str, tuple[list[float], list[int] | None]] = {
    "no request": ([], None),
    "one request": ([0.0], [0]),
    "two requests": ([0.0, 400.0], [0, 1]),
    "one time": ([3.0] * 40, [0, 1] * 20),
    "constant gaps": (list(np.arange(3000) * 1.0), [0] * 3000),
    "duplicate times": (list(np.repeat(np.arange(800) * 3.1, 5)), [0, 1, 2, 3] * 1000),
    "empty windows": ([0.0, 1.0, 2.0, *(86_000.0 + k for k in range(500))], [0] * 503),
    "one client": (list(np.sort(np.random.default_rng(1).random(2000)) * 4000), [0] * 2000),
    "constant lengths": (list(np.arange(600) * 2.5), [0, 1] * 300),
    "no ids": (list(np.sort(np.random.default_rng(1).random(300)) * 4000), None),
}


@pytest.mark.parametrize("name", EDGES)
def test_edge_cases_are_described_without_nan(name: str, log_of: Any, tmp_path: Path) -> None:
    """Hostile logs, one with constant lengths, give finite JSON, a page and plots that draw."""
    times, clients = EDGES[name]
    client = None if clients is None else np.array(clients)
    flat = {name: np.full(len(times), 7, np.int32) for name in ("input_tokens", "output_tokens")}
    found = characterize(log_of(times, client, **(flat if name == "constant lengths" else {})))
    data = json.loads(codec.dumped(codec.to_json(found)))
    assert all(math.isfinite(n) for n in numbers(data))
    drawn = draw([plot for section in found.sections for plot in section.plots], tmp_path)
    assert not re.search(r"\b(nan|inf)\b", page(found, {path.stem: path for path in drawn}))


def test_json_reads_back_as_it_was(made: Characterization, tmp_path: Path) -> None:
    """All but the plots survive, numbers with their intervals, and writing again gives the same bytes."""
    path = tmp_path / "characterization.json"
    codec.write(made, path)
    back = codec.read(path)
    assert back.figure("arrivals", "rate") == made.figure("arrivals", "rate")
    assert back.notices == made.notices
    assert back.absent == made.absent
    again = tmp_path / "again.json"
    codec.write(
        attrs.evolve(made, sections=tuple(attrs.evolve(one, plots=()) for one in made.sections)), path
    )
    codec.write(back, again)
    assert again.read_bytes() == path.read_bytes()
    assert json.loads(path.read_text())["clients"]["table"]["rows"][0]["clients"] == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is not JSON"),
        ("[1]", "is no characterization"),
        ('{"format": "other"}', "is no characterization"),
        ('{"format": "servegen-fw characterization", "version": 99}', "has version 99"),
        ('{"format": "servegen-fw characterization", "version": 1}', "is damaged"),
    ],
)
def test_other_files_are_refused(text: str, told: str, tmp_path: Path) -> None:
    """A file that is not a whole characterization of this version is refused with what to do."""
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        codec.read(path)
    with pytest.raises(InputError, match="cannot read"):
        codec.read(tmp_path / "absent.json")


def test_what_is_not_finite_is_not_written(made: Characterization) -> None:
    """A NaN or an object among the figures is an error that names its path."""
    for value, error in ((math.nan, ValueError), (math.inf, ValueError), (object(), TypeError)):
        section = Section("arrivals", "Arrivals", {"a": {"b": [value]}})
        with pytest.raises(error, match=r"arrivals\.a\.b"):
            codec.to_json(attrs.evolve(made, sections=(section,)))
    with pytest.raises(ValueError, match="no measured number"):
        Number(math.nan)


def test_the_page_holds_what_a_reader_needs(made: Characterization) -> None:
    """Summary first, notices with places, every section with its pictures and what cannot be said, absent ones last."""
    names = [plot.name for section in made.sections for plot in section.plots]
    text = page(made, {name: Path("plots") / f"{name}.svg" for name in names})
    marks = [
        "# made",
        "| figure |",
        "## Notices",
        "damaged-row",
        "a.csv:7",
        "## Arrivals",
        "## Clients",
        "## Not in",
    ]
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    assert all(f"](plots/{name}.svg)" in text for name in names)
    assert "\n\n\n" not in text
    assert "matplotlib" not in text


def test_without_matplotlib_the_page_says_how_to_get_plots(
    made: Characterization, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No plots are drawn, and the page names the extra that brings them."""
    monkeypatch.setattr("servegen_fw_pools.characterize.plots.available", lambda: False)
    plots = [plot for section in made.sections for plot in section.plots]
    assert draw(plots, tmp_path / "plots") == []
    assert not (tmp_path / "plots").exists()
    assert "pip install servegen-fw-pools[plots]" in page(made, {})


def test_plots_are_the_same_bytes_every_time(made: Characterization, tmp_path: Path) -> None:
    """Two drawings of one characterisation are equal, carry no date, and leave matplotlib's settings as they were."""
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    plots = [plot for section in made.sections for plot in section.plots]
    first, second = (draw(plots, tmp_path / name) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert len(first) == len(plots) == len({plot.name for plot in plots})
    assert all("<dc:date>" not in path.read_text() for path in first)
    assert dict(mpl.rcParams) == before
    assert draw(plots[:1], tmp_path, png=True)[0].read_bytes()[:4] == b"\x89PNG"


def test_a_wrong_timestamp_is_told_and_not_computed(log_of: Any) -> None:
    """A log that seems to last decades would need millions of windows: an error that names the span and the cure."""
    with pytest.raises(InputError, match=r"18,\d{3}\.\d days.*\n.*--window"):
        characterize(log_of([0.0, 5.0, 1.6e9]))


def test_headlines_leave_out_what_the_clock_makes(log_of: Any) -> None:
    """With a clock of 3 s the CV of gaps and dispersion below 30 s are no headline; with a fine one they are."""
    rng = np.random.default_rng(3)
    times = rng.random(8000) * 3600
    fine = {name for name, _, _ in summary(characterize(log_of(times)))}
    coarse = {name for name, _, _ in summary(characterize(log_of(np.floor(times / 3) * 3)))}
    assert fine - coarse == {
        "CV of gaps, middle window",
        "index of dispersion, 1 s",
        "index of dispersion, 10 s",
    }


def test_azure_and_deepseek_are_described_whole(azure: Log, deepseek: ClientPool, tmp_path: Path) -> None:
    """Real data: all sections are finite, and a pool of reasoning clients has its reasoning section."""
    for source, keys in (
        (azure, ["arrivals", "lengths", "clients"]),
        (deepseek, ["arrivals", "lengths", "clients", "reasoning"]),
    ):
        found = characterize(source)
        assert [section.key for section in found.sections] == keys
        assert all(math.isfinite(n) for n in numbers(codec.to_json(found)))
        assert draw([plot for section in found.sections for plot in section.plots], tmp_path / source.name)


def test_a_pool_of_conversations_counts_requests() -> None:
    """A pool counts sessions begun; what is told of it are requests: 200 sessions of two turns are 400."""
    log = Log(
        name="talks",
        time_s=np.arange(400) * 9.0,
        input_tokens=np.full(400, 50, np.int32),
        output_tokens=np.full(400, 20, np.int32),
        session=np.repeat(np.arange(200, dtype=np.int32), 2),
        turn=np.tile(np.arange(2, dtype=np.int32), 200),
    )
    pool = fit_log(log)
    assert pool.count.sum() == 200
    assert characterize(pool).source["requests"] == pytest.approx(400)
