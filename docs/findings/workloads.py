"""What the tables compare: the released data, and what each method makes of it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import attrs
from servegen_fw_pools.characterize.characterization import characterize
from servegen_fw_pools.fit.compact import excerpt
from servegen_fw_pools.logs.convert import log_of
from servegen_fw_pools.logs.source import read_source

from servegen_fw import Suite, plan
from servegen_fw.data.workload import Workload
from servegen_fw.prepare import Planned

ROOT = Path(__file__).parent.parent.parent
SUITES = ROOT / "suites" / "findings"
METHODS = ("clients", "naive", "reference")
TITLES = {"clients": "clients (ours)", "naive": "NAIVE", "reference": "reference method"}
# The reference tool knows one way of scaling.
SCALES = {"clients": "thin", "naive": "thin", "reference": "rate"}


@attrs.frozen
class Data:
    """Where the real data lies."""

    folder: Path

    @property
    def azure(self) -> Path:
        """One hour of a chat service."""
        return self.folder / "azure" / "AzureLLMInferenceTrace_conv.csv"

    @property
    def mooncake(self) -> Path:
        """One hour of conversations with block hashes."""
        return self.folder / "mooncake" / "conversation_trace.jsonl"

    def clients(self, name: str) -> Path:
        """Return the folder of a published workload, as "reason/deepseek-r1"."""
        return self.folder / "servegen" / name


def suite_of(name: str, data: Path, method: str, *, rate: str | None = None) -> Suite:
    """Return a suite of findings on the published data itself, by one method.

    `rate` is another one than the suite's; "recorded" runs the day as it was recorded.
    """
    source = f'{{kind = "servegen-data", path = "{data.resolve()}"}}'
    overrides = [
        f"workload.group[0].source={source}",
        f'workload.group[0].method="{method}"',
        f'workload.group[0].scale="{SCALES[method]}"',
    ]
    if rate == "recorded":
        overrides.append('case[0].load={kind = "open", duration = "24h"}')
    elif rate is not None:
        overrides.append(f"case[0].load.rate={rate}")
    return Suite.load(SUITES / f"{name}.toml", overrides=overrides)


def planned(suite: Suite) -> Planned:
    """Return the suite's one case, composed."""
    return next(iter(plan(suite)))


def generated(name: str, data: Path, method: str) -> Workload:
    """Return the workload of a suite of findings by one method."""
    return planned(suite_of(name, data, method)).workload


@functools.cache
def figures_of_data(path: Path, day: int | None = None) -> dict[str, Any]:
    """Return the figures of a log or of client data (or of one of its days, from 0), section by section."""
    source = read_source([path])
    return _figures(source if day is None else excerpt(source, day, 1))


@functools.cache
def figures_of_suite(path: Path) -> dict[str, Any]:
    """Return the figures of what a suite composes, section by section."""
    return _figures(log_of(planned(Suite.load(path)).workload, path.stem))


@functools.cache
def figures_of_method(name: str, data: Path, method: str) -> dict[str, Any]:
    """Return the figures of a generated workload, section by section."""
    return _figures(log_of(generated(name, data, method), method))


def _figures(source: Any) -> dict[str, Any]:
    found = characterize(source)
    return {section.key: dict(section.figures) for section in found.sections}
