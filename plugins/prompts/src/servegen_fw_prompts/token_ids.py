"""Prompts of random token ids: exact lengths for servers that take ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import attrs
import numpy as np

from servegen_fw.plugin import Payloads
from servegen_fw_prompts.counter import numbers
from servegen_fw_prompts.layout import Segments, lay_out

if TYPE_CHECKING:
    from servegen_fw.plugin import Streams, Workload
    from servegen_fw_prompts.options import RandomTokens as Options


@attrs.frozen(eq=False)
class TokenIds(Sequence[list[int]]):
    """Token ids of every row, made when asked for: a hundred thousand prompts cost no more memory than their layout."""

    segments: Segments
    low: int
    high: int

    def __len__(self) -> int:
        return len(self.segments)

    @overload
    def __getitem__(self, at: int) -> list[int]: ...
    @overload
    def __getitem__(self, at: slice) -> list[list[int]]: ...
    def __getitem__(self, at: int | slice) -> list[int] | list[list[int]]:
        if isinstance(at, slice):
            return [self[row] for row in range(*at.indices(len(self)))]
        of = self.segments
        shared = of.prefix_tokens.item(at)
        own = of.tokens.item(at) - shared
        size = self.high - self.low
        ids = numbers(of.key.item(at), own, size)
        if shared:
            ids = np.concatenate((numbers(of.prefix_key.item(at), shared, size), ids))
        found: list[int] = (ids + self.low).tolist()
        return found


@attrs.frozen
class RandomTokens:
    """Uniform token ids in [low, high); a `Prompts`."""

    low: int
    high: int
    distinct: int = 0

    def render(self, workload: Workload, streams: Streams) -> Payloads:
        """Segments of exactly the tokens asked for, as ids."""
        user, answer = lay_out(workload, streams, self.distinct)
        return Payloads(
            form="token-ids",
            user=TokenIds(user, self.low, self.high),
            answer=TokenIds(answer, self.low, self.high),
            exact=True,
            facts={"prompts": "random-tokens", "token_ids": f"{self.low} to {self.high - 1}"},
        )


def make(config: Options) -> RandomTokens:
    """Random token ids."""
    return RandomTokens(config.low, config.high, config.distinct)
