"""Options of the backend `sim`."""

from __future__ import annotations

import attrs

from servegen_fw.plugin import setting


@attrs.frozen
class InlineCoefficients:
    """Step-time coefficients given in the suite; see `servegen_fw_sim.steptime.Coefficients`."""

    decode: float = setting(doc="decode step of no sequences", unit="s", gt=0)
    decode_sequence: float = setting(doc="more for each decoding sequence", unit="s", ge=0)
    decode_context: float = setting(doc="more for each token of context", unit="s", ge=0)
    prefill: float = setting(doc="prefill of a prompt, constant part", unit="s", ge=0)
    prefill_token: float = setting(doc="more for each prompt token", unit="s", ge=0)
    prefill_token2: float = setting(0.0, doc="more for each squared prompt token", unit="s", ge=0)


@attrs.frozen
class SimOptions:
    """One simulated engine instance. What is not given comes from the profile."""

    profile: str = setting("llama-3-8b-h100", doc="model on an accelerator; see the plugin's README")
    coefficients: InlineCoefficients | None = setting(None, doc="step times instead of the profile's")
    blocks: int | None = setting(None, doc="KV blocks of 16 tokens", ge=2)
    max_batched_tokens: int | None = setting(None, doc="token budget of a step", unit="tokens", ge=1)
    max_seqs: int | None = setting(None, doc="sequences in the running list", ge=1)
    max_model_len: int | None = setting(
        None, doc="prompt and output of one request; longer ones are refused", unit="tokens", ge=2
    )
    step_scale: float = setting(
        1.0, doc="multiplies all step times; run 0.9, 1 and 1.1 for a band around a capacity", gt=0
    )
    api_s: float = setting(0.006, doc="time in the API server, each token", unit="s", ge=0, key="api_latency")
    async_scheduling: bool = setting(
        True, doc="tokens leave at the end of the next step, which is already under way"
    )
    prefix_cache: bool = setting(
        True, doc="sessions and preempted requests find their KV blocks again, requests share prefixes"
    )
    reserve_prompt: bool = setting(True, doc="admit a request only when blocks for its whole prompt are free")
    jump: bool = setting(
        True, doc="take decode-only steps many at a time; false is slower with equal results"
    )
