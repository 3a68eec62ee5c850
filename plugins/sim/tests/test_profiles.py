"""Profiles that ship."""

from __future__ import annotations

import pytest
from servegen_fw_sim import profiles

from servegen_fw.plugin import InputError


@pytest.mark.parametrize("name", profiles.names())
def test_profiles_are_complete_and_sane(name):
    """Every profile loads, names its sources, and has step times and limits an engine can run with."""
    profile = profiles.load(name)
    assert profile.name == name
    assert profile.source
    assert profile.blocks_source
    assert 1e-3 < profile.coefficients.prefill < profile.coefficients.decode < 0.1
    assert profile.max_seqs <= profile.max_batched_tokens
    assert profile.blocks * 16 >= profile.max_model_len or "rtx" in name


def test_an_unknown_name_gets_a_suggestion():
    """A misspelt profile names the nearest one and lists the others."""
    with pytest.raises(InputError, match=r"no profile 'llama-3-8b-h10'") as caught:
        profiles.load("llama-3-8b-h10")
    assert "did you mean 'llama-3-8b-h100'" in str(caught.value)
    assert "qwen3-32b-h100-tp2" in str(caught.value)


@pytest.mark.parametrize("name", ["", "../profiles/llama-3-8b-h100", "llama-3-8b-h100.toml"])
def test_names_are_not_paths(name):
    """Only the names listed are read, whatever the string looks like."""
    with pytest.raises(InputError, match="no profile"):
        profiles.load(name)
