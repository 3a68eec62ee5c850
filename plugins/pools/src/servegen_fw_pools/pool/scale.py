"""A pool whose clients send more, or less."""

from __future__ import annotations

import attrs

from servegen_fw.plugin import ClientPool
from servegen_fw_pools.fit.gaps import resized_cv


def scaled(pool: ClientPool, factor: float) -> ClientPool:
    """Every client's counts times `factor`, its gaps' law unchanged.

    The CV that is stored is that of the new number of gaps in a window: fewer gaps of the same law show a smaller one.
    A window with fewer than two requests cannot show any and is composed as Poisson; so a large pool scaled down far
    loses the bursts of its small clients. ``scale = "rate"`` in a suite keeps them, as it scales when it composes.
    """
    count = pool.count * factor
    return attrs.evolve(pool, count=count, cv=resized_cv(pool.cv, pool.count, count))
