"""Products of a group's options, held to their contracts: what composition takes from them is checked column by column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
import numpy as np
from numpy.random import Generator

from servegen_fw.data.arrays import F8, I4
from servegen_fw.data.pool import ClientPool
from servegen_fw.data.workload import Workload
from servegen_fw.hooks.entries import Choice
from servegen_fw.hooks.protocols import (
    Arrivals,
    Conversation,
    Lengths,
    Modality,
    ModalityPerClient,
    Modulation,
    Reasoning,
)
from servegen_fw.workload.guard import Guard, told


@attrs.frozen(eq=False)
class CheckedLengths:
    """A `Lengths` whose quantiles are finite numbers."""

    product: Lengths
    guard: Guard

    @classmethod
    def of(cls, choice: Choice, who: str) -> CheckedLengths:
        """Make what a suite chose."""
        guard = Guard.of(choice, "length", who)
        return cls(guard.having(guard.made(choice), "ppf"), guard)

    def ppf(self, u: F8) -> F8:
        """Quantiles at `u`, float64[n]."""
        return self.guard.numbers(self.guard.call(self.product.ppf, u), "quantiles", len(u))


@attrs.frozen(eq=False)
class CheckedArrivals:
    """An `Arrivals` or `PhysicalArrivals` whose times ascend within their horizon."""

    product: Any
    guard: Guard
    timescale: Literal["unit", "physical"]

    @classmethod
    def of(cls, choice: Choice, who: str) -> CheckedArrivals:
        """Make what a suite chose."""
        guard = Guard.of(choice, "arrival", who)
        product = guard.made(choice)
        physical = getattr(product, "timescale", "unit") == "physical"
        guard.having(product, "times" if physical else "unit_times")
        return cls(product, guard, "physical" if physical else "unit")

    def unit_times(self, horizon: float, rng: Generator) -> F8:
        """Ascending times in [0, horizon), float64[n]."""
        arrivals: Arrivals = self.product
        return self._ascending(self.guard.call(arrivals.unit_times, horizon, rng), horizon)

    def times(self, horizon_s: float, mean_rate: float, rng: Generator) -> F8:
        """Ascending times in [0, horizon_s), float64[n] seconds."""
        return self._ascending(self.guard.call(self.product.times, horizon_s, mean_rate, rng), horizon_s)

    def _ascending(self, found: Any, horizon: float) -> F8:
        times = self.guard.numbers(found, "times")
        self.guard.must_hold(times >= 0, times, "times", "before 0")
        self.guard.must_hold(times < horizon, times, "times", f"not below the horizon of {horizon:.9g}")
        self.guard.must_hold(times[1:] >= times[:-1], times[1:], "later times", "below the one before it")
        return times


@attrs.frozen(eq=False)
class CheckedModulation:
    """A `Modulation` whose path begins at 0 and has a level, at least 0, for every breakpoint."""

    product: Modulation
    guard: Guard

    @classmethod
    def of(cls, choice: Choice, who: str) -> CheckedModulation:
        """Make what a suite chose."""
        guard = Guard.of(choice, "modulation", who)
        return cls(guard.having(guard.made(choice), "path"), guard)

    def path(self, horizon_s: float, rng: Generator) -> tuple[F8, F8]:
        """Breakpoints (float64[k], the first 0, ascending, in s) and levels (float64[k])."""
        found = self.guard.call(self.product.path, horizon_s, rng)
        try:
            breaks, levels = found
        except (TypeError, ValueError) as error:
            raise self.guard.broken("returned a path that is not a pair (breakpoints, levels)") from error
        breaks = self.guard.numbers(breaks, "breakpoints")
        if not len(breaks):
            raise self.guard.broken("returned a path without breakpoints")
        self.guard.must_hold(breaks[:1] == 0, breaks[:1], "first breakpoints", "not 0")
        self.guard.must_hold(
            breaks[1:] >= breaks[:-1], breaks[1:], "later breakpoints", "below the one before it"
        )
        levels = self.guard.numbers(levels, "levels", len(breaks))
        self.guard.must_hold(levels >= 0, levels, "levels", "below 0")
        return breaks, levels


@attrs.frozen(eq=False)
class CheckedReasoning:
    """A `Reasoning` whose parts lie within their outputs."""

    product: Reasoning
    guard: Guard

    @classmethod
    def of(cls, choice: Choice, who: str) -> CheckedReasoning:
        """Make what a suite chose."""
        guard = Guard.of(choice, "reasoning", who)
        return cls(guard.having(guard.made(choice), "split"), guard)

    def split(self, output_tokens: I4, u: F8) -> I4:
        """Reason tokens in [0, output_tokens], int32[n]."""
        what = "reason tokens"
        found = self.guard.call(self.product.split, output_tokens, u)
        tokens = self.guard.whole(found, what, len(output_tokens), np.int32)
        self.guard.must_hold(tokens >= 0, tokens, what, "below 0")
        self.guard.must_hold(tokens <= output_tokens, tokens, what, "more than the output")
        return tokens


@attrs.frozen(eq=False)
class CheckedConversation:
    """A `Conversation` whose sessions have a turn at least and whose think times are none below 0."""

    product: Conversation
    guard: Guard
    mean_turns: float
    carries_context: bool

    @classmethod
    def of(cls, choice: Choice, who: str) -> CheckedConversation:
        """Make what a suite chose."""
        guard = Guard.of(choice, "conversation", who)
        product = guard.having(guard.made(choice), "turns", "think_s")
        mean = guard.numbers([guard.attribute(product, "mean_turns")], "mean_turns")
        guard.must_hold(mean >= 1, mean, "mean_turns", "below 1")
        return cls(product, guard, float(mean[0]), bool(guard.attribute(product, "carries_context")))

    def turns(self, n: int, rng: Generator) -> I4:
        """Turns in each of n sessions, int32[n], at least 1."""
        turns = self.guard.whole(self.guard.call(self.product.turns, n, rng), "turns", n, np.int32)
        self.guard.must_hold(turns >= 1, turns, "turns", "below 1")
        return turns

    def think_s(self, n: int, rng: Generator) -> F8:
        """Think times before n later turns, float64[n] seconds."""
        think_s = self.guard.numbers(self.guard.call(self.product.think_s, n, rng), "think times", n)
        self.guard.must_hold(think_s >= 0, think_s, "think times", "below 0")
        return think_s


@attrs.frozen(eq=False)
class CheckedModality:
    """A `Modality` whose counts and columns fit together."""

    product: Modality
    guard: Guard
    modality: str

    @classmethod
    def of(cls, choice: Choice, who: str) -> CheckedModality:
        """Make what a suite chose."""
        guard = Guard.of(choice, "modality", who)
        product = guard.having(guard.made(choice), "items", "encode")
        name = guard.attribute(product, "modality")
        if not isinstance(name, str) or not name:
            raise guard.broken(f"has the modality {name!r}, which is no name")
        return cls(product, guard, name)

    def for_client(self, rng: Generator) -> CheckedModality:
        """Return the modality of one client; the same for all where the product knows no clients."""
        if not isinstance(self.product, ModalityPerClient):
            return self
        own = self.guard.having(self.guard.call(self.product.for_client, rng), "items", "encode")
        return CheckedModality(own, self.guard, self.modality)

    def items(self, n: int, rng: Generator) -> I4:
        """Items in each of n requests, int32[n]."""
        what = "numbers of items"
        count = self.guard.whole(self.guard.call(self.product.items, n, rng), what, n, np.int32)
        self.guard.must_hold(count >= 0, count, what, "below 0")
        return count

    def encode(self, count: int, rng: Generator) -> Mapping[str, Any]:
        """Columns of `count` items."""
        found = self.guard.call(self.product.encode, count, rng)
        if not isinstance(found, Mapping) or "tokens" not in found:
            raise self.guard.broken("returned items without a column of tokens")
        columns: dict[str, Any] = {}
        for name in ("tokens", "width", "height", "seconds"):
            if name in found:
                what = f"items' {name}"
                if name == "seconds":
                    columns[name] = self.guard.numbers(found[name], what, count)
                else:
                    columns[name] = self.guard.whole(found[name], what, count, np.int32)
                self.guard.must_hold(columns[name] >= 0, columns[name], what, "below 0")
        return columns


@attrs.frozen
class CheckedFamily:
    """A `GapFamily` whose gaps are finite and none below 0; two of one family are equal."""

    product: Any
    guard: Guard

    @classmethod
    def of(cls, family: Any, name: str, who: str) -> CheckedFamily:
        """Hold a family that a pool names to its contract."""
        guard = Guard(who, f"gap family {name!r}")
        return cls(guard.having(family, "parameter", "gaps", "first"), guard)

    def parameter(self, cv: F8, n: F8) -> F8:
        """Parameter by sample CV and number of gaps, float64[k]."""
        return self.guard.numbers(self.guard.call(self.product.parameter, cv, n), "parameters", len(cv))

    def gaps(self, parameter: F8, rng: Generator) -> F8:
        """One gap of mean 1 per element."""
        return self._waits(self.guard.call(self.product.gaps, parameter, rng), "gaps", len(parameter))

    def first(self, parameter: F8, rng: Generator) -> F8:
        """One equilibrium first gap per element."""
        return self._waits(self.guard.call(self.product.first, parameter, rng), "first gaps", len(parameter))

    def _waits(self, found: Any, what: str, n: int) -> F8:
        gaps = self.guard.numbers(found, what, n)
        if gaps.min(initial=0.0) < 0:
            self.guard.must_hold(gaps >= 0, gaps, what, "below 0")
        return gaps


def read(choice: Choice, who: str) -> ClientPool | Workload:
    """Read the source that a suite chose.

    Raises
    ------
        InputError: the source is missing or damaged.
        PluginError: the reader is broken.
    """
    guard = Guard.of(choice, "reader", who)
    found = guard.call(guard.having(guard.made(choice), "read").read)
    if not isinstance(found, ClientPool | Workload):
        raise guard.broken(f"returned {told(found)} where a ClientPool or a Workload is due")
    return found
