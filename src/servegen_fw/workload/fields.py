"""The fields of a group's requests: prompt, output, reasoning, items, prefix; each from a stream of its own."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I4, I8, AnyArray
from servegen_fw.data.pool import ClientPool
from servegen_fw.data.workload import Items
from servegen_fw.errors import InputError, Problem
from servegen_fw.hooks.protocols import Reasoning
from servegen_fw.suite.model import Group
from servegen_fw.workload.batch import Batch
from servegen_fw.workload.copula import correlated
from servegen_fw.workload.items import ItemSource, ModelItems, PoolItems, gather
from servegen_fw.workload.part import who
from servegen_fw.workload.products import CheckedLengths, CheckedModality, CheckedReasoning
from servegen_fw.workload.quantities import Given, PoolField, Quantity
from servegen_fw.workload.steady import picked, steady

LONGEST = 2**31 - 1


@attrs.frozen(eq=False)
class Values:
    """Fields of n requests; `input_tokens` without anything carried from earlier turns."""

    input_tokens: I4
    output_tokens: I4
    reason_tokens: I4
    items: Items
    extra: Mapping[str, AnyArray]

    def select(self, rows: I8) -> Values:
        """Return the given rows."""
        return Values(
            self.input_tokens[rows],
            self.output_tokens[rows],
            picked(self.reason_tokens, rows),
            self.items.select(rows),
            {name: column[rows] for name, column in self.extra.items()},
        )


@attrs.frozen(eq=False)
class Fields:
    """What the requests of one group are drawn from.

    Attributes
    ----------
        input: tokens of the prompt.
        output: tokens to generate, reasoning included.
        correlation: Spearman rank correlation of the two.
        ratio: recorded share of the output that is reasoning; None where there is none.
        reasoning: model that splits outputs instead; None for none.
        items: modalities.
        extra: further fields of the pool, by name.
        max_input: longest input, 0 for no limit.
        max_output: longest output, 0 for no limit.
    """

    input: Quantity
    output: Quantity
    correlation: float = 0.0
    ratio: Quantity | None = None
    reasoning: Reasoning | None = None
    items: Sequence[ItemSource] = ()
    extra: Mapping[str, Quantity] = attrs.field(factory=dict)
    max_input: int = 0
    max_output: int = 0

    @functools.cached_property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities."""
        return tuple(source.modality for source in self.items)

    def draw(self, batch: Batch) -> Values:
        """Fields of the batch's rows."""
        client, at_s, tally = batch.client, batch.at_s, batch.tally
        u_input = batch.uniform("input_tokens")
        u_output = correlated(u_input, batch.uniform("output_tokens"), self.correlation)
        inputs = whole(self.input.draw(client, at_s, u_input, tally), self.max_input, "input", tally)
        outputs = whole(self.output.draw(client, at_s, u_output, tally), self.max_output, "output", tally)
        reason = steady(0, len(outputs), np.int32)
        if self.reasoning is not None:
            reason = self.reasoning.split(outputs, batch.uniform("reason_tokens"))
        elif self.ratio is not None:
            ratio = self.ratio.draw(client, at_s, batch.uniform("reason_tokens"), tally)
            reason = np.rint(np.clip(ratio, 0.0, 1.0) * outputs).astype(np.int32)
        items = gather([source.draw(batch) for source in self.items], len(outputs), self.modalities)
        extra = {
            field: source.draw(client, at_s, batch.uniform(field), tally)
            for field, source in self.extra.items()
        }
        return Values(inputs, outputs, reason, items, extra)


def whole(drawn: F8, limit: int, what: str, tally: Counter[str]) -> I4:
    """Token counts from drawn lengths: rounded, raised to 1, cut at `limit` (0: none); both are counted."""
    tokens = np.rint(drawn)
    if not len(tokens):
        return tokens.astype(np.int32)
    if tokens.min() < 1:
        tally[f"{what} length drawn below 1 token, raised to 1"] += int(np.count_nonzero(tokens < 1))
        np.maximum(tokens, 1.0, out=tokens)
    longest = tokens.max()
    if limit and longest > limit:
        tally[f"{what} length drawn above max_{what} = {limit}, cut"] += int(np.count_nonzero(tokens > limit))
    if longest > (limit or LONGEST):
        np.minimum(tokens, limit or LONGEST, out=tokens)
    return tokens.astype(np.int32)


def fields_of(group: Group, name: str, pool: ClientPool | None, start_s: float) -> Fields:
    """Fields of a group: the suite's models where it gives them, the pool's tables elsewhere.

    Raises
    ------
        PluginError: a model is broken.
        InputError: neither says how long prompts or outputs are.
    """
    recorded = {} if pool is None else {field: PoolField.of(pool, field, start_s) for field in pool.fields}
    recorded = {field: source for field, source in recorded.items() if source.drawable}
    text = "input_tokens" if "input_tokens" in recorded else "text_tokens"

    def length(option: str, field: str) -> Quantity:
        choice = getattr(group, option)
        if choice is not None:
            return Given(CheckedLengths.of(choice, f"{who(name)}.{option}"))
        if field in recorded:
            return recorded[field]
        missing = (
            f"the pool {pool.name!r} has no {field}"
            if pool is not None
            else "a synthetic group has no lengths of its own"
        )
        raise InputError(
            Problem(
                missing, who=f"{who(name)}.{option}", cure=f'give {option} = {{ kind = "lognormal", ... }}'
            )
        )

    models: dict[str, ItemSource] = {}
    for modality in () if pool is None else pool.modalities:
        if f"{modality}_count" in recorded and f"{modality}_tokens" in recorded:
            models[modality] = PoolItems(
                modality, recorded[f"{modality}_count"], recorded[f"{modality}_tokens"]
            )
    for choice in group.modality:
        model = ModelItems(CheckedModality.of(choice, f"{who(name)}.modality"))
        models[model.modality] = model
    known = {text, "input_tokens", "text_tokens", "output_tokens", "reason_ratio"}
    known |= {
        f"{modality}_{part}" for modality in (pool.modalities if pool else ()) for part in ("count", "tokens")
    }
    return Fields(
        input=length("input", text),
        output=length("output", "output_tokens"),
        correlation=group.correlation,
        ratio=recorded.get("reason_ratio"),
        reasoning=None
        if group.reasoning is None
        else CheckedReasoning.of(group.reasoning, f"{who(name)}.reasoning"),
        items=tuple(models.values()),
        extra={field: source for field, source in recorded.items() if field not in known},
        max_input=group.max_input,
        max_output=group.max_output,
    )
