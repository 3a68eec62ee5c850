"""What a fit predicts of a part it has not seen: on made logs whose law is known, and on the real traces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from servegen_fw_pools.fit.frame import Frame
from servegen_fw_pools.fit.from_log import fit_log
from servegen_fw_pools.fit.held_out import EVERY_OTHER, held_out, rows_of, told
from servegen_fw_pools.logs.log import Log
from servegen_fw_pools.logs.source import read_source

from servegen_fw.plugin import ClientPool, InputError

MakeLog = Callable[..., Log]


def fit(log: Log, duration_s: float) -> ClientPool:
    """With the defaults."""
    return fit_log(log, duration_s=duration_s, min_requests=1)


def apart(row: dict[str, Any], model: str) -> float:
    """How far a model's mean is from the held-out value, as a logarithm."""
    return abs(float(np.log(row[model]["mean"] / row["held_out"])))


def test_a_steady_log_is_predicted(make_log: MakeLog) -> None:
    """Poisson clients whose laws do not change: rate, CV, dispersion and lengths within the range of sampling."""
    facts = held_out(make_log([4000, 2000, 1000, 500], duration_s=14_400.0), 0.5, fit, 600.0)
    rows = facts["measures"]
    assert facts["held_out_requests"] + facts["fitted_requests"] == 7500
    assert rows["rate (1/s)"]["fitted"]["mean"] == pytest.approx(rows["rate (1/s)"]["held_out"], rel=0.1)
    assert rows["gap CV"]["fitted"]["mean"] == pytest.approx(1.0, abs=0.1)
    # 120 bins: five standard errors of a Poisson stream's dispersion are 5 sqrt(2 / 120) = 0.65.
    assert rows["dispersion at 60 s"]["fitted"]["mean"] == pytest.approx(1.0, abs=0.65)
    assert rows["input KS"]["fitted"]["mean"] < 1.95 * np.sqrt(4 / 7500)


def test_clients_that_come_in_bursts_are_predicted_better_than_by_naive(make_log: MakeLog) -> None:
    """One bursty client among steady ones: the pool's dispersion at 10 s is nearer than that of one gamma process."""
    steady = make_log([6000], duration_s=14_400.0)
    bursty = make_log([3000], duration_s=14_400.0, shape=0.02, seed=3)
    assert steady.time_s is not None
    assert bursty.time_s is not None
    time_s = np.concatenate((steady.time_s, bursty.time_s))
    order = np.argsort(time_s, kind="stable")
    log = Log(
        name="both",
        time_s=time_s[order],
        input_tokens=np.concatenate((steady.input_tokens, bursty.input_tokens))[order],
        output_tokens=np.concatenate((steady.output_tokens, bursty.output_tokens))[order],
        client=np.repeat([0, 1], [6000, 3000]).astype(np.int32)[order],
        clients=("a", "b"),
    )
    row = held_out(log, 0.5, fit, 600.0)["measures"]["dispersion at 60 s"]
    assert row["held_out"] > 5
    assert apart(row, "fitted") < apart(row, "naive")


@pytest.mark.parametrize("part", [0.0, 1.0, 1.5, float("nan")])
def test_a_share_is_between_0_and_1(make_log: MakeLog, part: float) -> None:
    """Nothing, or everything, cannot be held out."""
    with pytest.raises(InputError, match="no share to hold out"):
        held_out(make_log([500]), part, fit, 600.0)


def test_both_parts_need_requests(make_log: MakeLog) -> None:
    """A share that leaves 50 requests says how many each part would have."""
    with pytest.raises(InputError, match=r"952 requests would be left to fit and 48 to hold out"):
        held_out(make_log([1000]), 0.05, fit, 600.0)


def test_every_other_window_is_what_is_looked_at() -> None:
    """Odd windows, their time, and the bins that lie within one of them."""
    frame = Frame(1000.0, 100.0, odd=True)
    assert frame.inside(np.array([50.0, 150.0, 199.9, 200.0, 950.0])).tolist() == [
        False,
        True,
        True,
        False,
        True,
    ]
    assert frame.covered_s == 500.0
    assert Frame(1050.0, 100.0, odd=True).covered_s == 500.0
    assert Frame(1150.0, 100.0, odd=True).covered_s == 550.0
    inside = np.flatnonzero(frame.bins(50.0))
    assert inside.tolist() == [2, 3, 6, 7, 10, 11, 14, 15, 18, 19]


def test_rows_keep_their_sessions_and_blocks(make_sessions: Log) -> None:
    """Half of a log of conversations is a log of conversations, in the order of their turns."""
    rows = np.arange(len(make_sessions) // 2, len(make_sessions))
    half = rows_of(make_sessions, rows)
    assert len(half) == len(rows)
    assert half.session is not None
    assert half.turn is not None
    assert fit_log(attrs.evolve(half, time_s=half.time_s - half.time_s[0])).has_sessions  # type: ignore[operator,index]


def test_sessions_are_predicted(make_sessions: Log) -> None:
    """The request rate of the second half of a log of conversations, later turns included, within 10 %."""
    row = held_out(make_sessions, 0.5, fit, 600.0)["measures"]["rate (1/s)"]
    assert row["fitted"]["mean"] == pytest.approx(row["held_out"], rel=0.1)


@pytest.mark.parametrize(
    ("name", "part", "window_s"),
    [
        ("azure/AzureLLMInferenceTrace_conv.csv", 0.5, 600.0),
        ("azure/AzureLLMInferenceTrace_conv.csv", 0.5, 60.0),
        ("azure/AzureLLMInferenceTrace_conv.csv", EVERY_OTHER, 60.0),
        ("mooncake/conversation_trace.jsonl", 0.5, 600.0),
        ("mooncake/conversation_trace.jsonl", EVERY_OTHER, 60.0),
    ],
)
def test_the_dispersion_of_real_traces_is_predicted_better_than_by_naive(
    real: Callable[[str], Path], name: str, part: float | str, window_s: float
) -> None:
    """At every scale of 1 s and more that the trace's clock can tell; lengths are told as well as NAIVE tells them."""
    log = read_source([real(name)])
    assert isinstance(log, Log)

    def windowed(part_of: Log, duration_s: float) -> ClientPool:
        return fit_log(part_of, duration_s=duration_s, window_s=window_s)

    facts = held_out(log, part, windowed, window_s)
    scales = [scale for scale in facts["measures"] if scale.startswith("dispersion")]
    assert scales
    for scale in scales:
        row = facts["measures"][scale]
        assert apart(row, "fitted") < apart(row, "naive"), (scale, row)
    # Neither trace has clients, so both models draw lengths from what the fitted part held; their KS distances may differ
    # by the sampling error of a workload of about 5,000 requests, 0.02.
    for field in ("input", "output"):
        row = facts["measures"][f"{field} KS"]
        assert row["fitted"]["mean"] < row["naive"]["mean"] + 0.02
    assert scales[-1] in told(facts)
    assert f"{facts['held_out_requests']:,} requests" in told(facts)
