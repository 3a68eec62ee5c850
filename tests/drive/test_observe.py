"""Observers are sampled beside a run, on its clock, and cannot harm it."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import ModuleType

import pyarrow.parquet as pq
import pytest

from servegen_fw import Registry, run
from servegen_fw.drive.clock import now_ns
from servegen_fw.drive.observe import Observing
from servegen_fw.hooks.entries import ObserverEntry
from servegen_fw.hooks.specs import hookimpl
from servegen_fw.suite.load import parse_suite
from servegen_fw.testing import OpenAIAnswers, ScriptedServer


class Power:
    """An observer that reads a rising number; tells when it has been read often enough."""

    def __init__(self, enough: int = 3) -> None:
        self.calls: list[str] = []
        self.enough = threading.Event()
        self._left = enough

    def start(self) -> None:
        """Open."""
        self.calls.append("start")

    def sample(self) -> list[tuple[str, float, str]]:
        """Read."""
        self._left -= 1
        if self._left <= 0:
            self.enough.set()
        self.calls.append("sample")
        return [("power", float(len(self.calls)), "W"), ("clock", 1.0, "Hz")]

    def stop(self) -> None:
        """Close."""
        self.calls.append("stop")


class Broken(Power):
    """An observer that fails when read."""

    def sample(self) -> list[tuple[str, float, str]]:
        """Fail."""
        self.enough.set()
        raise OSError("no such device")


def test_samples_are_on_the_runs_clock() -> None:
    """An observer is started, sampled and stopped, and its samples' times count from the run's zero."""
    power = Power()
    zero_ns = now_ns()
    with Observing("t", [power], every_s=0.01) as observing:
        assert power.enough.wait(10)
    seen = observing.table(zero_ns)
    assert (power.calls[0], power.calls[-1]) == ("start", "stop")
    assert (seen.names, seen.units, seen.targets) == (("power", "clock"), ("W", "Hz"), ("t",))
    assert len(seen.t_ns) == 2 * power.calls.count("sample") >= 6
    assert 0 <= seen.t_ns[0] <= seen.t_ns[-1] <= now_ns() - zero_ns
    assert seen.value[seen.series == 0].tolist() == sorted(seen.value[seen.series == 0].tolist())


def test_a_broken_observer_is_left_out_and_told() -> None:
    """An observer that raises is no longer sampled and is named; the others go on."""
    power, broken = Power(), Broken()
    with Observing("t", [broken, power], every_s=0.01) as observing:
        assert power.enough.wait(10)
    assert observing.problems == ["Broken.sample(): OSError: no such device"]
    assert set(observing.table(0).names) == {"power", "clock"}


def test_without_observers_nothing_is_started() -> None:
    """A target without observers starts no thread and yields an empty table."""
    before = threading.active_count()
    with Observing("t", []) as observing:
        assert threading.active_count() == before
    assert len(observing.table(0).t_ns) == 0


def test_a_suites_observers_are_stored_with_the_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An observer named by a target is sampled during the run and its table lies beside the records."""
    module = ModuleType("acme_power")
    entry = ObserverEntry(name="power", make=lambda _config: Power())
    module.__dict__["servegen_observers"] = hookimpl(specname="servegen_observers")(lambda: [entry])
    monkeypatch.setitem(sys.modules, "acme_power", module)
    registry = Registry.load(plugins=[module])
    with ScriptedServer(OpenAIAnswers()) as server:
        suite = parse_suite(
            f"""
            servegen = 1
            name = "s"
            [target.t]
            backend = {{ kind = "vllm", url = "{server.url}" }}
            observers = ["power"]
            [[workload.group]]
            arrival = "poisson"
            input = {{ kind = "fixed", value = 5 }}
            output = {{ kind = "fixed", value = 2 }}
            [[case]]
            name = "c"
            load = {{ rate = 10, duration = 2 }}
            """,
            registry=registry,
        )
        result = run(suite, registry=registry, out=tmp_path / "r")
    table = pq.read_table(result.folder.path / "cells" / "c.t.0" / "observations.parquet")
    assert set(table.column("series").to_pylist()) == {"power", "clock"}
    assert set(table.column("target").to_pylist()) == {"t"}
    # The first sample may come before the clock's zero, none before the run.
    assert -5e9 < table.column("t_ns").to_numpy().min() < 2e9
