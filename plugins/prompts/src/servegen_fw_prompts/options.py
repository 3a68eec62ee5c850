"""Options of the entries. Imported at start-up, so nothing here may import numpy."""

from __future__ import annotations

import attrs

from servegen_fw.plugin import setting

_DISTINCT = "number of different prompt texts; 0 for all different, so that no prefix cache flatters a run"


@attrs.frozen
class RandomTokens:
    """Options of random token ids."""

    low: int = setting(
        1000, doc="smallest token id; the default keeps clear of the special tokens at the start", ge=0
    )
    high: int = setting(
        30_000, doc="one more than the largest token id, at most the vocabulary's size", ge=1, le=2**31
    )
    distinct: int = setting(0, doc=_DISTINCT, ge=0)

    def __attrs_post_init__(self) -> None:
        if self.high <= self.low:
            raise ValueError(f"high = {self.high} must lie above low = {self.low}")


@attrs.frozen
class RandomWords:
    """Options of random words."""

    tokens_per_word: float = setting(
        1.0, doc="tokens that the server's tokenizer makes of a word with its space", gt=0, le=100
    )
    distinct: int = setting(0, doc=_DISTINCT, ge=0)
