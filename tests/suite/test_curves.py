"""Rate curves as suites write them."""

from __future__ import annotations

from typing import Any

import pytest

from servegen_fw.suite.curves import read_curve, write_curve
from servegen_fw.suite.issues import Issue
from servegen_fw.suite.model import RateCurve

RAMP = RateCurve((0.0, 600.0, 600.0, 1200.0), (4.0, 16.0, 2.0, 4.0))


@pytest.mark.parametrize(
    ("raw", "curve"),
    [
        ("4/s", RateCurve((0.0,), (4.0,))),
        (4, RateCurve((0.0,), (4.0,))),
        ([["0s", "4/s"], ["10min", "16/s"], ["10min", "2/s"], ["20min", "240/min"]], RAMP),
        ([[0, 4], [600.0, 16.0], [600, 2], [1200, 4]], RAMP),
        ([["5min", 0], ["10min", 1]], RateCurve((300.0, 600.0), (0.0, 1.0))),
    ],
)
def test_read(raw: Any, curve: RateCurve) -> None:
    """A rate is a constant curve; points are times and rates, with units or in SI, and a repeated time is a step."""
    issues: list[Issue] = []
    assert read_curve(raw, ("rate",), issues) == curve
    assert issues == []


@pytest.mark.parametrize("curve", [RAMP, RateCurve((0.0,), (0.5,)), RateCurve((7.0,), (0.5,))])
def test_write(curve: RateCurve) -> None:
    """A written curve is read as the same curve."""
    assert read_curve(write_curve(curve), (), []) == curve


@pytest.mark.parametrize(
    ("raw", "path", "what"),
    [
        ("4s", (), "expected a rate such as '4/s', got '4s', which is a time"),
        (True, (), "expected a rate such as '4/s', got true"),
        ("-1/s", (), "must not be negative, got '-1/s'"),
        (0, (), "the rate is zero all the time"),
        ([], (), "the curve has no points"),
        ([["0s", 0], ["1s", 0]], (), "the rate is zero all the time"),
        (["0s", "4/s"], (0,), 'expected a point [time, rate] such as ["10min", "16/s"]'),
        ([["0s"]], (0,), 'expected a point [time, rate] such as ["10min", "16/s"]'),
        ([["0s", 1], ["4/s", 2]], (1, 0), "expected a time such as '20s', got '4/s', which is a rate"),
        ([[None, 1]], (0, 0), "expected a time such as '10min', got nothing"),
        ([["10s", 1], ["5s", 2]], (1, 0), "times must ascend, got '5s' after 10 s"),
        ([[-1, 1]], (0, 0), "must not be negative, got -1"),
        (float("nan"), (), "must be finite, got nan"),
        ([[0, float("inf")]], (0, 1), "must be finite, got inf"),
    ],
)
def test_refused(raw: Any, path: tuple[int, ...], what: str) -> None:
    """What is wrong with a curve is said at the number that is wrong."""
    issues: list[Issue] = []
    assert read_curve(raw, ("rate",), issues) is None
    assert (issues[0].path, issues[0].what) == (("rate", *path), what)


def test_all_at_once() -> None:
    """Every wrong number of a curve is reported, not only the first."""
    issues: list[Issue] = []
    read_curve([["x", "4/s"], [1], ["2s", "y"]], (), issues)
    assert [issue.path for issue in issues] == [(0, 0), (1,), (2, 1)]
