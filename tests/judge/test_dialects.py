"""Each tool's TTFT, ITL and TPOT of one request with known times, and what the records cannot yield."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from servegen_fw.judge.catalogue import METRICS
from servegen_fw.judge.dialects import DIALECTS, translate


@pytest.fixture
def run(build, chunks_of):
    """Due 1.0, start 1.1, first 1.6, last 3.6, done 3.7; eleven tokens in three chunks; and a one-token request."""
    return build(
        [1.0, 2.0],
        start_s=[1.1, 2.1],
        first_s=[1.6, 2.5],
        last_s=[3.6, 2.5],
        done_s=[3.7, 2.6],
        output_tokens=[11, 1],
        chunks_n=[3, 1],
        chunks=chunks_of([[1.6, 2.6, 3.6], [2.5]]),
    )


@pytest.mark.parametrize(
    ("dialect", "metric", "expected"),
    [
        ("ours", "ttft", [0.6, 0.5]),
        ("ours", "itl", [1.0, 1.0]),
        ("ours", "tpot", [0.2]),
        ("vllm", "ttft", [0.5, 0.4]),
        ("vllm", "itl", [1.0, 1.0]),
        ("vllm", "tpot", [0.2]),
        ("aiperf", "ttft", [0.5, 0.4]),
        ("aiperf", "itl", [0.2]),
        ("guidellm", "ttft", [0.5, 0.4]),
        ("guidellm", "itl", [0.2]),
        ("guidellm", "tpot", [2.5 / 11, 0.4]),
        ("mlperf", "ttft", [0.6, 0.5]),
        ("mlperf", "tpot", [2.1 / 10]),
    ],
)
def test_the_same_request_in_every_dialect(run, dialect, metric, expected):
    """One request's times by each tool's definition, worked out by hand."""
    assert translate(run, dialect)[metric].values == pytest.approx(expected)


def test_guidellm_weighs_requests_by_their_tokens(run):
    """GuideLLM's ITL counts a request once per token after the first."""
    assert translate(run, "guidellm")["itl"].weight.tolist() == [10.0]


def test_metrics_that_a_tool_does_not_have_are_absent():
    """AIPerf has no TPOT and LoadGen no ITL, and the term says so."""
    assert DIALECTS["aiperf"]["tpot"].read is None
    assert DIALECTS["mlperf"]["itl"].read is None
    for terms in DIALECTS.values():
        assert all(term.definition for term in terms.values())
        assert set(terms) == {"ttft", "itl", "tpot"}


def test_what_cannot_be_reproduced_is_stated():
    """A role-only message and the tokens of a first chunk are not stored, and the terms say what follows."""
    assert "role-only" in DIALECTS["vllm"]["ttft"].differs
    assert "taken as 1" in DIALECTS["aiperf"]["itl"].differs
    assert DIALECTS["ours"]["ttft"].differs == ""


def test_absent_metrics_are_not_translated(run):
    """Only what the records yield is returned."""
    assert set(translate(run, "mlperf")) == {"ttft", "tpot"}


def test_an_unknown_dialect_is_refused(run):
    """The error lists the dialects."""
    with pytest.raises(ValueError, match="ours, vllm, aiperf, guidellm, mlperf"):
        translate(run, "genai")


def test_dialects_differ_where_the_driver_lags(build):
    """A second of lag is in our TTFT and in LoadGen's, and in nobody else's."""
    run = build(np.array([0.0]), start_s=[1.0], first_s=[1.2])
    found = {name: float(translate(run, name)["ttft"].values[0]) for name in DIALECTS}
    assert found == pytest.approx({"ours": 1.2, "mlperf": 1.2, "vllm": 0.2, "aiperf": 0.2, "guidellm": 0.2})


def test_the_page_of_metrics_and_dialects_is_true():
    """Every metric and every dialect's term stands in docs/metrics.md word for word."""
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    for entry in METRICS:
        assert f"| `{entry.name}` | {entry.label} | {entry.definition} |" in page
    for dialect, terms in DIALECTS.items():
        for name, term in terms.items():
            assert f"| {dialect} | {name} | {term.definition} | {term.differs} |" in page
