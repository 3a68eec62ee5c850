"""Mixtures of lengths, whatever the laws that are mixed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from servegen_fw_models.knots import Knots

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servegen_fw.plugin import Lengths
    from servegen_fw_models import options


def mixed(laws: Sequence[Lengths], weights: Sequence[float]) -> Knots:
    """Return the law with the distribution function sum of w_i F_i, as a table over the points of all of them."""
    tables = [Knots.of(law) for law in laws]
    shares = np.asarray(weights, np.float64) / np.sum(weights)
    x = np.unique(np.concatenate([table.x for table in tables]))
    below = sum(share * table.below(x) for share, table in zip(shares, tables, strict=True))
    upto = sum(share * table.upto(x) for share, table in zip(shares, tables, strict=True))
    u = np.stack((below, upto), axis=1).ravel()
    u = np.clip(np.maximum.accumulate(u), 0.0, 1.0)
    u[0], u[-1] = 0.0, 1.0
    return Knots(u, np.repeat(x, 2))


def make(config: options.Mixture) -> Knots:
    """Mix laws in proportion to their weights; those of weight 0 take no part."""
    weights = config.weights or (1.0,) * len(config.laws)
    taken = [(law.make(), weight) for law, weight in zip(config.laws, weights, strict=True) if weight > 0]
    return mixed([law for law, _ in taken], [weight for _, weight in taken])
