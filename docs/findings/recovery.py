"""Given parameters beside what a characterization finds, each error in units of its own standard error."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import knot_bias
import numpy as np
import numpy.typing as npt
from populations import Images, Lengths, Population, Reasoning, Talk
from servegen_fw_pools.characterize import clients, conversations
from servegen_fw_pools.characterize.characterization import Characterization, characterize
from servegen_fw_pools.characterize.skew import skew
from servegen_fw_pools.logs.log import Log

F8 = npt.NDArray[np.float64]

SIGMAS = 5.0
"""Standard errors allowed: with normal errors a false alarm in 1.7 million comparisons."""

LEAST_GAPS = 50
SIMULATED = 400
SKEW = "skew of clients (Zipf exponent)"
_NAMES = {"exponential": "exponential", "lognormal": "log-normal", "pareto-lognormal": "body with tail"}
_MOST_GAPS = 1500
_LEAST_HELD = 10
_Z = 1.959963984540054


@attrs.frozen
class Recovered:
    """One parameter of one population.

    Attributes
    ----------
        name: of the parameter.
        given: by the population.
        found: by the characterization, corrected where the estimator's law is known to be off centre.
        error: standard error, in the scale.
        scale: "log" (errors are relative), "plain", or "logit" (shares).
        knots: by how much the knots of a fitted pool may move it, in the scale; 0 without a fit.
    """

    name: str
    given: float
    found: float
    error: float
    scale: str = "log"
    knots: float = 0.0

    @property
    def deviation(self) -> float:
        """`found` less `given` in the scale."""
        return _bent(self.found, self.scale) - _bent(self.given, self.scale)

    @property
    def sigmas(self) -> float:
        """Deviation in standard errors."""
        return self.deviation / self.error

    @property
    def tolerance(self) -> float:
        """Largest deviation that sampling and knots explain, in the scale."""
        return SIGMAS * self.error + self.knots


@attrs.frozen
class Found:
    """What is told of a log: of its first turns, of all turns, and of clients over the whole case as one window."""

    first: Characterization
    turns: Mapping[str, Any]
    whole: Mapping[str, Any]
    duration_s: float


def characterized(log: Log, duration_s: float) -> Found:
    """Characterise a log as the round trip looks at it: laws by its first turns, turns and pauses by all of them."""
    first = first_turns(log)
    return Found(
        characterize(first),
        conversations.section_of(log).figures,
        clients.section_of(first, duration_s).figures,
        duration_s,
    )


def first_turns(log: Log) -> Log:
    """Return the requests that begin a session, or all of a log without sessions."""
    if log.turn is None or log.session is None:
        return log
    rows = np.flatnonzero(log.turn == 0)
    assert log.time_s is not None and log.client is not None  # noqa: S101, PT018 - of a workload
    time_s = log.time_s[rows]
    return attrs.evolve(
        log,
        time_s=time_s - time_s[0],
        input_tokens=log.input_tokens[rows],
        output_tokens=log.output_tokens[rows],
        reason_tokens=None if log.reason_tokens is None else log.reason_tokens[rows],
        client=log.client[rows],
        session=None,
        turn=None,
        items=None if log.items is None else log.items.select(rows),
    )


def recovered(given: Population, found: Found, *, fitted: bool = False) -> Iterator[Recovered]:
    """Compare every parameter of a population.

    Parameters
    ----------
        given: the population.
        found: what is told of a log of it.
        fitted: whether the log was generated from a pool fitted to such a log, not from the population itself: then two
            samples add their errors.
    """
    for one in _compared(given, found, fitted=fitted):
        wider = 2**0.5 if fitted and one.name != SKEW else 1.0
        yield attrs.evolve(one, error=wider * one.error, knots=one.knots if fitted else 0.0)


def _compared(given: Population, found: Found, *, fitted: bool) -> Iterator[Recovered]:
    rows = found.whole["table"]["rows"]
    values = sum(float(row["count"][0]) for row in rows)
    knots = knot_bias.tolerance(values, given.shares)
    yield from _arrivals(given, found, values)
    yield from _lengths("input", given.input, found.first, knots)
    yield from _lengths("output", given.output, found.first, knots)
    rank = found.first.figure("lengths", "rank_correlation", "within_clients")
    yield Recovered("rank correlation of input and output", given.rank, rank.value, _error(rank), "plain")
    if given.reasoning:
        yield from _reasoning(given.reasoning, found.first, knots)
    if given.talk:
        yield from _talk(given.talk, found, knots, fitted=fitted)
    if given.images:
        yield from _images(given.images, found.first, knots)


def families(given: Population, found: Found) -> Iterator[tuple[str, str, str]]:
    """Yield what it is a family of, the one given and the one chosen.

    Of gaps it is that of the clients' votes, weighted by their requests. For Poisson clients, who are Poisson together too,
    it is the one of smallest AIC in most windows of the whole log, since gamma and Weibull laws hold the exponential one.
    """
    if given.family == "poisson":
        best = found.first.figure("arrivals", "families", "smallest_aic")
        yield "family of gaps", "exponential", max(best, key=lambda name: float(best[name].value))
    else:
        listed = found.whole["table"]
        held: dict[str, float] = {}
        for row in listed["rows"]:
            if row["count"][0] > LEAST_GAPS:
                name = listed["families"][row["family"][0]]
                held[name] = held.get(name, 0.0) + row["count"][0]
        yield "family of gaps", given.family, max(held, key=lambda name: held[name])
    for name, law in (("input", given.input), ("output", given.output)):
        yield f"family of {name} lengths", law.family, found.first.figure("lengths", name, "best_family")


def _arrivals(given: Population, found: Found, total: float) -> Iterator[Recovered]:
    """CV over all clients of enough gaps, each against what as many gaps of the law show, and the skew."""
    rows = {row["name"]: row for row in found.whole["table"]["rows"]}
    off, weight = 0.0, 0.0
    for k, share in enumerate(given.shares):
        row = rows.get(f"clients-{k + 1}")
        if row is not None and share * total > LEAST_GAPS and row["count"][0] > _LEAST_HELD:
            centre, spread = cv_law(given.family, given.cv, share * total)
            off += (math.log(row["cv"][0]) - centre) / spread**2
            weight += spread**-2
    yield Recovered("CV of gaps", given.cv, given.cv * math.exp(off / weight), weight**-0.5)
    # Counts of the family's dispersion show what the exponent is on average, and how far it moves.
    rng = np.random.default_rng([given.seed, 0x534B])
    mean = np.array(given.shares) * total
    drawn = mean + given.cv * np.sqrt(mean) * rng.standard_normal((SIMULATED, given.clients))
    seen = [skew(np.maximum(one, 1.0)[:, None])["zipf"]["exponent"].value for one in drawn]
    value = found.whole["zipf"]["exponent"].value - (float(np.mean(seen)) - given.skew)
    yield Recovered(SKEW, given.skew, value, float(np.std(seen)), "plain")


def _lengths(name: str, law: Lengths, found: Characterization, knots: float) -> Iterator[Recovered]:
    """Parameters with an interval; a threshold, which is searched, has none."""
    judged = next(one for one in found.figure("lengths", name, "families") if one["family"] == law.family)
    moved = knot_bias.of_lengths(law)
    for key, value in law.parameters.items():
        number = judged["parameters"][key]
        scale = {"mu": "plain", "tail_share": "logit"}.get(key, "log")
        if number.low is not None:
            label = f"{_NAMES[law.family]}: {key.replace('_', ' ')}"
            yield Recovered(label, value, number.value, _error(number, scale), scale, knots * moved[key])


def _reasoning(given: Reasoning, found: Characterization, knots: float) -> Iterator[Recovered]:
    low, high = found.figure("reasoning", "share", "components")
    n = found.figure("reasoning", "share", "dip").n
    moved = knot_bias.of_modes(given)
    name = "reasoning: weight of the lower mode"
    yield Recovered(
        name, given.weight, low["weight"], _share_error(given.weight, n), "plain", knots * moved["weight"]
    )
    for which, mode, part, size in (
        ("lower", given.low, low, given.weight * n),
        ("upper", given.high, high, (1 - given.weight) * n),
    ):
        error, bias = given.spread / size**0.5, knots * moved[which]
        yield Recovered(f"reasoning: {which} mode", mode, part["mean"], error, "plain", bias)
        error, bias = (2 * size) ** -0.5, knots * moved[f"{which} spread"]
        yield Recovered("reasoning: spread of a mode", given.spread, part["spread"], error, knots=bias)


def _talk(given: Talk, found: Found, knots: float, *, fitted: bool) -> Iterator[Recovered]:
    """Turns by session begun, since sessions that reach over an end of the log show but a part of theirs.

    A fit counts those parts as sessions: in D seconds, (D + span) / D as many with as many times fewer turns. Pauses of g
    seconds are seen in proportion to D - g, which moves their median, in a fitted pool's log once more.
    """
    turns = found.turns["turns"]
    begun = found.turns["sessions"] - found.turns["sessions_begun_before"]
    mean = turns["mean"].value * found.turns["sessions"] / begun
    if fitted:
        mean *= (found.duration_s + given.span_s) / found.duration_s
    # Of a geometric number of turns with mean T the variance is T (T - 1).
    error = ((given.turns - 1) / given.turns / begun) ** 0.5
    places = np.arange(400)
    bias = knots * knot_bias.of_mean((1 - 1 / given.turns) ** places / given.turns) / given.turns
    yield Recovered("mean turns", given.turns, mean, error, knots=bias)
    pause = found.turns["inter_turn"]["quantiles"]["p50"]
    middle = given.think_s / seen_median_s(given.think_s, given.sigma, found.duration_s)
    # At the median m the influence function of its logarithm jumps by 1 / (m f(m)).
    bias = knots * given.sigma * math.sqrt(2 * math.pi)
    value = pause.value * middle ** (2 if fitted else 1)
    yield Recovered("median think time", given.think_s, value, _error(pause, "log"), knots=bias)


def seen_median_s(median_s: float, sigma: float, duration_s: float) -> float:
    """Median of the log-normal pauses that begin and end within `duration_s`."""
    from scipy.special import ndtri

    pause = median_s * np.exp(sigma * ndtri((np.arange(20_000) + 0.5) / 20_000))
    seen = np.cumsum(np.maximum(duration_s - pause, 0.0))
    return float(pause[np.searchsorted(seen, seen[-1] / 2)])


def _images(given: Images, found: Characterization, knots: float) -> Iterator[Recovered]:
    image = found.figure("modality", "image")
    some, several = image["requests_with_any"], image["requests_with_several"]
    n = some.n
    # Knots may move the share itself and, of those with images, that of several.
    bias = 2 * knots * (given.share * (1 - given.share)) ** 0.5
    yield Recovered(
        "images: share of requests", given.share, some.value, _share_error(given.share, n), "plain", bias
    )
    both = given.share * given.several
    bias = (2 * knots * (both * (1 - both)) ** 0.5 + given.several * bias) / given.share
    part = several.value / some.value
    error = _share_error(given.several, n * given.share)
    yield Recovered("images: share of these with several", given.several, part, error, "plain", bias)
    more = (1 - 1 / (given.several_mean - 1)) ** np.arange(400) / (given.several_mean - 1)
    mass = np.concatenate(([1 - given.share, given.share - both], both * more))
    places = np.arange(len(mass))
    mean = float(np.dot(mass, places))
    error = ((float(np.dot(mass, places**2)) - mean**2) / n) ** 0.5 / mean
    bias = knots * knot_bias.of_mean(mass) / mean
    yield Recovered("images per request", mean, image["items_per_request"].value, error, knots=bias)


def cv_law(family: str, cv: float, expected: float) -> tuple[float, float]:
    """Mean and standard deviation of the log of the sample CV of a stationary renewal process in a window, by simulation.

    Above 1,500 expected gaps the law is scaled from there: the bias falls as 1 / n, the deviation as its root.
    """
    n = min(expected, _MOST_GAPS)
    rng = np.random.default_rng([round(1e4 * cv), round(n), 0x4356])
    shape = 1.0
    if family == "gamma":
        shape = cv**-2
    elif family == "weibull":
        shape = weibull_shape(cv)
    before = max(20.0, 10 * cv * cv)
    room = int(before + n + 8 * cv * math.sqrt(before + n) + 20)
    gaps = rng.weibull(shape, (SIMULATED, room)) / math.gamma(1 + 1 / shape)
    if family == "gamma":
        gaps = rng.standard_gamma(shape, (SIMULATED, room)) / shape
    at = np.cumsum(gaps, axis=1) - before
    inside = (at[:, 1:] < n) & (at[:, :-1] >= 0)
    gap = np.where(inside, gaps[:, 1:], 0.0)
    held = inside.sum(1)
    told = held >= _LEAST_HELD
    gap, held = gap[told], held[told]
    mean = gap.sum(1) / held
    seen = np.log(np.sqrt((gap**2).sum(1) / held - mean**2) / mean)
    bias, part = float(seen.mean()) - math.log(cv), n / expected
    return math.log(cv) + bias * part, float(seen.std()) * part**0.5


def weibull_shape(cv: float) -> float:
    """Shape of the Weibull law of this CV."""
    from scipy.optimize import brentq
    from scipy.special import gammaln

    def excess(shape: float) -> float:
        return float(gammaln(1 + 2 / shape) - 2 * gammaln(1 + 1 / shape) - math.log1p(cv * cv))

    return float(brentq(excess, 0.05, 50.0))


def _share_error(share: float, n: float) -> float:
    return float((share * (1 - share) / n) ** 0.5)


def _error(number: Any, scale: str = "plain") -> float:
    """Standard error from a 95 % interval, in the scale."""
    return (_bent(number.high, scale) - _bent(number.low, scale)) / (2 * _Z)


def _bent(value: float, scale: str) -> float:
    if scale == "plain":
        return value
    return math.log(value / (1 - value)) if scale == "logit" else math.log(value)
