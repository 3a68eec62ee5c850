"""Turns of sessions: a single one, or a geometric number with think times between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from servegen_fw.plugin import NoOptions

if TYPE_CHECKING:
    from numpy.random import Generator

    from servegen_fw.plugin import Lengths
    from servegen_fw_models import options

F8: TypeAlias = npt.NDArray[np.float64]
I4: TypeAlias = npt.NDArray[np.int32]


@attrs.frozen
class Single:
    """Every session is one request; a `Conversation`."""

    carries_context: bool = False
    mean_turns: float = 1.0

    def turns(self, n: int, rng: Generator) -> I4:  # noqa: ARG002 - the contract's signature
        """Ones."""
        return np.ones(n, np.int32)

    def think_s(self, n: int, rng: Generator) -> F8:  # noqa: ARG002 - the contract's signature
        """Zeros; there is no later turn to wait for."""
        return np.zeros(n)


@attrs.frozen(eq=False)
class Geometric:
    """Each turn is followed by another with probability 1 - 1 / mean_turns; a `Conversation`."""

    mean_turns: float
    carries_context: bool
    think: Lengths | None

    def turns(self, n: int, rng: Generator) -> I4:
        """Turns of n sessions: P(k) = p (1 - p)^(k - 1) with p = 1 / mean_turns."""
        return rng.geometric(1.0 / self.mean_turns, n).astype(np.int32)

    def think_s(self, n: int, rng: Generator) -> F8:
        """Independent think times in seconds; zeros without a law of them."""
        uniform = rng.random(n)
        return np.zeros(n) if self.think is None else np.asarray(self.think.ppf(uniform), np.float64)


def make_single(_config: NoOptions) -> Single:
    """One turn."""
    return Single()


def make_geometric(config: options.Geometric) -> Geometric:
    """Geometric number of turns."""
    return Geometric(config.turns, config.carries_context, config.think.make() if config.think else None)
