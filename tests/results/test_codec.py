"""Reports as strict JSON and back."""

from __future__ import annotations

import json
import math

import attrs
import numpy as np

from servegen_fw.data.report import Report
from servegen_fw.results.codec import plain, report_from_json, report_to_json


def strict(text: str) -> object:
    """Parse JSON as a strict reader does, without NaN and Infinity."""
    return json.loads(text, parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name)))


def test_report_survives_strict_json(report: Report) -> None:
    """A report written as JSON holds no NaN and comes back with every figure, array and type."""
    data = strict(json.dumps(report_to_json(report)))
    assert isinstance(data, dict)
    back = report_from_json(data)
    assert report_to_json(back) == report_to_json(report)
    cell = back.cells[0]
    assert isinstance(cell.clients.name, tuple)
    assert cell.clients.requests.dtype == np.int64
    assert math.isnan(cell.clients.cv[1])
    assert math.isnan(cell.metrics[2].stats["value"].value)
    assert cell.objectives[0].estimate == report.cells[0].objectives[0].estimate
    assert back.verdict == "FAIL"


def test_plain_turns_everything_into_json() -> None:
    """Numpy scalars, arrays, tuples, sets, infinities and foreign objects become JSON-able data."""
    made = plain(
        {
            "a": np.float64(1.5),
            "b": np.arange(2),
            "c": (1, math.nan),
            "d": {3},
            4: math.inf,
            "e": None,
            "f": Report,
        }
    )
    assert made["a"] == 1.5
    assert (made["b"], made["c"], made["d"], made["4"], made["e"]) == ([0, 1], [1, None], [3], "inf", None)
    assert "Report" in made["f"]
    strict(json.dumps(made))


def test_worst_cell_decides(report: Report) -> None:
    """The report's verdict is its worst cell's; without cells, or partial, it is INVALID."""
    good = attrs.evolve(report.cells[0], verdict="PASS")
    broken = attrs.evolve(report.cells[0], verdict="INVALID")
    assert attrs.evolve(report, cells=(good,)).verdict == "PASS"
    assert attrs.evolve(report, cells=(good, report.cells[0])).verdict == "FAIL"
    assert attrs.evolve(report, cells=(broken, report.cells[0])).verdict == "INVALID"
    assert attrs.evolve(report, cells=()).verdict == "INVALID"
    assert attrs.evolve(report, cells=(good,), partial="interrupted").verdict == "INVALID"
