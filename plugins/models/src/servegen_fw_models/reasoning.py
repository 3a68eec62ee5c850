"""How outputs split into reasoning and answer: by a mass function of the share, or around two modes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from servegen_fw_models.empirical import Pmf

if TYPE_CHECKING:
    from servegen_fw.plugin import Lengths
    from servegen_fw_models import options

F8: TypeAlias = npt.NDArray[np.float64]
I4: TypeAlias = npt.NDArray[np.int32]


@attrs.frozen(eq=False)
class Split:
    """Reasoning as a random share of the output, independent of its length; a `Reasoning`.

    Attributes
    ----------
        share: law of the share, values in [0, 1].
    """

    share: Lengths

    def split(self, output_tokens: I4, u: F8) -> I4:
        """Reason tokens: the share's quantile at `u` times the output, rounded to the nearest token."""
        tokens = np.rint(self.share.ppf(u) * output_tokens)
        return np.clip(tokens, 0, output_tokens).astype(np.int32)


@attrs.frozen
class TwoModes:
    """Mixture of two normal laws cut to [0, 1]; a `Lengths` of shares.

    For u below `weight` the share comes from the lower mode, else from the upper one; within each, it grows with u.
    """

    low: float
    high: float
    weight: float
    spread: float

    def ppf(self, u: F8) -> F8:
        """Shares at `u`; not the mixture's quantiles where the two components overlap, but exactly its law."""
        u = np.asarray(u, np.float64)
        lower = u < self.weight
        if self.spread == 0:
            return np.where(lower, self.low, self.high)
        within = np.where(
            lower, u / max(self.weight, 1e-300), (u - self.weight) / max(1 - self.weight, 1e-300)
        )
        return np.where(lower, self._around(self.low, within), self._around(self.high, within))

    def _around(self, mode: float, u: F8) -> F8:
        from scipy.special import ndtr, ndtri

        first, last = ndtr(-mode / self.spread), ndtr((1 - mode) / self.spread)
        at = np.clip(first + np.clip(u, 0, 1) * (last - first), first, last)
        return np.clip(mode + self.spread * ndtri(at), 0, 1)


def make_ratio(config: options.Ratio) -> Split:
    """Share by a probability mass function."""
    return Split(Pmf.of(config.values, config.weights))


def make_bimodal(config: options.Bimodal) -> Split:
    """Share around two modes."""
    return Split(TwoModes(config.low, config.high, config.weight, config.spread))
