"""The backend `sim` as a suite sees it: options, facts, declaration and messages."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import attrs
import pytest
import servegen_fw_sim
from servegen_fw_sim import profiles
from servegen_fw_sim.backend import SimBackend
from servegen_fw_sim.options import InlineCoefficients, SimOptions

from servegen_fw.plugin import BackendEntry, InputError


def test_the_declaration_offers_one_virtual_backend():
    """The plugin offers `sim`, marked virtual, whose product has the methods of a virtual backend."""
    (entry,) = servegen_fw_sim.servegen_backends()
    assert isinstance(entry, BackendEntry)
    assert (entry.name, entry.virtual, entry.config) == ("sim", True, SimOptions)
    backend = entry.product(SimOptions())
    assert callable(backend.replay)
    assert callable(backend.facts)


def test_declaring_imports_no_engine_and_no_numpy():
    """Importing the declaration module loads neither numpy nor the scheduler."""
    code = (
        "import sys, servegen_fw_sim; "
        "print([m for m in ('numpy', 'servegen_fw_sim.scheduler', 'servegen_fw_sim.backend') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_options_not_given_come_from_the_profile():
    """Blocks, budget, sequences and length are the profile's unless the suite says otherwise."""
    profile = profiles.load("llama-3-8b-rtx4090")
    limits = SimBackend(SimOptions(profile=profile.name)).scheduler().limits
    assert (limits.blocks, limits.max_batched_tokens) == (profile.blocks, profile.max_batched_tokens)
    assert (limits.max_seqs, limits.max_model_len) == (profile.max_seqs, profile.max_model_len)
    mine = SimOptions(profile=profile.name, blocks=100, max_batched_tokens=512, max_seqs=8, max_model_len=999)
    limits = SimBackend(mine).scheduler().limits
    assert (limits.blocks, limits.max_batched_tokens, limits.max_seqs, limits.max_model_len) == (
        100,
        512,
        8,
        999,
    )


def test_a_small_budget_alone_means_fewer_sequences():
    """A budget below the profile's number of sequences lowers that; asking for both in contradiction is an error."""
    assert SimBackend(SimOptions(max_batched_tokens=64)).scheduler().limits.max_seqs == 64
    with pytest.raises(InputError, match="max_seqs = 128 sequences") as caught:
        SimBackend(SimOptions(max_batched_tokens=64, max_seqs=128))
    assert "raise max_batched_tokens" in str(caught.value)


def test_coefficients_may_be_given_inline(kit):
    """Step times in the suite replace the profile's, in the engine and in the facts."""
    inline = InlineCoefficients(**attrs.asdict(kit.coefficients) | {"decode": 1.0, "prefill": 0.5})
    backend = SimBackend(SimOptions(coefficients=inline))
    records = backend.replay(kit.plan(kit.workload([0.0], 100, 3)), kit.listener())
    assert records.last_ns[0] - records.first_ns[0] == pytest.approx(2e9, rel=1e-3)
    facts = backend.facts()
    assert facts["coefficients"]["decode"] == 1.0
    assert facts["coefficients_source"] == "given in the suite"


def test_facts_name_every_number_and_its_source(kit):
    """Before a run the facts state profile, step times, blocks and limits with sources; after it also its totals."""
    backend = SimBackend(SimOptions(blocks=200, max_model_len=2000))
    facts = backend.facts()
    assert facts["profile"] == "llama-3-8b-h100"
    assert facts["blocks_source"] == "given in the suite"
    assert "roofline" in facts["coefficients_source"]
    assert facts["limits"]["blocks"] == 200
    assert "run" not in facts
    workload = kit.workload([0.0] * 60, 200, 100)
    records = backend.replay(kit.plan(workload), kit.listener())
    run = backend.facts()["run"]
    assert (records.status == 1).all()
    assert run["preemptions"] > 0
    assert run["max_waiting"] == 60
    assert run["blocks_peak"] == 1.0
    assert 0.99 < run["utilisation"] <= 1.0
    assert run["prefill_tokens"] + run["cached_tokens"] >= 60 * 200


def test_facts_are_plain_values():
    """Facts can be written as JSON."""
    import json

    assert json.loads(json.dumps(SimBackend(SimOptions()).facts()))["engine"] == "simulated"


def test_check_reports_targets_that_cannot_be_built():
    """The suite check names the key of each bad target, what is wrong and the cure, and leaves other backends alone."""
    target = lambda config: SimpleNamespace(backend=SimpleNamespace(config=config))  # noqa: E731
    suite = SimpleNamespace(
        targets={
            "good": target(SimOptions()),
            "typo": target(SimOptions(profile="llama-3-8b-h10")),
            "other": target(object()),
        }
    )
    ((path, what, cure),) = servegen_fw_sim.servegen_check(suite)
    assert path == "target.typo.backend.profile"
    assert what == "no profile 'llama-3-8b-h10'"
    assert cure.startswith("did you mean 'llama-3-8b-h100'?")
