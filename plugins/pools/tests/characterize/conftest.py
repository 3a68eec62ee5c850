"""The Mooncake trace as a log, and what every section must hold to."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from servegen_fw_pools.characterize.section import Number, Section
from servegen_fw_pools.logs.log import Blocks, Log


@pytest.fixture(scope="session")
def mooncake_log(real: Callable[[str], Path]) -> Log:
    """The Mooncake conversation trace with its hashes, read plainly."""
    rows = [json.loads(line) for line in real("mooncake/conversation_trace.jsonl").read_text().splitlines()]
    ids = [np.array(row["hash_ids"], np.int64) for row in rows]
    return Log(
        name="mooncake",
        input_tokens=np.array([row["input_length"] for row in rows], np.int32),
        output_tokens=np.array([row["output_length"] for row in rows], np.int32),
        time_s=np.array([row["timestamp"] for row in rows]) / 1000.0,
        blocks=Blocks(
            np.concatenate(([0], np.cumsum([len(each) for each in ids]))).astype(np.int64),
            np.concatenate(ids),
            512,
        ),
    )


@pytest.fixture
def finite() -> Callable[[Section], None]:
    """Check a section: every figure is finite and of a type that JSON has, and every plot draws."""

    def walk(value: object, where: str) -> None:
        if isinstance(value, Number):
            for part in (value.value, value.low, value.high):
                assert part is None or math.isfinite(part), where
            assert value.low is None or value.low <= value.value + 1e-12, where
            assert value.high is None or value.high >= value.value - 1e-12, where
        elif isinstance(value, dict):
            for key, part in value.items():
                assert isinstance(key, str)
                walk(part, f"{where}.{key}")
        elif isinstance(value, list):
            for part in value:
                walk(part, where)
        else:
            assert type(value) in {str, int, float, bool}, f"{where}: {type(value)}"
            assert not isinstance(value, float) or math.isfinite(value), where

    def check(section: Section) -> None:
        from matplotlib.figure import Figure

        walk(dict(section.figures), section.key)
        for plot in section.plots:
            figure = Figure(figsize=(3, 2))
            plot.draw(figure)
            figure.canvas.draw()
        assert not any("nan" in line.split() or "inf" in line.split() for line in section.lines)

    return check
