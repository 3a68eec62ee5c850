"""Material of the composition tests: gap families, models and pools of known law, and the real data where present."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from servegen_fw.data.pool import ClientPool, Tables
from servegen_fw.data.workload import Workload
from servegen_fw.hooks.entries import LengthEntry
from servegen_fw.suite.model import Group, Load, RateCurve, WorkloadSpec
from servegen_fw.workload.compose import compose
from servegen_fw.workload.renewal import renewal
from servegen_fw.workload.streams import Streams


class GammaGaps:
    """Gamma gaps by their shape, as a pool's family."""

    def parameter(self, cv, n):
        """Return the shape whose n normalised gaps have the sample CV, ((n - 1) / cv^2 - 1) / n."""
        with np.errstate(invalid="ignore"):
            shape = np.where(np.isinf(n), 1 / cv**2, ((n - 1) / cv**2 - 1) / n)
        return np.maximum(shape, 0.01 / np.where(np.isinf(n), 1.0, n))

    def gaps(self, parameter, rng):
        """Return gaps of mean 1."""
        return rng.standard_gamma(parameter) / parameter

    def first(self, parameter, rng):
        """Return equilibrium first gaps: a uniform part of a length-biased gap."""
        return rng.random(len(parameter)) * rng.standard_gamma(parameter + 1) / parameter


class PoissonGaps:
    """Exponential gaps, whatever the CV, as a pool's family."""

    def parameter(self, cv, n):
        """Return nothing of meaning."""
        return np.ones(np.broadcast(cv, n).shape)

    def gaps(self, parameter, rng):
        """Return gaps of mean 1."""
        return rng.exponential(1.0, len(parameter))

    def first(self, parameter, rng):
        """Return equilibrium first gaps, which are gaps."""
        return self.gaps(parameter, rng)


class WeibullGaps:
    """Weibull gaps by their shape, as a pool's family; the sample CV is taken for the law's."""

    def parameter(self, cv, n):  # noqa: ARG002 - the law's own CV
        """Return the shape of CV `cv`, by interpolation."""
        shapes = np.geomspace(0.1, 20, 4000)
        squared = np.array([math.gamma(1 + 2 / k) / math.gamma(1 + 1 / k) ** 2 - 1 for k in shapes])
        return np.interp(-(np.asarray(cv) ** 2), -squared, shapes)

    def gaps(self, parameter, rng):
        """Return gaps of mean 1."""
        return rng.weibull(parameter) / self._mean(parameter)

    def first(self, parameter, rng):
        """Return equilibrium first gaps: the length-biased law is scale * Gamma(1 + 1 / k)^(1 / k)."""
        biased = rng.standard_gamma(1 + 1 / parameter) ** (1 / parameter) / self._mean(parameter)
        return rng.random(len(parameter)) * biased

    @staticmethod
    def _mean(parameter):
        values, where = np.unique(parameter, return_inverse=True)
        return np.array([math.gamma(1 + 1 / k) for k in values])[where]


@attrs.frozen
class Made:
    """A choice whose product is at hand."""

    product: Any
    entry: Any = LengthEntry(name="made", make=str)
    plugin: str = "servegen-fw-made"

    def make(self):
        """Return the product."""
        return self.product


@attrs.frozen
class Read:
    """A reader whose data are at hand."""

    data: Any

    def read(self):
        """Return the data."""
        return self.data


@attrs.frozen
class Exponential:
    """Exponential lengths."""

    mean: float = 100.0

    def ppf(self, u):
        """Return quantiles."""
        return -self.mean * np.log1p(-u)


@attrs.frozen
class Fixed:
    """One length for all."""

    value: float = 10.0

    def ppf(self, u):
        """Return quantiles."""
        return np.full(len(u), self.value)


@attrs.frozen
class Geometric:
    """Sessions with a geometric number of turns and exponential think times."""

    mean_turns: float = 3.0
    mean_think_s: float = 50.0
    carries_context: bool = True

    def turns(self, n, rng):
        """Return turns of n sessions."""
        return rng.geometric(1 / self.mean_turns, n).astype(np.int32)

    def think_s(self, n, rng):
        """Return think times."""
        return rng.exponential(self.mean_think_s, n)


@attrs.frozen
class Pictures:
    """A modality: one to three pictures of 100 to 199 tokens."""

    modality: str = "image"

    def items(self, n, rng):
        """Return items of n requests."""
        return rng.integers(1, 4, n).astype(np.int32)

    def encode(self, count, rng):
        """Return columns of items."""
        tokens = rng.integers(100, 200, count).astype(np.int32)
        return {"tokens": tokens, "width": tokens * 2, "height": tokens * 3}


@attrs.frozen
class Half:
    """A reasoning split at the quantile itself."""

    def split(self, output_tokens, u):
        """Return the part of each output that is below the quantile."""
        return np.floor(output_tokens * u).astype(np.int32)


def poisson():
    """Return Poisson arrivals of rate 1."""
    return renewal(lambda n, rng: rng.exponential(1.0, n), lambda rng: float(rng.exponential(1.0)))


def tables(masses: Sequence[dict[float, float]]) -> Tables:
    """Return step tables of probability mass functions."""
    offsets = np.concatenate(([0], np.cumsum([len(mass) for mass in masses]))).astype(np.int64)
    value = np.concatenate([np.array(list(mass), float) for mass in masses])
    cdf = np.concatenate([np.cumsum(list(mass.values())) for mass in masses])
    return Tables(offsets, value, cdf)


# Ten equally likely lengths each, so that ranks are easily told.
LENGTHS = ({float(v): 0.1 for v in range(10, 110, 10)}, {float(v): 0.1 for v in range(1, 11)})


def pool(count: Any, cv: Any = 1.0, **more: Any) -> ClientPool:
    """Return a pool: `count` requests per client and window of 600 s, lengths 10..100 in and 1..10 out."""
    count = np.asarray(count, float)
    clients, windows = count.shape
    names = more.pop("names", tuple(str(k) for k in range(clients)))
    family = np.where(count > 0, more.pop("family", 0), -1).astype(np.int16)
    masses = more.pop("masses", LENGTHS)
    fields = more.pop("fields", ("input_tokens", "output_tokens"))
    table_windows = max(1, -(-windows * 600 // 21600))
    table = np.broadcast_to(
        np.arange(len(fields), dtype=np.int32)[:, None, None], (len(fields), clients, table_windows)
    )
    values = {
        "name": "made",
        "start_s": 0.0,
        "window_s": 600.0,
        "families": ("gamma", "weibull", "poisson"),
        "tables": tables(masses),
        "table": table.copy(),
        "table_window_s": 21600.0,
        **more,
    }
    cv = np.broadcast_to(np.asarray(cv, float), count.shape) * (count > 0)
    return ClientPool(clients=names, count=count, cv=cv, family=family, fields=fields, **values)


class Kit:
    """What tests are built from."""

    families = {"gamma": GammaGaps(), "weibull": WeibullGaps(), "poisson": PoissonGaps()}  # noqa: RUF012 - read only
    GammaGaps, WeibullGaps, Exponential, Fixed = GammaGaps, WeibullGaps, Exponential, Fixed
    Geometric, Pictures, Half, Made, LENGTHS = Geometric, Pictures, Half, Made, LENGTHS
    poisson, pool, tables = staticmethod(poisson), staticmethod(pool), staticmethod(tables)

    @staticmethod
    def source(data: Any) -> Made:
        """Return a choice that reads `data`."""
        return Made(Read(data))

    def recorded(self, data: Any, **options: Any) -> Group:
        """Return a group of recorded clients."""
        return Group(source=self.source(data), **options)

    def synthetic(self, **options: Any) -> Group:
        """Return a group of synthetic clients, Poisson and with exponential lengths unless told otherwise."""
        settings = {
            "arrival": Made(poisson()),
            "input": Made(Exponential(300.0)),
            "output": Made(Exponential(100.0)),
            **options,
        }
        return Group(**settings)

    def compose(self, *groups: Group, seed: int = 1, rate: Any = None, **load: Any) -> Workload:
        """Compose groups under an open load unless `load` says otherwise."""
        if isinstance(rate, int | float):
            rate = RateCurve((0.0,), (float(rate),))
        return compose(WorkloadSpec(groups=groups), Load(rate=rate, **load), Streams(seed), self.families)

    @staticmethod
    def rows(workload: Workload, client: str | None = None) -> list[tuple[Any, ...]]:
        """Return the requests as comparable tuples, by client name instead of index."""
        w = workload
        due = np.where(np.isnan(w.due_s), -1.0, w.due_s)
        columns = (
            due,
            w.session,
            w.turn,
            w.think_s,
            w.input_tokens,
            w.output_tokens,
            w.reason_tokens,
            w.items.count,
        )
        table = list(
            zip(
                [w.clients.names[c] for c in w.client],
                *(column.tolist() for column in columns),
                strict=True,
            )
        )
        return [row for row in table if client is None or row[0] == client]


@pytest.fixture(scope="session")
def kit() -> Kit:
    """Return what tests are built from."""
    return Kit()


@pytest.fixture(scope="session")
def real_pool(shared_data: Path) -> Callable[[str], ClientPool]:
    """Return a function that reads a pool of the published data; tests are skipped where it is absent."""
    from servegen_fw.hooks.registry import Registry

    root = shared_data / "servegen"
    registry = Registry.load()
    entry, _ = registry.find("reader", "servegen-data")
    read: dict[str, ClientPool] = {}

    def get(workload: str) -> ClientPool:
        if workload not in read:
            read[workload] = entry.product(
                entry.config(path=str(root), workload=workload, cache=False)
            ).read()
        return read[workload]

    return get


def golden(kit: Kit) -> list[Workload]:
    """Return two workloads that use all of composition: a recorded and a synthetic group with sessions, and processes."""
    count = np.outer([200, 40, 7], [1, 2, 0, 1])
    recorded = pool(count, cv=[[1.4], [0.7], [2.0]], family=np.array([[0], [1], [0]]))
    session = Made(Geometric(3.0, 80.0))
    chat = kit.synthetic(
        clients=5,
        skew=1.1,
        session=session,
        modality=(Made(Pictures()),),
        reasoning=Made(Half()),
        correlation=0.3,
    )
    curve = RateCurve((0.0, 1200.0, 2400.0), (0.1, 0.6, 0.1))
    return [
        kit.compose(kit.recorded(recorded, share=0.5), chat, seed=20261122, rate=curve, duration_s=2400),
        kit.compose(
            kit.recorded(recorded, counts="process", scale="rate"), seed=0, rate=2.0, duration_s=2000
        ),
    ]
