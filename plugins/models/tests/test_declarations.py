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
    ],
)
def test_what_suites_write_becomes_a_product(
    registry: Registry, kind: Any, name: str, config: dict[str, Any]
) -> None:
    """The tables of the documentation's sample suite structure and build."""
    entry, _ = registry.find(kind, name)
    assert entry.product(configure(entry.config, config, registry=registry)) is not None


def test_the_readme_s_example_is_a_valid_group(registry: Registry) -> None:
    """The TOML of the README structures as a workload group, and every entry in it builds."""
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    document = tomli.loads(text.split("```toml")[1].split("```")[0])
    group = configure(Group, document["workload"]["group"][0], registry=registry)
    for choice in (
        group.arrival,
        group.modulation,
        group.input,
        group.output,
        group.reasoning,
        group.session,
    ):
        assert choice is not None
        assert choice.make() is not None
