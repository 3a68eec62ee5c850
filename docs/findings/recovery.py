"""Given parameters beside what a characterization finds, each error in units of its own standard error."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from populations import Images, Lengths, Population, Reasoning, Talk

from servegen_fw_pools.characterize import clients, conversations
from servegen_fw_pools.characterize.characterization import Characterization, characterize
from servegen_fw_pools.characterize.skew import skew
from servegen_fw_pools.logs.log import Log

F8 = npt.NDArray[np.float64]

LEAST_GAPS = 50
SIMULATED = 400
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
        error: standard error, in the scale of the error.
        scale: "log" (errors are relative), "plain", or "logit" (shares).
    """

    name: str
    given: float
    found: float
    error: float
    scale: str = "log"

    @property
    def deviation(self) -> float:
        """`found` less `given` in the scale."""
        return _bent(self.found, self.scale) - _bent(self.given, self.scale)

    @property
    def sigmas(self) -> float:
        """Deviation in standard errors."""
        return self.deviation / self.error


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
    wider = 2**0.5 if fitted else 1.0
    yield from _arrivals(given, found, fitted=fitted)
    yield from _lengths("input", given.input, found.first, wider)
    yield from _lengths("output", given.output, found.first, wider)
    rank = found.first.figure("lengths", "rank_correlation", "within_clients")
    yield Recovered(
        "rank correlation of input and output", given.rank, rank.value, wider * _error(rank), "plain"
    )
    if given.reasoning:
        yield from _reasoning(given.reasoning, found.first, wider)
    if given.talk:
        yield from _talk(given.talk, found, fitted=fitted)
    if given.images:
        yield from _images(given.images, found.first, wider)


def families(given: Population, found: Found) -> Iterator[tuple[str, bool]]:
    """Yield whether the families chosen are those given; that of gaps by the clients' votes, weighted by their requests."""
    rows = found.whole["table"]
    names = rows["families"]
    held: dict[str, float] = {}
    for row in rows["rows"]:
        if row["count"][0] > LEAST_GAPS:
            name = names[row["family"][0]]
            held[name] = held.get(name, 0.0) + row["count"][0]
    if given.family == "poisson":
        # Gamma and Weibull laws hold the exponential one; AIC takes their further parameter into account. All clients
        # together are Poisson too.
        best = found.first.figure("arrivals", "families", "smallest_aic")
        yield "family of gaps", max(best, key=lambda name: best[name].value) == "exponential"
    else:
        yield "family of gaps", max(held, key=lambda name: held[name]) == given.family
    for name, law in (("input", given.input), ("output", given.output)):
        yield f"family of {name} lengths", found.first.figure("lengths", name, "best_family") == law.family


def _arrivals(given: Population, found: Found, *, fitted: bool) -> Iterator[Recovered]:
    rows = found.whole["table"]["rows"]
    requests = {row["name"]: float(row["count"][0]) for row in rows}
    cv = {row["name"]: row["cv"][0] for row in rows}
    total = sum(requests.values())
    named = dict(zip((f"clients-{k + 1}" for k in range(given.clients)), given.shares, strict=True))
    off, weight = 0.0, 0.0
    for name, share in named.items():
        if share * total > LEAST_GAPS and requests.get(name, 0.0) > _LEAST_HELD:
            centre, spread = cv_law(given.family, given.cv, share * total)
            off += (math.log(cv[name]) - centre) / spread**2
            weight += spread**-2
    yield Recovered("CV of gaps", given.cv, given.cv * math.exp(off / weight), (2**0.5 if fitted else 1.0) * weight**-0.5)
    yield _skew(given, found, total)


def _skew(given: Population, found: Found, total: float) -> Recovered:
    """Zipf exponent; what it is on average, and how far it moves, by simulated counts of the family's dispersion.

    Counts of a fitted pool are those of the log, so that generating again adds no error.
    """
    rng = np.random.default_rng([given.seed, 0x534B])
    mean = np.array(given.shares) * total
    drawn = mean + given.cv * np.sqrt(mean) * rng.standard_normal((SIMULATED, given.clients))
    seen = [skew(np.maximum(one, 1.0)[:, None])["zipf"]["exponent"].value for one in drawn]
    value = found.whole["zipf"]["exponent"].value - (float(np.mean(seen)) - given.skew)
    return Recovered("skew of clients (Zipf)", given.skew, value, float(np.std(seen)), "plain")


def _lengths(name: str, law: Lengths, found: Characterization, wider: float) -> Iterator[Recovered]:
    judged = next(one for one in found.figure("lengths", name, "families") if one["family"] == law.family)
    for key, value in law.parameters.items():
        number = judged["parameters"][key]
        scale = {"mu": "plain", "tail_share": "logit"}.get(key, "log")
        if number.low is not None:
            label = f"{law.family} {key.replace('_', ' ')}"
            yield Recovered(label, value, number.value, wider * _error(number, scale), scale)


def _reasoning(given: Reasoning, found: Characterization, wider: float) -> Iterator[Recovered]:
    low, high = found.figure("reasoning", "share", "components")
    n = found.figure("reasoning", "share", "dip").n
    share = Recovered("weight of the lower mode", given.weight, low["weight"], 0.0, "plain")
    yield attrs.evolve(share, error=wider * (given.weight * (1 - given.weight) / n) ** 0.5)
    for name, mode, part, size in (
        ("lower", given.low, low, given.weight * n),
        ("upper", given.high, high, (1 - given.weight) * n),
    ):
        yield Recovered(
            f"{name} mode of the reasoning share",
            mode,
            part["mean"],
            wider * given.spread / size**0.5,
            "plain",
        )
        yield Recovered("spread of a mode", given.spread, part["spread"], wider * (2 * size) ** -0.5)


def _talk(given: Talk, found: Found, *, fitted: bool) -> Iterator[Recovered]:
    """Turns by session begun, since sessions that reach over an end of the log show but a part of theirs.

    A fit counts those parts as sessions: in D seconds, (D + span) / D as many with as many times fewer turns. Pauses of g
    seconds are seen in proportion to D - g, which moves their median.
    """
    wider, duration_s = 2**0.5 if fitted else 1.0, found.duration_s
    turns = found.turns["turns"]
    begun = found.turns["sessions"] - found.turns["sessions_begun_before"]
    mean = turns["mean"].value * found.turns["sessions"] / begun
    if fitted:
        mean *= (duration_s + given.span_s) / duration_s
    # Of a geometric number of turns with mean T the variance is T (T - 1).
    yield Recovered("mean turns", given.turns, mean, wider * ((given.turns - 1) / given.turns / begun) ** 0.5)
    pause = found.turns["inter_turn"]["quantiles"]["p50"]
    middle = given.think_s / seen_median_s(given.think_s, given.sigma, duration_s)
    yield Recovered("median think time", given.think_s, pause.value * middle ** (2 if fitted else 1), wider * _error(pause, "log"))


def seen_median_s(median_s: float, sigma: float, duration_s: float) -> float:
    """Median of the log-normal pauses that begin and end within `duration_s`."""
    from scipy.special import ndtri

    pause = median_s * np.exp(sigma * ndtri((np.arange(20_000) + 0.5) / 20_000))
    seen = np.cumsum(np.maximum(duration_s - pause, 0.0))
    return float(pause[np.searchsorted(seen, seen[-1] / 2)])


def _images(given: Images, found: Characterization, wider: float) -> Iterator[Recovered]:
    image = found.figure("modality", "image")
    some, several = image["requests_with_any"], image["requests_with_several"]
    n = some.n
    share = Recovered("share of requests with images", given.share, some.value, 0.0, "plain")
    yield attrs.evolve(share, error=wider * (given.share * (1 - given.share) / n) ** 0.5)
    part = Recovered("share of these with several", given.several, several.value / some.value, 0.0, "plain")
    yield attrs.evolve(part, error=wider * (given.several * (1 - given.several) / (n * given.share)) ** 0.5)
    mean = given.share * (1 + given.several * (given.several_mean - 1))
    # From 2 on geometric with mean m: variance (m - 1)(m - 2), second moment that plus m^2.
    square = given.share * (
        1
        - given.several
        + given.several * ((given.several_mean - 1) * (given.several_mean - 2) + given.several_mean**2)
    )
    error = ((square - mean**2) / n) ** 0.5 / mean
    yield Recovered("images per request", mean, image["items_per_request"].value, wider * error)


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


def _error(number: Any, scale: str = "plain") -> float:
    """Standard error from a 95 % interval, in the scale."""
    return (_bent(number.high, scale) - _bent(number.low, scale)) / (2 * _Z)


def _bent(value: float, scale: str) -> float:
    if scale == "plain":
        return value
    return math.log(value / (1 - value)) if scale == "logit" else math.log(value)
