"""The kernel's metric declarations."""

from __future__ import annotations

import subprocess
import sys

import pytest

from servegen_fw.builtin import servegen_metrics
from servegen_fw.data.run import Scalar, Series
from servegen_fw.judge.catalogue import METRICS


@pytest.mark.parametrize("entry", METRICS, ids=lambda entry: entry.name)
def test_every_metric_computes_and_says_what_it_is(entry, build):
    """A declared metric can be made, yields a series or a scalar with a unit, and is defined in words."""
    found = entry.product(entry.config()).compute(build([0.0, 1.0, 2.0]))
    assert isinstance(found, Series | Scalar)
    assert found.unit == entry.unit
    assert found.better in {"lower", "higher"}
    assert entry.label
    assert len(entry.definition.split()) > 5


def test_metrics_are_offered_through_the_hook_like_everyones():
    """The kernel offers its metrics by the hook that plugins use, each name once."""
    names = [entry.name for entry in servegen_metrics()]
    assert names == [entry.name for entry in METRICS]
    assert len(set(names)) == len(names)


def test_the_registry_finds_them(registry):
    """A suite that names a kernel metric gets the kernel's."""
    assert registry.find("metric", "ttft") == (METRICS[0], "servegen-fw")


def test_declaring_imports_nothing_heavy():
    """The catalogue is read at every start: it imports no numpy."""
    code = "import sys, servegen_fw.judge.catalogue; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
