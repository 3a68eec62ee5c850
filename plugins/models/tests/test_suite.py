"""The models in suites: what composition makes of them, from TOML to columns.

Statistical tests run on fixed seeds. Their tolerances are 4.5 to 5 standard errors, from theory or measured over 12 seeds, so over
seeds each fails by chance with probability below 1e-5 if normal.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from servegen_fw import Suite, plan

HEAD = """
servegen = 1
name = "models"
seed = {seed}
[target.sim]
backend = "sim"
[[case]]
name = "case"
load = {{ kind = "open", rate = "{rate}/s", duration = "{duration}" }}
[[workload.group]]
name = "g"
"""
PLAIN = """
input = { kind = "zipf", exponent = 1.1, max = 4096 }
output = { kind = "exponential", mean = 200 }
"""


def composed(group: str, rate: float = 20, duration: str = "20min", seed: int = 5) -> Any:
    """The workload of a suite with one group."""
    text = HEAD.format(seed=seed, rate=rate, duration=duration) + group
    return next(iter(plan(Suite.parse(text)))).workload


def variance_over_mean(due_s: Any, bin_s: float, end_s: float) -> float:
    """Index of dispersion of counts."""
    counts = np.bincount((due_s // bin_s).astype(int), minlength=int(end_s // bin_s))
    return float(counts.var() / counts.mean())


def test_hawkes_arrivals_keep_their_rate_and_their_bursts() -> None:
    """Ten Hawkes clients at 20/s: rate and dispersion of counts in 20 s are the theory's; a longer case only appends."""
    w = composed('clients = 10\narrival = { kind = "hawkes", branching = 0.6, decay = "2s" }' + PLAIN)
    assert abs(len(w) - 24_000) < 4.5 * math.sqrt(24_000) / 0.4
    long = composed(
        'clients = 10\narrival = { kind = "hawkes", branching = 0.6, decay = "2s" }' + PLAIN, duration="6h"
    )
    theory = 1 + (1 / 0.4**2 - 1) * (1 + math.expm1(-0.2 * 20) / (0.2 * 20))
    assert variance_over_mean(long.due_s, 20.0, 21_600.0) == pytest.approx(theory, rel=0.22)
    inside = long.due_s < 1200
    np.testing.assert_array_equal(long.due_s[inside], w.due_s)


def test_a_markov_modulated_poisson_process_has_the_cookbook_s_dispersion() -> None:
    """One client under MMPP-2 for 24 h: variance / mean in 5, 30 and 300 s is the closed form within 3, 10 and 42 %."""
    group = 'arrival = "poisson"\nmodulation = { kind = "mmpp-2", levels = [1, 6], sojourn = ["40s", "20s"] }'
    due_s = composed(group + PLAIN, rate=4, duration="24h").due_s
    p, leaving, step = 2 / 3, 1 / 40 + 1 / 20, (6 - 1) / (1 * 2 / 3 + 6 / 3)
    for bin_s, error in ((5.0, 0.03), (30.0, 0.1), (300.0, 0.42)):
        mass = 2 * p * (1 - p) * step**2 * (bin_s / leaving + math.expm1(-leaving * bin_s) / leaving**2)
        assert variance_over_mean(due_s, bin_s, 86_400.0) == pytest.approx(1 + 4 * mass / bin_s, rel=error)


def test_a_day_moves_all_clients_together() -> None:
    """Hours of a day under the daily curve hold what it says: a chi-square test at p = 1e-5, peak over trough 5."""
    group = 'clients = 5\narrival = "poisson"\nmodulation = { kind = "diurnal", low = 0.2 }'
    due_s = composed(group + PLAIN, rate=2, duration="24h").due_s
    hours = np.bincount((due_s // 3600).astype(int), minlength=24)
    since = (np.arange(24 * 60) / 60 + 1 / 120 - 4) % 24
    wave = np.where(
        since < 11, (1 - np.cos(math.pi * since / 11)) / 2, (1 + np.cos(math.pi * (since - 11) / 13)) / 2
    )
    expected = ((0.2 + 0.8 * wave) / 0.6).reshape(24, 60).mean(axis=1)
    assert stats.chisquare(hours, expected / expected.sum() * hours.sum()).pvalue > 1e-5
    assert abs(len(due_s) - 172_800) < 4.5 * math.sqrt(172_800)


def test_a_group_s_reasoning_and_answers_are_correlated_as_stated() -> None:
    """Of 24,000 requests the rank correlation is 0.5 within 0.02 and the share has its lower mode's weight."""
    law = '{ kind = "lognormal", median = 800, sigma = 1.0, max = 32000 }'
    group = f'arrival = "poisson"\ninput = {{ kind = "fixed", value = 9 }}\noutput = {law}\n'
    w = composed(group + f'reasoning = {{ kind = "correlated", correlation = 0.5, output = {law} }}')
    answer = w.output_tokens - w.reason_tokens
    assert abs(stats.spearmanr(w.reason_tokens, answer).statistic - 0.5) < 0.02
    assert abs((w.reason_tokens / w.output_tokens < 0.635).mean() - 0.4) < 0.02


@pytest.mark.parametrize("session", ['"lognormal"', '{ kind = "tool-calls", turns = 2, calls = 3 }'])
def test_sessions_keep_the_rate_of_requests(session: str) -> None:
    """Turns planned in each half of six hours are as many as the rate says, within 5 %, from the first one on."""
    w = composed(f'clients = 50\narrival = "poisson"\nsession = {session}' + PLAIN, rate=10, duration="6h")
    halves = np.bincount((w.planned_s // 10_800).astype(int), minlength=2) / 108_000
    assert abs(halves - 1).max() < 0.05
    later = w.think_s[w.turn > 0]
    assert np.median(later) < (150 if "lognormal" in session else 15)


def test_each_client_s_images_have_its_own_standard_sizes() -> None:
    """Four clients with two standard sizes each: at most two sizes a client, and not the same ones."""
    tokens = '{ kind = "lognormal", median = 400, sigma = 1.0, max = 16000 }'
    group = 'clients = 4\narrival = "poisson"' + PLAIN
    w = composed(group + f'modality = [{{ kind = "image", tokens = {tokens}, sizes = 2, other = 0 }}]')
    owner = np.repeat(w.client, w.items.count)
    sizes = [frozenset(w.items.tokens[owner == client].tolist()) for client in range(4)]
    assert all(1 <= len(own) <= 2 for own in sizes)
    assert len(set(sizes)) == 4
    assert (w.items.width.astype(int) * w.items.height == 784 * w.items.tokens.astype(int)).all()


def test_three_modalities_stand_side_by_side() -> None:
    """Images, clips and videos of one group come with the columns that apply to each."""
    fixed = '{ kind = "fixed", value = 300 }'
    kinds = ", ".join(f'{{ kind = "{kind}", tokens = {fixed} }}' for kind in ("image", "audio", "video"))
    w = composed('arrival = { kind = "empirical", values = [1, 2, 30] }' + PLAIN + f"modality = [{kinds}]")
    assert w.items.modalities == ("image", "audio", "video")
    for number, (pixels, seconds) in enumerate([(True, False), (False, True), (True, True)]):
        own = w.items.modality == number
        assert own.any()
        assert (w.items.width[own] > 0).all() == pixels
        assert (w.items.seconds[own] > 0).all() == seconds
