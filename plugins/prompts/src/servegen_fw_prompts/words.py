"""Words that prompts are made of: common English, plain ASCII, in ``words.txt``.

Each is a single token of the byte-pair vocabulary of SmolLM2 (49,152 entries), with a space before it as well as
without; large vocabularies trained on English hold nearly all of them, smaller ones split some.
"""

from __future__ import annotations

from importlib import resources
from typing import Final

WORDS: Final[tuple[str, ...]] = tuple(
    resources.files(__package__).joinpath("words.txt").read_text(encoding="ascii").split()
)
