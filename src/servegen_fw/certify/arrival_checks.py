"""Arrivals held against their law: how many, whose, how bursty, at which scale, and where in a window."""

from __future__ import annotations

import math

import numpy as np

from servegen_fw.certify.arrivals_seen import Arrivals
from servegen_fw.certify.finding import NAN, Finding, missing
from servegen_fw.certify.laws import Simulated
from servegen_fw.certify.times import LEAST_BINS, LEAST_GAPS, SCALES_S, Figures
from servegen_fw.data.arrays import F8
from servegen_fw.judge.words import counted
from servegen_fw.workload.process import ProcessClients
from servegen_fw.workload.recorded import RecordedClients


def findings(arrivals: Arrivals) -> list[Finding]:
    """All checks of arrivals."""
    found = [
        _strangers(arrivals),
        *_rounding(arrivals),
        *_copies(arrivals),
        *_rates(arrivals),
        *_gaps(arrivals),
    ]
    found += [_dispersion(arrivals, at) for at in range(len(SCALES_S))]
    return [*found, _first_second(arrivals), _course(arrivals)]


# --- who ---


def _strangers(arrivals: Arrivals) -> Finding:
    return arrivals.plain(
        "known clients",
        target=0,
        generated=arrivals.strangers,
        unit="requests",
        how="every client is one of the group's own that sends at that time",
    )


def _copies(arrivals: Arrivals) -> list[Finding]:
    copies = arrivals.model.copies
    if copies is None or arrivals.model.pool is None:
        return []
    clients = len(arrivals.model.pool.clients)
    share = copies - math.floor(copies)
    rng = np.random.default_rng(clients)
    drawn = clients * math.floor(copies) + rng.binomial(clients, share, 2000).astype(float)
    return [
        Finding(
            "clients taken",
            arrivals.model.name,
            Simulated(drawn),
            f"each of {clients} clients is copied {copies:.3g} times on average: a binomial number",
            clients * copies,
            arrivals.model.taken,
            unit="clients",
            n=clients,
            measure=arrivals.model.taken / (clients * copies) - 1.0,
        )
    ]


# --- how many ---


def _rounding(arrivals: Arrivals) -> list[Finding]:
    """Recorded counts that nothing thins hold to the request, but for the rounding of a fraction."""
    population = arrivals.model.population
    if not isinstance(population, RecordedClients) or population.keep is not None:
        return []
    first, last = population.span
    window = np.arange(first, last)
    edges = population.edges_s
    whole = (edges[window] >= 0) & (edges[window + 1] <= arrivals.replicas.horizon_s + 1e-9)
    of = np.asarray(population.recorded)[arrivals.replicas.clients]
    expected = (np.asarray(population.pool.count, float)[of] * population.factor)[:, window[whole]].sum(
        axis=1
    )
    low = (np.floor(np.asarray(population.pool.count, float)[of] * population.factor))[:, window[whole]].sum(
        axis=1
    )
    active = (expected > 0).sum() if whole.any() else 0
    if not whole.all() or not active:
        return []
    windows = len(window)
    short = arrivals.generated.count[0] < low - 1e-9
    above = arrivals.generated.count[0] > low + windows + 1e-9
    wrong = int(np.count_nonzero(short | above))
    return [
        arrivals.plain(
            "recorded counts",
            target=0,
            generated=wrong,
            unit="clients",
            how="each client sends its recorded numbers, a fraction rounded up or down in each window",
            n=int(active),
        )
    ]


def _rates(arrivals: Arrivals) -> list[Finding]:
    horizon, expected = arrivals.replicas.horizon_s, arrivals.expected
    simulated = arrivals.replicas.figures
    total = float(expected.sum())
    if total <= 0:
        return [missing("total rate", arrivals.model.name, "the group sends nothing in this case")]
    share = expected / total
    spread = np.sqrt(np.maximum(simulated.count.var(axis=0, ddof=1), 1e-3))

    def worst(f: Figures) -> F8:
        return np.asarray((np.abs(f.count - expected) / spread).max(axis=1))

    def shares(f: Figures) -> F8:
        own = f.count / np.maximum(f.total, 1.0)[:, None]
        return np.asarray(0.5 * (np.abs(own - share).sum(axis=1) + 1.0 - own.sum(axis=1)))

    at = int((np.abs(arrivals.generated.count[0] - expected) / spread).argmax())
    name = arrivals.name_of(at)
    rate = Finding(
        "total rate",
        arrivals.model.name,
        Simulated(simulated.total / horizon),
        arrivals.how("arrivals a second"),
        total / horizon,
        float(arrivals.generated.total[0] / horizon),
        NAN if arrivals.sent is None else float(arrivals.sent.total[0] / horizon),
        "1/s",
        int(arrivals.generated.total[0]),
        measure=float(arrivals.generated.total[0] / total - 1.0),
    )
    return [
        rate,
        arrivals.compared(
            "client shares",
            shares,
            "half the sum of |share - target|, against that of the simulated workloads",
            sides="upper",
            n=int(arrivals.generated.total[0]),
        ),
        arrivals.compared(
            "client rates, worst",
            worst,
            "largest |arrivals - expected| of any client, in its standard deviations",
            sides="upper",
            log=True,
            n=len(expected),
            detail=f"{name}: {arrivals.generated.count[0, at]:,.0f} where {expected[at]:,.1f} are expected",
        ),
    ]


# --- how bursty ---


def _gaps(arrivals: Arrivals) -> list[Finding]:
    weight = np.where(arrivals.expected >= LEAST_GAPS, arrivals.expected, 0.0)
    if not np.any(weight):
        why = f"no client is expected to send {LEAST_GAPS} requests"
        return [missing("IAT CV, pooled per client", arrivals.model.name, why)]
    clients = np.flatnonzero(weight)
    simulated = _log_cv(arrivals.replicas.figures)[:, clients]
    middle, spread = simulated.mean(axis=0), np.maximum(simulated.std(axis=0, ddof=1), 1e-6)

    def worst(f: Figures) -> F8:
        return np.asarray((np.abs(_log_cv(f)[:, clients] - middle) / spread).max(axis=1))

    own = _log_cv(arrivals.generated)[0, clients]
    at = int((np.abs(own - middle) / spread).argmax())
    pooled = arrivals.compared(
        "IAT CV, pooled per client",
        lambda f: f.pooled_cv(weight),
        "root mean square over clients, weighted by expected arrivals; " + arrivals.how("its law"),
        log=True,
        n=int(arrivals.generated.count[0, clients].sum()),
    )
    return [
        pooled,
        arrivals.compared(
            "IAT CV, worst client",
            worst,
            "largest |log CV - its mean| of any client, in its standard deviations",
            sides="upper",
            log=True,
            n=len(clients),
            detail=f"{arrivals.name_of(int(clients[at]))}: CV {math.exp(own[at]):.3g} where {math.exp(middle[at]):.3g} is typical",
        ),
    ]


def _log_cv(f: Figures) -> F8:
    return np.log(np.where(np.isnan(f.cv) | (f.cv <= 0), 1.0, f.cv))


def _dispersion(arrivals: Arrivals, at: int) -> Finding:
    name = f"dispersion at {SCALES_S[at]} s"
    if math.isnan(float(arrivals.generated.dispersion[0, at])):
        need = LEAST_BINS * SCALES_S[at]
        why = f"needs {need:,} s of arrivals for {LEAST_BINS} bins, there are {arrivals.replicas.horizon_s:,.0f} s"
        return missing(name, arrivals.model.name, why)
    return arrivals.compared(
        name,
        lambda f: f.dispersion[:, at],
        "variance over mean of counts; " + arrivals.how("its law"),
        log=True,
        n=int(arrivals.replicas.horizon_s) // SCALES_S[at],
    )


def _first_second(arrivals: Arrivals) -> Finding:
    name = "first second of windows"
    starts = arrivals.model.window_starts_s
    starts = starts[starts <= arrivals.replicas.horizon_s - 1.0]
    if not isinstance(arrivals.model.population, RecordedClients | ProcessClients):
        return missing(name, arrivals.model.name, "a synthetic group has no windows")
    expected = sum(
        float(arrivals.model.expected(t, t + 1.0)[arrivals.replicas.clients].sum()) for t in starts.tolist()
    )
    if not len(starts) or expected <= 0:
        return missing(name, arrivals.model.name, "no window of the recording begins within the case")
    return arrivals.compared(
        name,
        lambda f: f.first_second / expected,
        f"arrivals in the first second of {counted(len(starts), 'window')} over those expected there",
        n=len(starts),
        target=1.0,
    )


def _course(arrivals: Arrivals) -> Finding:
    simulated = arrivals.replicas.figures.course
    if not simulated.shape[1]:
        return missing("course over time", arrivals.model.name, "the case lasts a second")
    middle = simulated.mean(axis=0)
    return arrivals.compared(
        "course over time",
        lambda f: np.abs(f.course - middle).max(axis=1),
        "largest difference of the share of arrivals before any moment, against that of the simulated workloads",
        sides="upper",
        n=int(arrivals.generated.total[0]),
    )
