"""Random populations of clients whose parameters are known, as suites: what a round trip starts from."""

from __future__ import annotations

import math

import attrs
import numpy as np

FAMILIES = ("gamma", "weibull", "poisson")


@attrs.frozen
class Lengths:
    """Law of a length: "lognormal" (mu, sigma), "exponential" (mean), or "pareto-lognormal", a mixture of body and tail.

    Attributes
    ----------
        family: as a characterization names it.
        parameters: by the names of a characterization.
    """

    family: str
    parameters: dict[str, float]

    def suite(self) -> str:
        """Return the table of a suite."""
        p = self.parameters
        if self.family == "exponential":
            return f'{{kind = "exponential", mean = {p["mean"]!r}}}'
        body = f'{{kind = "lognormal", median = {math.exp(p["mu"])!r}, sigma = {p["sigma"]!r}}}'
        if self.family == "lognormal":
            return body
        tail = f'{{kind = "pareto", min = {p["threshold"]!r}, tail = {p["alpha"]!r}}}'
        weights = f"[{1 - p['tail_share']!r}, {p['tail_share']!r}]"
        return f'{{kind = "mixture", laws = [{body}, {tail}], weights = {weights}}}'


@attrs.frozen
class Reasoning:
    """Modes of the share of the output that is reasoning, the share of requests at the lower one, and their spread."""

    low: float
    high: float
    weight: float
    spread: float


@attrs.frozen
class Talk:
    """Conversations: mean turns (geometric), median and sigma of the log-normal think time, whether prompts repeat turns."""

    turns: float
    think_s: float
    sigma: float
    carries: bool

    @property
    def span_s(self) -> float:
        """Mean time from the first turn to the last one, where servers answer at once."""
        return (self.turns - 1) * self.think_s * math.exp(self.sigma**2 / 2)


@attrs.frozen
class Images:
    """Share of requests with images, of these with several, mean number where several, standard sizes of a client."""

    share: float
    several: float
    several_mean: float
    sizes: int


@attrs.frozen
class Population:
    """Clients of one kind; every client has the rate of its rank by Zipf's law, all else is alike."""

    seed: int
    clients: int
    skew: float
    family: str
    cv: float
    input: Lengths
    output: Lengths
    rank: float
    reasoning: Reasoning | None
    talk: Talk | None
    images: Images | None

    @property
    def turns(self) -> float:
        """Mean turns of a session, 1 without conversations."""
        return self.talk.turns if self.talk else 1.0

    @property
    def shares(self) -> list[float]:
        """Share of each client in the sessions, the largest first."""
        weight = np.arange(1.0, self.clients + 1) ** -self.skew
        return [float(each) for each in weight / weight.sum()]

    def suite(self, sessions: int, duration_s: float) -> str:
        """Return the suite that sends `sessions` first turns in `duration_s` seconds on average."""
        arrival = '"poisson"' if self.family == "poisson" else f'{{kind = "{self.family}", cv = {self.cv!r}}}'
        lines = [
            f"clients = {self.clients}",
            f"skew = {self.skew!r}",
            f"arrival = {arrival}",
            f"input = {self.input.suite()}",
            f"output = {self.output.suite()}",
            f"correlation = {self.rank!r}",
        ]
        if self.reasoning:
            r = self.reasoning
            lines.append(
                f'reasoning = {{kind = "bimodal", low = {r.low!r}, high = {r.high!r}, weight = {r.weight!r}, '
                f"spread = {r.spread!r}}}"
            )
        if self.talk:
            t = self.talk
            lines.append(
                f'session = {{kind = "geometric", turns = {t.turns!r}, carries_context = {str(t.carries).lower()}, '
                f'think = {{kind = "lognormal", median = {t.think_s!r}, sigma = {t.sigma!r}}}}}'
            )
        if self.images:
            i = self.images
            lines.append(
                f'modality = [{{kind = "image", share = {i.share!r}, several = {i.several!r}, several_mean = {i.several_mean!r}, '
                f'sizes = {i.sizes}, tokens = {{kind = "lognormal", median = 500, sigma = 0.8}}}}]'
            )
        return suite_of("\n".join(lines), self.seed, duration_s, sessions * self.turns / duration_s)


def suite_of(group: str, seed: int, duration_s: float, rate: float | None = None) -> str:
    """Return the suite of one group (its lines) and one open case; without `rate`, as recorded."""
    asked = "" if rate is None else f"rate = {rate!r}, "
    return f"""
servegen = 1
name = "round-trip-{seed}"
seed = {seed}
target.sim.backend = "sim"
[[workload.group]]
name = "clients"
{group}
[[case]]
name = "all"
load = {{kind = "open", {asked}duration = {duration_s!r}}}
"""


def population(seed: int) -> Population:
    """Draw a population; the ranges are those of services, kept where a parameter can be told at all.

    A family of gaps has no name at a CV of 1, where all three are the exponential law, so that CVs of gamma and Weibull gaps
    keep off 0.75 to 1.5. A tail begins where the body is thin enough for it to be seen, and modes of the reasoning share are
    kept apart and inside [0, 1].
    """
    rng = np.random.default_rng([seed, 0x5254])

    def between(low: float, high: float) -> float:
        return round(float(rng.uniform(low, high)), 4)

    family = FAMILIES[seed % len(FAMILIES)]
    low_cv = float(rng.random()) < 0.25
    cv = between(0.5, 0.75) if low_cv else between(1.5, 5.0)
    reasons = seed % 2 == 0
    body = {"mu": math.log(between(150, 900)), "sigma": between(0.5, 0.9)}
    tail = {
        "tail_share": between(0.08, 0.35),
        "threshold": math.exp(body["mu"] + body["sigma"] * between(1.0, 2.0)),
        "alpha": between(1.3, 2.5),
    }
    mixed = float(rng.random()) < 0.5
    inputs = Lengths("pareto-lognormal", body | tail) if mixed else Lengths("lognormal", body)
    # Reasoning is told in whole tokens: on short outputs, which an exponential law always has, a share is coarse.
    scale = between(800, 2000) if reasons else between(100, 500)
    outputs = Lengths("lognormal", {"mu": math.log(scale), "sigma": between(0.4, 0.8 if reasons else 1.0)})
    if not reasons and float(rng.random()) < 0.7:
        outputs = Lengths("exponential", {"mean": scale})
    reasoning = Reasoning(between(0.2, 0.45), between(0.7, 0.85), between(0.25, 0.75), between(0.03, 0.06))
    talk = Talk(between(1.5, 5.0), between(20, 90), between(0.5, 1.2), float(rng.random()) < 0.5)
    images = Images(between(0.2, 0.9), between(0.1, 0.4), between(2.5, 5.0), int(rng.integers(2, 5)))
    return Population(
        seed=seed,
        clients=int(rng.integers(4, 25)),
        skew=between(0.6, 1.4),
        family=family,
        cv=1.0 if family == "poisson" else cv,
        input=inputs,
        output=outputs,
        rank=between(-0.5, 0.7),
        reasoning=reasoning if reasons else None,
        talk=talk if float(rng.random()) < 0.5 else None,
        images=images if float(rng.random()) < 0.5 else None,
    )
