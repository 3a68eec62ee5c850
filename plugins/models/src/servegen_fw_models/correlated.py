"""A split into reasoning and answer whose two parts have a stated rank correlation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from servegen_fw.plugin import InputError, Problem
from servegen_fw_models.knots import Knots
from servegen_fw_models.reasoning import TwoModes

if TYPE_CHECKING:
    from servegen_fw.plugin import Lengths
    from servegen_fw_models import options

F8: TypeAlias = npt.NDArray[np.float64]
I4: TypeAlias = npt.NDArray[np.int32]

_HALF_BITS = 2.0**26
_STRONGEST = 0.999
_GRID, _HALVINGS, _POINTS = 41, 14, 8192
# Fractional parts of multiples of these fill the unit square evenly (Kronecker sequence of the plastic number).
_STEPS = (0.7548776662466927, 0.5698402909980532)


@attrs.frozen(eq=False)
class Correlated:
    """Share of reasoning around two modes, tied to the length of the output by a Gaussian copula; a `Reasoning`.

    With F the outputs' distribution function, z = normal quantile of F(output) and e an independent normal number, the
    share is the two-mode law's quantile at Phi(copula z + sqrt(1 - copula^2) e). Its own law is therefore that of
    `TwoModes`, exactly, whatever `copula`; only which outputs have which share changes, and with it how reasoning and
    answer go together.

    Attributes
    ----------
        share: law of the share.
        outputs: law of the outputs.
        copula: correlation of the two normal numbers, in (-1, 1).
    """

    share: TwoModes
    outputs: Knots
    copula: float

    def split(self, output_tokens: I4, u: F8) -> I4:
        """Reason tokens, int32[n]: the share times the output, rounded to the nearest token.

        `u` is used as two numbers: its first 26 bits draw the share, the others where in its rank an output lies,
        since many outputs have the same number of tokens.
        """
        from scipy.special import ndtr, ndtri

        bits = np.floor(np.asarray(u, np.float64) * _HALF_BITS)
        own, place = (bits + 0.5) / _HALF_BITS, np.asarray(u) * _HALF_BITS - bits
        # Lengths are rounded, and raised to 1: an output of 1 token stands for all below 1.5.
        tokens = np.asarray(output_tokens, np.float64)
        below = np.where(tokens <= 1, 0.0, self.outputs.below(tokens - 0.5))
        rank = below + place * np.maximum(self.outputs.below(tokens + 0.5) - below, 0.0)
        z = ndtri(np.clip(rank, 1e-12, 1 - 1e-12))
        mixed = self.copula * z + math.sqrt(1 - self.copula**2) * ndtri(own)
        reason = np.rint(self.share.ppf(np.minimum(ndtr(mixed), 1 - 2.0**-53)) * tokens)
        return np.clip(reason, 0, output_tokens).astype(np.int32)

    def reached(self, law: Lengths) -> float:
        """Spearman's rank correlation of reasoning and answer for outputs of `law`, on 8,192 evenly spread points."""
        from scipy.stats import rankdata

        number = np.arange(_POINTS)
        outputs = np.maximum(np.rint(law.ppf((number + 0.5) / _POINTS)), 1).astype(np.int32)
        first, second = (np.mod((number + 1) * step, 1.0) for step in _STEPS)
        reason = self.split(outputs, (np.floor(first * _HALF_BITS) + second) / _HALF_BITS)
        one, other = (rankdata(part) - (_POINTS + 1) / 2 for part in (reason, outputs - reason))
        scale = math.sqrt(float(one @ one) * float(other @ other))
        return float(one @ other) / scale if scale > 0 else 0.0


def make(config: options.Correlated) -> Correlated:
    """Solve for the copula with which reasoning and answer have the correlation asked for.

    Where two would do, the weaker one is taken.

    Raises
    ------
        InputError: no copula gives it; the range that can be had is told.
    """
    law = config.output.make()
    share = TwoModes(config.low, config.high, config.weight, config.spread)
    unsolved = Correlated(share, Knots.of(law), 0.0)

    def excess(copula: float) -> float:
        return attrs.evolve(unsolved, copula=copula).reached(law) - config.correlation

    grid = np.linspace(-_STRONGEST, _STRONGEST, _GRID)
    found = np.array([excess(float(copula)) for copula in grid])
    crossing = np.flatnonzero((found[:-1] <= 0) != (found[1:] <= 0))
    if not len(crossing):
        low, high = config.correlation + found.min(), config.correlation + found.max()
        raise InputError(
            Problem(
                f"correlation = {config.correlation:g} cannot be had: with these modes and outputs it lies between {low:.2f} and {high:.2f}",
                who="reasoning 'correlated'",
                cure="choose one in that range, or other modes",
            )
        )
    at = crossing[np.argmin(np.abs(grid[crossing] + grid[crossing + 1]))]
    begin, end, rising = float(grid[at]), float(grid[at + 1]), bool(found[at] <= 0)
    for _ in range(_HALVINGS):
        middle = (begin + end) / 2
        begin, end = (middle, end) if (excess(middle) <= 0) == rising else (begin, middle)
    return attrs.evolve(unsolved, copula=(begin + end) / 2)
