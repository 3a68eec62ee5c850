"""Linear step-time coefficients and KV block counts derived from an operator-level roofline of model and accelerator.

The roofline adds up the operators of one engine step (matrix products, attention, all-reduce, head, launch constants);
each matrix product takes the 4-norm of its compute time and its memory time plus a launch constant. Its constants were
calibrated on published kernel measurements, not on the runs this package is validated with. Shipped profiles state
which rows were made by `derive`; the linear form is what the simulator runs on (`servegen_fw_sim.steptime`).
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

import attrs

from servegen_fw_sim.steptime import Coefficients, Prefill

_STEP_S = 0.6e-3
_PER_REQUEST_S = 8e-6
_ELEMENTWISE_S = 12e-6
_HEAD_S = 10e-6
_SAMPLER_EFFICIENCY = 0.5
_ACTIVATION_BYTES = 2
_GIB = 2**30
_OVERHEAD_BYTES = 2.1e9


@attrs.frozen(kw_only=True)
class Model:
    """A dense decoder-only transformer.

    Attributes
    ----------
        layers, hidden, query_heads, kv_heads, head_dim, ffn, vocabulary: its shape.
        parameters: number of weights.
        weight_bytes: bytes a weight (2 bf16, 1 fp8).
        kv_bytes: bytes an element of the KV cache.
    """

    layers: int
    hidden: int
    query_heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocabulary: int
    parameters: float
    weight_bytes: int = 2
    kv_bytes: int = 2

    @property
    def kv_token_bytes(self) -> int:
        """Bytes of KV cache of one token over all layers and accelerators."""
        return 2 * self.layers * self.kv_heads * self.head_dim * self.kv_bytes


@attrs.frozen(kw_only=True)
class Accelerator:
    """An accelerator and what fraction of its data sheet kernels reach.

    Attributes
    ----------
        flops: peak FLOP/s at the weights' precision.
        bandwidth: peak memory bytes/s.
        memory_gib: memory in GiB.
        compute: fraction of `flops` that matrix products reach.
        memory: fraction of `bandwidth` that matrix products reach.
        launch_s: constant of one matrix product.
        attention_s: constant of one attention call.
        attention_sequence_s: the same for each decoding sequence.
        attention_memory: fraction of `bandwidth` that decode attention reaches.
        attention_compute: fraction of `flops` (bf16) that prefill attention reaches.
        attention_flops: peak FLOP/s of attention (bf16); `flops` if None.
        reduce_s: latency of one all-reduce.
        reduce_bandwidth: all-reduce bytes/s.
    """

    flops: float
    bandwidth: float
    memory_gib: float
    compute: float
    memory: float
    launch_s: float
    attention_s: float
    attention_sequence_s: float
    attention_memory: float
    attention_compute: float
    attention_flops: float | None = None
    reduce_s: float = 0.0
    reduce_bandwidth: float = float("inf")


@attrs.frozen
class Roofline:
    """Step times of one model on `tp` accelerators."""

    model: Model
    gpu: Accelerator
    tp: int = 1

    def gemm(self, n: float, k: float, tokens: float) -> float:
        """Seconds of a product of `tokens` x `k` activations with `n` x `k` weights."""
        gpu = self.gpu
        compute = 2 * tokens * n * k / (gpu.flops * gpu.compute)
        traffic = n * k * self.model.weight_bytes + _ACTIVATION_BYTES * tokens * (n + k)
        memory = traffic / (gpu.bandwidth * gpu.memory)
        return float((compute**4 + memory**4) ** 0.25 + gpu.launch_s)

    def layer(self, tokens: float) -> float:
        """Seconds of one layer without attention."""
        m, gpu, tp = self.model, self.gpu, self.tp
        heads = m.query_heads * m.head_dim / tp
        kv_heads = 2 * max(m.kv_heads / tp, 1.0) * m.head_dim
        elementwise = _ACTIVATION_BYTES * tokens * (8 * m.hidden + 3 * m.ffn / tp)
        total = (
            self.gemm(heads + kv_heads, m.hidden, tokens)
            + self.gemm(m.hidden, heads, tokens)
            + self.gemm(2 * m.ffn / tp, m.hidden, tokens)
            + self.gemm(m.hidden, m.ffn / tp, tokens)
            + _ELEMENTWISE_S
            + elementwise / (gpu.bandwidth * gpu.memory)
        )
        if tp > 1:
            total += 2 * (gpu.reduce_s + _ACTIVATION_BYTES * tokens * m.hidden / gpu.reduce_bandwidth)
        return total

    def head(self, requests: float) -> float:
        """Seconds of the output head and the sampler for `requests` positions."""
        m, gpu, tp = self.model, self.gpu, self.tp
        compute = 2 * requests * m.hidden * m.vocabulary / tp / (gpu.flops * gpu.compute)
        memory = m.hidden * m.vocabulary * 2 / tp / (gpu.bandwidth * gpu.memory)
        sampler = requests * m.vocabulary * 4 / (_SAMPLER_EFFICIENCY * gpu.bandwidth * tp)
        return max(compute, memory) + _HEAD_S + sampler

    @property
    def context_s(self) -> float:
        """Seconds to read the KV cache of one token of context, over all layers."""
        m = self.model
        kv_heads = max(m.kv_heads / self.tp, 1.0)
        read = 2 * m.layers * kv_heads * m.head_dim * m.kv_bytes
        return read / (self.gpu.bandwidth * self.gpu.attention_memory)

    @property
    def attention_pair_s(self) -> float:
        """Seconds of prefill attention for one (query token, context token) pair, over all layers."""
        m, gpu = self.model, self.gpu
        work = 4 * m.layers * m.query_heads / self.tp * m.head_dim
        return work / ((gpu.attention_flops or gpu.flops) * gpu.attention_compute)

    def mixed(self, prefill: Prefill, decoders: int, context: int) -> float:
        """Seconds of one step, as `servegen_fw_sim.steptime.StepTime.mixed`; the prompts' part may be empty."""
        layers, gpu = self.model.layers, self.gpu
        requests = decoders + prefill.chunks
        total = layers * self.layer(prefill.tokens + decoders) + self.head(requests)
        total += _STEP_S + _PER_REQUEST_S * requests
        if decoders:
            total += layers * (gpu.attention_s + gpu.attention_sequence_s * decoders)
            total += self.context_s * context
        if prefill.chunks:
            total += layers * gpu.attention_s + self.attention_pair_s * prefill.pairs
            total += self.context_s * prefill.context
        return total

    def decode(self, decoders: int) -> tuple[float, float]:
        """(base_s, slope_s) of a step that only decodes, as `servegen_fw_sim.steptime.StepTime.decode`."""
        return self.mixed(Prefill(0, 0.0, 0, 0), decoders, 0), self.context_s


def coefficients(roofline: Roofline) -> Coefficients:
    """Fit the linear form: decode over 1 to 128 sequences, whole prompts over 512 to 4096 tokens, least squares."""
    import numpy as np

    decoders = np.arange(1, 129)
    sequence, decode = np.polyfit(decoders, [roofline.decode(int(n))[0] for n in decoders], 1)
    tokens = np.arange(512, 4097, 128)
    whole = [roofline.mixed(Prefill(int(t), float(t) ** 2 / 2, 0, 1), 0, 0) for t in tokens]
    token2, token, prefill = np.polyfit(tokens, whole, 2)
    return Coefficients(
        decode=float(decode),
        decode_sequence=float(sequence),
        decode_context=roofline.context_s,
        prefill=float(prefill),
        prefill_token=float(token),
        prefill_token2=float(token2),
    )


def kv_blocks(model: Model, gpu: Accelerator, tp: int = 1, block_tokens: int = 16) -> int:
    """KV blocks that vLLM would allocate at a memory utilisation of 0.9; within 1 % of its own counts on 80-GB cards."""
    memory = 0.9 * gpu.memory_gib * _GIB * tp
    weights = model.parameters * model.weight_bytes
    return int((memory - weights - _OVERHEAD_BYTES * tp) / (model.kv_token_bytes * block_tokens))


def catalogue() -> dict[str, Any]:
    """Known models and accelerators, as tables by name."""
    return tomllib.loads((files("servegen_fw_sim") / "catalogue.toml").read_text("utf-8"))


def roofline(model: str, accelerator: str, tp: int = 1, *, fp8: bool = False) -> Roofline:
    """Roofline of a known model on `tp` known accelerators, with bf16 or fp8 weights; attention stays bf16."""
    known = catalogue()
    shape = Model(**known["models"][model])
    card = known["accelerators"][accelerator]
    fp8_flops, bandwidths = card.pop("fp8_flops", None), card.pop("reduce_bandwidths", {})
    gpu = Accelerator(**card)
    if fp8:
        shape = attrs.evolve(shape, weight_bytes=1)
        gpu = attrs.evolve(gpu, flops=fp8_flops, attention_flops=gpu.flops)
    if tp > 1:
        gpu = attrs.evolve(gpu, reduce_bandwidth=bandwidths[str(tp)])
    return Roofline(shape, gpu, tp)
