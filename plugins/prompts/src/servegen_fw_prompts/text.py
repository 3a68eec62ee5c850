"""Prompts of random English words: text for any server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import attrs
import numpy as np

from servegen_fw.plugin import Payloads
from servegen_fw_prompts.counter import numbers
from servegen_fw_prompts.layout import Segments, lay_out
from servegen_fw_prompts.words import WORDS

if TYPE_CHECKING:
    from servegen_fw.plugin import Streams, Workload
    from servegen_fw_prompts.options import RandomWords as Options


# Taking from an array of objects is three times faster than indexing the tuple word by word.
_WORDS = np.array(WORDS, object)


@attrs.frozen(eq=False)
class Texts(Sequence[str]):
    """Text of every row, made when asked for.

    Words are separated by a space. A segment that follows another one begins with a space, so that parts joined
    without separators keep their words apart.
    """

    segments: Segments
    tokens_per_word: float

    def __len__(self) -> int:
        return len(self.segments)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[row] for row in range(*at.indices(len(self)))]
        of = self.segments
        tokens = of.tokens.item(at)
        if not tokens:
            return ""
        shared = round(of.prefix_tokens.item(at) / self.tokens_per_word)
        own = max(1, round(tokens / self.tokens_per_word)) - shared
        chosen = numbers(of.key.item(at), max(0, own), len(WORDS))
        if shared:
            chosen = np.concatenate((numbers(of.prefix_key.item(at), shared, len(WORDS)), chosen))
        return (" " if of.continues.item(at) else "") + " ".join(_WORDS[chosen].tolist())


@attrs.frozen
class RandomWords:
    """Words drawn uniformly from a fixed list; a `Prompts`."""

    tokens_per_word: float = 1.0
    distinct: int = 0

    def render(self, workload: Workload, streams: Streams) -> Payloads:
        """Segments of about the tokens asked for, as plain ASCII text."""
        user, answer = lay_out(workload, streams, self.distinct)
        return Payloads(
            form="text",
            user=Texts(user, self.tokens_per_word),
            answer=Texts(answer, self.tokens_per_word),
            exact=False,
            facts={"prompts": "random-words", "tokens_per_word": f"{self.tokens_per_word:g}"},
        )


def make(config: Options) -> RandomWords:
    """Random words."""
    return RandomWords(config.tokens_per_word, config.distinct)
