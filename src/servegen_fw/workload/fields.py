"""The fields of a group's requests: prompt, output, reasoning, items, prefix; each from a stream of its own."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I4, I8, AnyArray
from servegen_fw.data.pool import SESSION_FIELDS, ClientPool
from servegen_fw.data.workload import Items
from servegen_fw.errors import InputError, Problem
from servegen_fw.hooks.protocols import Reasoning
from servegen_fw.suite.issues import did_you_mean
from servegen_fw.suite.model import Group
from servegen_fw.workload.batch import Batch
from servegen_fw.workload.cells import Cells
from servegen_fw.workload.coupling import Coupling
from servegen_fw.workload.items import ItemSource, ModelItems, PoolItems, gather
from servegen_fw.workload.part import who
from servegen_fw.workload.prefixes import Prefixes
from servegen_fw.workload.products import CheckedLengths, CheckedModality, CheckedReasoning
from servegen_fw.workload.quantities import Given, PoolField, Quantity
from servegen_fw.workload.steady import picked, steady

LONGEST = 2**31 - 1


@attrs.frozen(eq=False)
class Values:
    """Fields of n requests.

    `input_tokens` are without anything carried from earlier turns, `prefix_tokens` as long as the prefix is meant to be
    (the prompt may be shorter), `prefix` is -1 without one.
    """

    input_tokens: I4
    output_tokens: I4
    reason_tokens: I4
    items: Items
    extra: Mapping[str, AnyArray]
    prefix: I8
    prefix_tokens: I4

    def select(self, rows: I8) -> Values:
        """Return the given rows."""
        return Values(
            self.input_tokens[rows],
            self.output_tokens[rows],
            picked(self.reason_tokens, rows),
            self.items.select(rows),
            {name: column[rows] for name, column in self.extra.items()},
            picked(self.prefix, rows),
            picked(self.prefix_tokens, rows),
        )


@attrs.frozen(eq=False)
class Fields:
    """What the requests of one group are drawn from.

    Attributes
    ----------
        input: tokens of the prompt.
        output: tokens to generate, reasoning included.
        ratio: recorded share of the output that is reasoning; None where there is none.
        reasoning: model that splits outputs instead; None for none.
        items: modalities.
        extra: further fields of the pool, by name.
        max_input: longest input, 0 for no limit.
        max_output: longest output, 0 for no limit.
        prefixes: prefixes that prompts begin with; None for none.
        coupling: dependence of fields on each other; None for none.
        comonotone: whether one number drives all fields of a request.
        cells: clients and times from whose tables each request is drawn, instead of its own client's; None.
        notes: what a reader must know of them.
    """

    input: Quantity
    output: Quantity
    ratio: Quantity | None = None
    reasoning: Reasoning | None = None
    items: Sequence[ItemSource] = ()
    extra: Mapping[str, Quantity] = attrs.field(factory=dict)
    max_input: int = 0
    max_output: int = 0
    prefixes: Prefixes | None = None
    coupling: Coupling | None = None
    comonotone: bool = False
    cells: Cells | None = None
    notes: tuple[str, ...] = ()

    @functools.cached_property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities."""
        return tuple(source.modality for source in self.items)

    def draw(self, batch: Batch) -> Values:
        """Fields of the batch's rows."""
        if self.coupling is not None or self.comonotone or self.cells is not None:
            places = None if self.cells is None else self.cells.places(batch)
            batch = attrs.evolve(batch, coupling=self.coupling, comonotone=self.comonotone, places=places)
        client, at_s, tally = batch.whose, batch.at_s, batch.tally
        u_input, u_output = batch.uniform("input_tokens"), batch.uniform("output_tokens")
        inputs = whole(self.input.draw(client, at_s, u_input, tally), self.max_input, "input", tally)
        outputs = whole(self.output.draw(client, at_s, u_output, tally), self.max_output, "output", tally)
        n = len(outputs)
        reason = steady(0, n, np.int32)
        if self.reasoning is not None:
            reason = self.reasoning.split(outputs, batch.uniform("reason_tokens"))
        elif self.ratio is not None:
            ratio = self.ratio.draw(client, at_s, batch.uniform("reason_tokens"), tally)
            reason = np.rint(np.clip(ratio, 0.0, 1.0) * outputs).astype(np.int32)
        items = gather([source.draw(batch) for source in self.items], n, self.modalities)
        extra = {
            field: source.draw(client, at_s, batch.uniform(field), tally)
            for field, source in self.extra.items()
        }
        prefix, prefix_tokens = steady(-1, n, np.int64), steady(0, n, np.int32)
        if self.prefixes is not None:
            prefix, prefix_tokens = self.prefixes.draw(batch)
        return Values(inputs, outputs, reason, items, extra, prefix, prefix_tokens)


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
            f"the pool {pool.name!r} has no {'input_tokens' if field == text else field}"
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
    known = {text, "input_tokens", "text_tokens", "output_tokens", "reason_ratio", *SESSION_FIELDS}
    known |= {
        f"{modality}_{part}" for modality in (pool.modalities if pool else ()) for part in ("count", "tokens")
    }
    found = Fields(
        input=length("input", text),
        output=length("output", "output_tokens"),
        ratio=recorded.get("reason_ratio"),
        reasoning=None
        if group.reasoning is None
        else CheckedReasoning.of(group.reasoning, f"{who(name)}.reasoning"),
        items=tuple(models.values()),
        extra={field: source for field, source in recorded.items() if field not in known},
        max_input=group.max_input,
        max_output=group.max_output,
        prefixes=Prefixes.of(
            group, name, recorded.get("prefix_tokens"), () if pool is None else pool.clients
        ),
        comonotone=group.method == "reference",
    )
    return found if found.comonotone else dependent(found, group, name, pool, text)


def dependent(fields: Fields, group: Group, name: str, pool: ClientPool | None, text: str) -> Fields:
    """Return the fields with the dependence that the suite states, and elsewhere with what the pool `pool` recorded.

    `text` is the pool's name of prompt lengths.

    Raises
    ------
        InputError: a pair names a field that is not drawn for each request.
    """
    purposes = {"input": "input_tokens", "output": "output_tokens"}
    if fields.ratio is not None or fields.reasoning is not None:
        purposes["reason"] = "reason_tokens"
    counts = [f"{one.modality}_count" for one in fields.items if isinstance(one, PoolItems)]
    purposes |= {field: field for field in (*counts, *fields.extra)}
    stated = stated_pairs(group, name, purposes)
    recorded, notes = ({}, []) if pool is None else recorded_pairs(pool, text, set(purposes.values()))
    for first, second in stated:
        recorded.pop((first, second), None)
        recorded.pop((second, first), None)
    coupling = Coupling.of(tuple(purposes.values()), stated, recorded)
    if coupling is not None and coupling.changed:
        notes.append(
            f"{who(name)}: rank correlations of {coupling.changed:,} clients contradict each other; the nearest "
            f"possible ones are used, which moves them by up to {coupling.moved:.2g}"
        )
    return attrs.evolve(fields, coupling=coupling, notes=tuple(notes))


def recorded_pairs(
    pool: ClientPool, text: str, purposes: Collection[str]
) -> tuple[dict[tuple[str, str], F8], list[str]]:
    """Rank correlations of a pool's clients (float64[C]) by the purposes of the fields' streams, and what was left out.

    `text` is the pool's name of prompt lengths, `purposes` are those of the fields that are drawn for each request.
    """
    purpose = {text: "input_tokens", "reason_ratio": "reason_tokens"}
    found, notes = {}, []
    for number, pair in enumerate(pool.pairs):
        first, second = (purpose.get(field, field) for field in pair)
        if first in purposes and second in purposes:
            found[first, second] = pool.rank[number]
        else:
            notes.append(
                f"pool {pool.name}: the recorded dependence of {pair[0]} and {pair[1]} is not reproduced"
            )
    return found, notes


def stated_pairs(group: Group, name: str, purposes: Mapping[str, str]) -> dict[tuple[str, str], float]:
    """Rank correlations that a suite gives, by the purposes of the two fields' streams.

    Raises
    ------
        InputError: a pair names a field that is not among `purposes`; all of them at once.
    """
    found: dict[tuple[str, str], float] = {}
    problems = []
    if group.correlation:
        found["input_tokens", "output_tokens"] = group.correlation
    for number, one in enumerate(group.dependence):
        missing = [k for k, field in enumerate(one.between) if field not in purposes]
        problems += [
            Problem(
                f"there is no field {one.between[k]!r} that is drawn for each request",
                who=f"{who(name)}.dependence[{number}].between[{k}]",
                cure=did_you_mean(one.between[k], purposes),
            )
            for k in missing
        ]
        if not missing:
            first, second = (purposes[field] for field in one.between)
            found[first, second] = one.rank
    if problems:
        raise InputError(*problems)
    return found
