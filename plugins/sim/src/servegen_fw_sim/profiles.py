"""Profiles: a model on an accelerator, as TOML files of this package."""

from __future__ import annotations

import difflib
import tomllib
from importlib.resources import files
from typing import Any

import attrs

from servegen_fw.plugin import InputError, Problem
from servegen_fw_sim.steptime import Coefficients


@attrs.frozen(kw_only=True)
class Profile:
    """An engine's step times and limits.

    Attributes
    ----------
        name: how a suite writes it.
        model: of the weights.
        hardware: accelerators, with their number.
        precision: of the weights.
        coefficients: step times in seconds.
        source: where they come from.
        blocks: KV blocks of 16 tokens.
        blocks_source: where that number comes from.
        max_batched_tokens: vLLM's default token budget on such hardware.
        max_seqs: vLLM's default for the running list.
        max_model_len: of the model, in tokens.
    """

    name: str
    model: str
    hardware: str
    precision: str
    coefficients: Coefficients
    source: str
    blocks: int
    blocks_source: str
    max_batched_tokens: int
    max_seqs: int
    max_model_len: int


def names() -> list[str]:
    """All profiles, sorted."""
    folder = files("servegen_fw_sim") / "profiles"
    return sorted(
        entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")
    )


def load(name: str) -> Profile:
    """Read a profile.

    Raises
    ------
        InputError: there is none of this name.
    """
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        cure = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(
            Problem(
                f"no profile {name!r}",
                who="profile",
                cure=f"{cure}profiles: {', '.join(known)}; or give coefficients and blocks",
            )
        )
    text = (files("servegen_fw_sim") / "profiles" / f"{name}.toml").read_text("utf-8")
    table: dict[str, Any] = tomllib.loads(text)
    return Profile(name=name, **{**table, "coefficients": Coefficients(**table["coefficients"])})
