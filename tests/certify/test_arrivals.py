"""Simulated arrivals: the model's own mean, CV and thinning, written apart from composition and equal to it in law."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from servegen_fw.certify.arrivals import recorded, replicas
from servegen_fw.certify.model import models
from servegen_fw.certify.times import figures
from servegen_fw.suite.model import RateCurve
from servegen_fw.workload.streams import Streams

RAMP = RateCurve((0.0, 1200.0), (0.2, 0.6))


def model_of(stage: Any) -> Any:
    """Return the law of the one group."""
    return models(
        stage.suite.workload, stage.case.load, stage.workload, stage.registry.families, Streams(99)
    )[0]


@pytest.mark.parametrize("options", [{}, {"rate": 0.4}, {"rate": RAMP}, {"rate": RAMP, "scale": "rate"}])
def test_expected_arrivals_are_the_mean_of_the_simulated(scene: Any, options: dict[str, Any]) -> None:
    """Each client's expectation, computed without simulation, is the replicates' mean within 5 standard errors."""
    model = model_of(scene(**options))
    simulated = replicas(model, Streams(7)).figures.count
    error = simulated.std(axis=0, ddof=1) / np.sqrt(len(simulated))
    assert np.all(np.abs(simulated.mean(axis=0) - model.expected(0.0, 1200.0)) < 5 * error + 0.51 / 12)


def test_a_thinned_cv_has_its_closed_form(scene: Any, made: Any) -> None:
    """Gamma gaps of CV 3 thinned with p = 0.2 have CV^2 = p 9 + 1 - p = 2.6 within 3 %; 20,000 recorded arrivals."""
    source = made(count=np.full((5, 1), 20_000.0), cv=np.full((5, 1), 3.0), family=np.zeros((5, 1), np.int16))
    model = model_of(scene(source=source, rate=0.2 * 5 * 20_000 / 600, duration_s=600.0))
    replicate, at_s = recorded(model.population, 0, 60, np.random.default_rng(3))
    cv = figures(replicate, np.zeros(len(at_s), np.int64), at_s, (60, 1), 600.0).cv
    assert np.mean(cv**2) == pytest.approx(2.6, rel=0.03)


def test_the_simulation_has_the_law_of_composition(scene: Any) -> None:
    """Mean dispersion at 10 s and pooled CV of 40 composed workloads agree with the simulated within 5 standard errors."""
    stage = scene(rate=0.4)
    model, weight = model_of(stage), np.array([1.0, 1.0, 1.0, 0.0, 0.0])
    simulated = replicas(model, Streams(7)).figures
    composed = []
    for seed in range(40):
        w = scene(seed=100 + seed, rate=0.4).workload
        composed.append(
            figures(np.zeros(len(w), np.int64), w.client.astype(np.int64), w.due_s, (1, 5), 1200.0)
        )
    for take in (
        lambda f: np.log(f.dispersion[:, 1]),
        lambda f: np.log(f.pooled_cv(weight)),
        lambda f: f.total,
    ):
        own, other = np.array([take(one)[0] for one in composed]), take(simulated)
        error = np.sqrt(own.var(ddof=1) / len(own) + other.var(ddof=1) / len(other))
        assert abs(own.mean() - other.mean()) < 5 * error


def test_figures_by_hand() -> None:
    """Two clients, one replicate: counts, the CV of gaps 1 and 3, dispersion over ten bins, first seconds."""
    at_s = np.array([0.5, 1.5, 4.5, 2.25, 7.0])
    client = np.array([0, 0, 0, 1, 2])
    found = figures(np.zeros(5, np.int64), client, at_s, (1, 2), 10.0, window_starts_s=np.array([0.0, 4.0]))
    assert found.count.tolist() == [[3.0, 1.0]]
    assert found.total.tolist() == [5.0]
    assert found.cv[0, 0] == pytest.approx(0.5)
    assert np.isnan(found.cv[0, 1])
    bins = np.array([1, 1, 1, 0, 1, 0, 0, 1, 0, 0])
    assert found.dispersion[0, 0] == pytest.approx(bins.var(ddof=1) / bins.mean())
    assert np.isnan(found.dispersion[0, 1])
    assert found.first_second.tolist() == [2.0]
