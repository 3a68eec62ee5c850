"""Prompt makers for servegen-fw: random token ids and random words."""

from __future__ import annotations

from servegen_fw.plugin import PromptEntry, hookimpl
from servegen_fw_prompts import options


@hookimpl
def servegen_prompts() -> list[PromptEntry]:
    """Offer prompt makers."""
    return [
        PromptEntry(
            name="random-tokens",
            config=options.RandomTokens,
            make="servegen_fw_prompts.token_ids:make",
            summary="uniform token ids, exact lengths, for servers that take ids",
        ),
        PromptEntry(
            name="random-words",
            config=options.RandomWords,
            make="servegen_fw_prompts.text:make",
            summary="random English words, about one token each",
        ),
    ]
