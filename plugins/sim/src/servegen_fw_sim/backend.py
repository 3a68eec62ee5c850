"""The backend `sim`: profile and options make a scheduler, a plan runs through it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import attrs

from servegen_fw.plugin import Harness, InputError, Problem
from servegen_fw_sim import profiles
from servegen_fw_sim.job import Limits
from servegen_fw_sim.replay import Replay
from servegen_fw_sim.scheduler import Scheduler
from servegen_fw_sim.steptime import Coefficients, LinearStepTime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servegen_fw.plugin import Plan, Progress, Records
    from servegen_fw_sim.options import SimOptions


class SimBackend:
    """One simulated engine instance behind `replay`.

    Raises
    ------
        InputError: unknown profile, or limits that contradict each other.
    """

    def __init__(self, options: SimOptions) -> None:
        profile = profiles.load(options.profile)
        self._profile = profile
        self._options = options
        inline = options.coefficients
        self._coefficients = Coefficients(**attrs.asdict(inline)) if inline else profile.coefficients
        blocks = options.blocks or profile.blocks
        budget = options.max_batched_tokens or profile.max_batched_tokens
        # A budget below the profile's number of sequences is a wish for fewer sequences.
        seqs = options.max_seqs or min(profile.max_seqs, budget)
        if seqs > budget:
            raise InputError(
                Problem(
                    f"max_seqs = {seqs} sequences do not get a token each from a budget of {budget}",
                    who="max_seqs",
                    cure="raise max_batched_tokens to at least max_seqs",
                )
            )
        self._limits = Limits(
            blocks=blocks,
            max_batched_tokens=budget,
            max_seqs=seqs,
            max_model_len=options.max_model_len or profile.max_model_len,
            reserve_prompt=options.reserve_prompt,
            prefix_cache=options.prefix_cache,
            overlap=options.async_scheduling,
        )
        self._facts: dict[str, Any] = {}

    def scheduler(self) -> Scheduler:
        """Return a fresh engine instance."""
        step_time = LinearStepTime(self._coefficients, self._options.step_scale)
        return Scheduler(step_time, self._limits, jump=self._options.jump)

    def replay(self, plan: Plan, progress: Progress) -> Records:
        """Run the plan in virtual time; see `VirtualBackend.replay`. Payloads are not needed."""
        cpu_s = time.process_time()
        scheduler = self.scheduler()
        run = Replay(plan, scheduler, api_s=self._options.api_s, progress=progress)
        run.run()
        records = run.outcome.records(
            plan.workload,
            scheduler,
            api_s=self._options.api_s,
            keep_chunks=plan.keep_chunks,
            harness=Harness(
                clock="virtual",
                wall_s=run.now_ns / 1e9,
                cpu_s=time.process_time() - cpu_s,
                drained=run.drained,
                interrupted=run.interrupted,
            ),
        )
        self._facts = _run_facts(scheduler, run.now_ns / 1e9)
        return records

    def facts(self) -> Mapping[str, Any]:
        """Profile, step times and limits, and after a run its totals."""
        profile, inline = self._profile, self._options.coefficients is not None
        return {
            "engine": "simulated",
            "profile": profile.name,
            "model": profile.model,
            "accelerator": profile.hardware,
            "precision": profile.precision,
            "coefficients": attrs.asdict(self._coefficients),
            "coefficients_source": "given in the suite" if inline else profile.source,
            "step_scale": self._options.step_scale,
            "blocks": self._limits.blocks,
            "blocks_source": "given in the suite" if self._options.blocks else profile.blocks_source,
            "limits": attrs.asdict(self._limits),
            "api_s": self._options.api_s,
        } | self._facts


def _run_facts(scheduler: Scheduler, length_s: float) -> dict[str, Any]:
    counters = scheduler.counters
    blocks = scheduler.blocks
    return {
        "run": {
            "steps": scheduler.steps,
            "preemptions": counters.preemptions,
            "max_waiting": counters.max_waiting,
            "utilisation": counters.busy_s / length_s if length_s > 0 else 0.0,
            "blocks_peak": (blocks.total - blocks.low) / blocks.total,
            "prefill_tokens": counters.prefill_tokens,
            "decode_tokens": counters.decode_tokens,
            "cached_tokens": counters.cached_tokens,
        }
    }
