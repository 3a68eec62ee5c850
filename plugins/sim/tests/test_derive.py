"""Shipped coefficients and block counts against the roofline they come from."""

from __future__ import annotations

import attrs
import pytest
from servegen_fw_sim import derive, profiles

ROWS = {
    "llama-3-8b-a100": ("Llama-3-8B", "A100 SXM 80 GB", 1, False),
    "llama-3-8b-h100": ("Llama-3-8B", "H100 SXM 80 GB", 1, False),
    "llama-3-8b-h200": ("Llama-3-8B", "H200 141 GB", 1, False),
    "llama-3-8b-rtx4090": ("Llama-3-8B", "RTX 4090 24 GB", 1, False),
    "qwen2.5-14b-a100-tp2": ("Qwen2.5-14B", "A100 SXM 80 GB", 2, False),
    "qwen3-32b-h100-tp2": ("Qwen3-32B", "H100 SXM 80 GB", 2, False),
    "llama-3-70b-h100-tp4": ("Llama-3-70B", "H100 SXM 80 GB", 4, False),
    "llama-3-70b-fp8-h100-tp4": ("Llama-3-70B", "H100 SXM 80 GB", 4, True),
}


def test_every_profile_has_its_row():
    """The table above names all profiles that ship."""
    assert sorted(ROWS) == profiles.names()


@pytest.mark.parametrize("name", ROWS)
def test_profiles_are_what_derive_gives(name):
    """Each coefficient of a shipped profile is within 4 % of the fit to the roofline (the small constant `prefill`: 6 %)."""
    model, gpu, tp, fp8 = ROWS[name]
    profile = profiles.load(name)
    fitted = derive.coefficients(derive.roofline(model, gpu, tp, fp8=fp8))
    assert attrs.asdict(profile.coefficients) == {
        key: pytest.approx(value, rel=0.06 if key == "prefill" else 0.04)
        for key, value in attrs.asdict(fitted).items()
    }
    assert profile.model == model
    assert profile.hardware == f"{gpu} x{tp}"
    assert profile.precision == ("fp8" if fp8 else "bf16")


@pytest.mark.parametrize("name", ROWS)
def test_block_counts_are_computed_or_the_servers_own(name):
    """A count marked computed equals the formula; vLLM's own counts on 80-GB cards are within 1 % of it."""
    model, gpu, tp, fp8 = ROWS[name]
    roofline = derive.roofline(model, gpu, tp, fp8=fp8)
    computed = derive.kv_blocks(roofline.model, roofline.gpu, tp)
    profile = profiles.load(name)
    if profile.blocks_source.startswith("computed"):
        assert profile.blocks == computed
    elif "80 GB" in gpu:
        assert profile.blocks == pytest.approx(computed, rel=0.01)
    else:
        assert profile.blocks == pytest.approx(computed, rel=0.10)


def test_a_token_of_context_costs_its_bytes():
    """Reading the KV cache takes its bytes over the memory bandwidth that attention reaches, spread over accelerators."""
    one = derive.roofline("Llama-3-70B", "H100 SXM 80 GB", 2)
    two = derive.roofline("Llama-3-70B", "H100 SXM 80 GB", 4)
    assert one.context_s == pytest.approx(2 * two.context_s)
    assert two.context_s == pytest.approx(2 * 80 * 2 * 128 * 2 / (3.35e12 * 0.9))


def test_no_step_beats_the_chip():
    """A 2048-token prompt of an 8B model on an H100 takes longer than its FLOPs at peak, near the 43.5 ms of its kernels."""
    from servegen_fw_sim.steptime import Prefill

    roofline = derive.roofline("Llama-3-8B", "H100 SXM 80 GB")
    seconds = roofline.mixed(Prefill(2048, 2048**2 / 2, 0, 1), 0, 0)
    assert seconds > 2 * 8.03e9 * 2048 / 989e12
    assert seconds == pytest.approx(43.5e-3, rel=0.08)
