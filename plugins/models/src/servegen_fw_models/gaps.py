"""Renewal arrivals whose gaps are given: recorded ones, drawn independently."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from servegen_fw.plugin import InputError, Problem, renewal
from servegen_fw_models.empirical import Pmf, read_csv

if TYPE_CHECKING:
    from numpy.random import Generator

    from servegen_fw.plugin import Arrivals
    from servegen_fw_models import options


def make(config: options.EmpiricalGaps) -> Arrivals:
    """Stationary renewal process with the given gaps, divided by their mean.

    The first gap is exact: a gap picked with probability proportional to its length, cut at a uniform point.

    Raises
    ------
        InputError: the file cannot be read, a line of it is wrong, or all its gaps are zero.
    """
    values, weights = read_csv(config.path) if config.path else (list(config.values), list(config.weights))
    law = Pmf.of(values, weights)
    mean = float(np.diff(law.cdf, prepend=0.0) @ law.value)
    if not mean > 0:
        raise InputError(Problem("all gaps are zero", config.path or "values", cure="give one above zero"))
    law = Pmf(law.value / mean, law.cdf)
    biased = Pmf.of(law.value, np.diff(law.cdf, prepend=0.0) * law.value)

    def first(rng: Generator) -> float:
        picked, cut = rng.random(2)
        return float(biased.ppf(np.array([picked]))[0] * (1.0 - cut))

    return renewal(lambda n, rng: law.ppf(rng.random(n)), first)
