"""What the plugin declares: complete, light to import, options with limits that give clear messages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import servegen_fw_models
import tomli

from servegen_fw.hooks.registry import Registry
from servegen_fw.plugin import InputError
from servegen_fw.suite.model import Group
from servegen_fw.suite.structure import configure

EXPECTED = {
    "arrival": ["constant", "empirical", "gamma", "hawkes", "poisson", "weibull"],
    "modulation": ["diurnal", "mmpp-2", "on-off", "piecewise"],
    "length": [
        *("empirical", "exponential", "fixed", "gamma", "lognormal", "mixture", "pareto", "pareto-lognormal"),
        *("uniform", "weibull", "zipf"),
    ],
    "modality": ["audio", "image", "video"],
    "reasoning": ["bimodal", "correlated", "ratio"],
    "conversation": ["geometric", "lognormal", "single", "tool-calls"],
}


FIXED = {"kind": "fixed", "value": 9}


@pytest.fixture(scope="module")
def registry() -> Registry:
    """A registry with the plugin, registered in process."""
    return Registry.load(block=["servegen-fw-models"], plugins=[servegen_fw_models], strict=False)


def mine(registry: Registry, kind: Any) -> list[str]:
    """Names of the entries that this plugin offers."""
    return sorted(entry.name for entry, owner in registry.entries(kind) if owner == "servegen_fw_models")


@pytest.mark.parametrize("kind", EXPECTED)
def test_every_entry_is_offered(registry: Registry, kind: str) -> None:
    """The plugin loads without failure and offers these names, each with a summary."""
    assert mine(registry, kind) == EXPECTED[kind]
    assert all(
        entry.summary
        for entry, owner in registry.entries(kind)
        if owner == "servegen_fw_models"  # type: ignore[arg-type]
    )


def test_pools_find_the_gap_families_by_arrival_name(registry: Registry) -> None:
    """gamma, poisson and weibull offer gap families that draw mean-1 gaps; exponential gaps go by the name poisson."""
    assert set(registry.families) >= {"gamma", "poisson", "weibull"}
    for name in ("gamma", "poisson", "weibull"):
        family = registry.families[name]
        shape = family.parameter(np.array([1.2]), np.array([50.0]))
        assert family.gaps(shape, np.random.default_rng(1)).shape == (1,)
        assert family.first(shape, np.random.default_rng(1)).shape == (1,)


def test_importing_the_declarations_is_light() -> None:
    """Importing the module and asking every hook loads neither numpy nor scipy."""
    code = (
        "import sys, servegen_fw_models as m\n"
        "for name in dir(m):\n"
        "    if name.startswith('servegen_'): assert getattr(m, name)()\n"
        "heavy = {'numpy', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_drawing_from_a_pool_s_families_needs_no_scipy() -> None:
    """Gap families, the shape of a CV and renewal processes use numpy alone, so that pools start fast."""
    code = (
        "import sys, numpy as np\n"
        "from servegen_fw_models import gamma, options, weibull\n"
        "rng = np.random.default_rng(1)\n"
        "for family in (gamma.GammaFamily(), weibull.WeibullFamily()):\n"
        "    shape = family.parameter(np.array([2.0]), np.array([50.0]))\n"
        "    family.gaps(shape, rng), family.first(shape, rng)\n"
        "weibull.make(options.Weibull(cv=2.0)).unit_times(10.0, rng)\n"
        "assert 'scipy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("kind", "name", "config", "what"),
    [
        ("arrival", "gamma", {}, "missing 'cv'"),
        ("arrival", "gamma", {"cv": 0}, "greater than 0"),
        ("arrival", "weibull", {"cv": 101}, "at most 100"),
        ("arrival", "poisson", {"cv": 1}, "takes no options"),
        ("modulation", "on-off", {"on": "20s"}, "missing 'off'"),
        ("modulation", "on-off", {"on": "20s", "off": "0s"}, "greater than 0"),
        ("modulation", "on-off", {"on": "20s", "off": "1s", "low": 1.5}, "at most 1"),
        ("length", "fixed", {"value": -1}, "at least 0"),
        ("length", "uniform", {"low": 5, "high": 2}, "high = 2 lies below low = 5"),
        ("length", "exponential", {"mean": 0}, "greater than 0"),
        ("length", "lognormal", {"median": 5, "sigma": 0}, "greater than 0"),
        ("length", "pareto-lognormal", {"median": 5, "sigma": 1, "tail": 0.9}, "has no mean"),
        ("length", "empirical", {}, "either values or path"),
        ("length", "empirical", {"values": [1], "path": "x.csv"}, "either values or path"),
        ("length", "empirical", {"values": [1, 2], "weights": [1]}, "2 values but 1 weights"),
        ("length", "empirical", {"values": [1, 2], "weights": [0, 0]}, "all zero"),
        ("length", "empirical", {"values": [-1]}, "at least 0"),
        ("length", "empirical", {"path": "x.csv", "weights": [1]}, "weights stand in the file"),
        ("reasoning", "ratio", {"values": [1.2]}, "at most 1"),
        ("reasoning", "ratio", {"values": []}, "values is empty"),
        ("reasoning", "bimodal", {"low": 0.9, "high": 0.1}, "lies below low"),
        ("arrival", "empirical", {}, "either values or path"),
        ("arrival", "empirical", {"values": [0, 0]}, "all gaps are zero"),
        ("arrival", "empirical", {"values": [0, 3], "weights": [1, 0]}, "all gaps are zero"),
        ("arrival", "hawkes", {"branching": 1, "decay": "5s"}, "at most 0.99"),
        ("arrival", "hawkes", {"branching": 0.5}, "missing 'decay'"),
        ("modulation", "mmpp-2", {"levels": [1, 2, 3], "sojourn": [1, 2]}, "an array of 2"),
        ("modulation", "mmpp-2", {"levels": [0, 0], "sojourn": ["1s", "2min"]}, "both levels are zero"),
        ("modulation", "diurnal", {"low": 0.3, "peak": "25h"}, "peak = 90000 s is not within"),
        ("modulation", "diurnal", {"low": 0.3, "peak": "4h"}, "at the same time"),
        ("modulation", "piecewise", {"times": [0, 5], "levels": [1], "period": 9}, "2 times but 1 levels"),
        ("modulation", "piecewise", {"times": [1, 5], "levels": [1, 2], "period": 9}, "at time 0"),
        ("modulation", "piecewise", {"times": [0, 5, 5], "levels": [1, 2, 3], "period": 9}, "do not ascend"),
        ("modulation", "piecewise", {"times": [0, 9], "levels": [1, 2], "period": 9}, "not within period"),
        ("modulation", "piecewise", {"times": [0], "levels": [1], "period": 9, "start": 9}, "not within"),
        ("modulation", "piecewise", {"times": [0], "levels": [0], "period": 9}, "levels are all zero"),
        ("length", "gamma", {"mean": 5, "cv": 11}, "at most 10"),
        ("length", "weibull", {"mean": 0, "cv": 1}, "greater than 0"),
        ("length", "pareto", {"min": 5, "tail": 0.9}, "has no mean"),
        ("length", "pareto", {"min": 5, "tail": 2, "max": 5}, "not above min"),
        ("length", "zipf", {"exponent": 1, "max": 0}, "at least 1"),
        ("length", "mixture", {"laws": []}, "laws is empty"),
        ("length", "mixture", {"laws": [FIXED, FIXED], "weights": [1]}, "2 laws but 1 weights"),
        ("length", "mixture", {"laws": [FIXED], "weights": [0]}, "all zero"),
        ("length", "mixture", {"laws": [{"kind": "fixed", "value": -1}]}, "at least 0"),
        ("reasoning", "correlated", {"correlation": 0.5}, "missing 'output'"),
        ("reasoning", "correlated", {"correlation": 1, "output": FIXED}, "less than 1"),
        ("reasoning", "correlated", {"correlation": 0, "output": FIXED, "low": 1, "high": 0}, "below low"),
        ("conversation", "lognormal", {"turns": 6, "max_turns": 10}, "more than half of max_turns"),
        ("conversation", "tool-calls", {}, "missing 'calls'"),
        ("conversation", "tool-calls", {"turns": 100, "calls": 200}, "more than 10,000"),
        ("modality", "image", {}, "missing 'tokens'"),
        ("modality", "image", {"tokens": FIXED, "share": 0}, "greater than 0"),
        ("modality", "image", {"tokens": FIXED, "several_mean": 1.5}, "at least 2"),
        ("modality", "video", {"tokens": FIXED, "patch": 1, "width": 5000, "height": 5000}, "larger patch"),
        ("conversation", "geometric", {"turns": 0.5}, "at least 1"),
        ("conversation", "geometric", {"turns": 2, "think": "lognormall"}, "lognormall"),
    ],
)
def test_limits_are_enforced_with_a_clear_message(
    registry: Registry, kind: Any, name: str, config: dict[str, Any], what: str
) -> None:
    """Options out of range or in conflict give one problem that says what is wrong."""
    entry, _ = registry.find(kind, name)
    with pytest.raises(InputError) as caught:
        configure(entry.config, config, registry=registry)
    assert len(caught.value.problems) == 1
    assert what in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "name", "config"),
    [
        ("arrival", "gamma", {"cv": 1.4}),
        ("modulation", "on-off", {"on": "20s", "off": "40s"}),
        ("length", "pareto-lognormal", {"median": 300, "sigma": 0.9, "tail": 1.6, "max": 4096}),
        ("length", "exponential", {"mean": 220}),
        ("reasoning", "bimodal", {"low": 0.35, "high": 0.92, "weight": 0.4}),
        (
            "conversation",
            "geometric",
            {"turns": 3.5, "think": {"kind": "lognormal", "median": 100, "sigma": 1.2}},
        ),
        ("conversation", "geometric", {"turns": 3.5, "think": {"kind": "fixed", "value": 60}}),
        ("arrival", "hawkes", {"branching": 0.6, "decay": "5s"}),
        ("arrival", "empirical", {"values": [1, 2.5, 40]}),
        ("modulation", "mmpp-2", {"levels": [1, 8], "sojourn": ["60s", "10s"]}),
        ("modulation", "diurnal", {"low": 0.3, "peak": "15h", "start": "9h"}),
        ("modulation", "piecewise", {"times": ["0s", "10min"], "levels": [1, 3], "period": "1h"}),
        ("length", "mixture", {"laws": [FIXED, {"kind": "pareto", "min": 9, "tail": 2}], "weights": [3, 1]}),
        ("length", "zipf", {"exponent": 1.1, "max": 4096}),
        ("reasoning", "correlated", {"correlation": 0.5, "output": {"kind": "exponential", "mean": 900}}),
        ("conversation", "lognormal", {}),
        ("conversation", "tool-calls", {"calls": 4, "gap": FIXED, "think": FIXED}),
        ("modality", "image", {"tokens": FIXED}),
        ("modality", "audio", {"tokens": FIXED, "rate": "50/s"}),
        ("modality", "video", {"tokens": FIXED, "width": 640, "height": 360}),
    ],
)
def test_what_suites_write_becomes_a_product(
    registry: Registry, kind: Any, name: str, config: dict[str, Any]
) -> None:
    """The tables of the documentation's sample suite structure and build."""
    entry, _ = registry.find(kind, name)
    assert entry.product(configure(entry.config, config, registry=registry)) is not None


def test_the_readme_s_example_is_valid(registry: Registry) -> None:
    """The TOML of the README structures as workload groups, and every entry in them builds."""
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    document = tomli.loads(text.split("```toml")[1].split("```")[0])
    used = set()
    for table in document["workload"]["group"]:
        group = configure(Group, table, registry=registry)
        given = (group.arrival, group.modulation, group.input, group.output, group.reasoning, group.session)
        for choice in (*given, *group.modality):
            if choice is not None:
                assert choice.make() is not None
                used.add(choice.entry.kind)
    assert used == set(EXPECTED)
