"""The columns of a group's requests that have a law: prompts, outputs, reasoning, items, further fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
import numpy as np

from servegen_fw.certify.columns import Column, Owners, of_quantity, whole
from servegen_fw.certify.model import GroupModel
from servegen_fw.certify.seen import Seen
from servegen_fw.data.arrays import F8, I8, AnyArray
from servegen_fw.hooks.protocols import Reasoning
from servegen_fw.workload.fields import Fields, fields_of
from servegen_fw.workload.items import ModelItems, PoolItems


@attrs.frozen(eq=False)
class Requests:
    """Rows of one group with the law of their fields.

    Attributes
    ----------
        model: the group.
        fields: what its requests are drawn from.
        rows: int64[n]; rows of the workload.
        columns: by purpose, rows each: "input_tokens", "output_tokens", "reason_tokens", "image_count" ...
        items: columns of one value an item.
        owners: whose the rows are.
    """

    model: GroupModel
    fields: Fields
    rows: I8
    columns: Mapping[str, Column]
    items: tuple[Column, ...]
    owners: Owners


def law_of_fields(model: GroupModel) -> Fields:
    """What a group's requests are drawn from, client by client, whatever method made them."""
    group = attrs.evolve(model.part.group, method="clients")
    return fields_of(group, model.name, model.pool, model.part.start_s)


def requests(model: GroupModel, seen: Seen, number: int) -> Requests:
    """Columns of a group with clients. Prompts that history ended are not there to be compared: see `first_turns`."""
    fields, rows = law_of_fields(model), seen.rows(number)
    workload = seen.workload
    owners = _owners(model, seen, rows)
    left = seen.left[rows]

    def column(name: str, unit: str, value: AnyArray, quantile: Callable[[AnyArray, F8, I8], F8]) -> Column:
        return Column(name, unit, np.asarray(value, float), left, owners, quantile)

    fresh = workload.input_tokens[rows] - workload.context_tokens[rows]
    output = workload.output_tokens[rows]
    found = {
        "input_tokens": column(
            "input_tokens", "tokens", fresh, of_quantity(fields.input, owners, whole(fields.max_input))
        ),
        "output_tokens": column(
            "output_tokens", "tokens", output, of_quantity(fields.output, owners, whole(fields.max_output))
        ),
    }
    if fields.reasoning is not None or fields.ratio is not None:
        law = reason_law(fields, owners, output.astype(float))
        found["reason_tokens"] = column("reason_tokens", "tokens", workload.reason_tokens[rows], law)
    for field, quantity in fields.extra.items():
        if field in workload.extra:
            same = of_quantity(quantity, owners, lambda drawn, _rows: drawn)
            found[field] = column(field, "1", workload.extra[field][rows], same)
    items = []
    for source in fields.items:
        count, item = _items(seen, rows, source.modality)
        if isinstance(source, PoolItems):
            law = of_quantity(source.count, owners, lambda drawn, _rows: np.rint(drawn))
            found[f"{source.modality}_count"] = column(f"{source.modality}_count", "items", count, law)
            whose = owners.at(np.repeat(np.arange(len(rows)), count))
            law = of_quantity(source.tokens, whose, lambda drawn, _rows: np.rint(drawn))
            sent = np.repeat(left, count)
            items.append(Column(f"{source.modality}_tokens", "tokens", item, sent, whose, law))
    return Requests(model, fields, rows, found, tuple(items), owners)


def reason_law(fields: Fields, owners: Owners, output: F8) -> Callable[[AnyArray, F8, I8], F8]:
    """Quantile function of reasoning given the outputs (float64[n])."""
    reasoning: Reasoning | None = fields.reasoning
    if reasoning is not None:
        model = reasoning
        return lambda rows, u, _client: np.asarray(model.split(output[rows].astype(np.int32), u), float)
    assert fields.ratio is not None  # noqa: S101 - asked of groups that reason
    return of_quantity(
        fields.ratio, owners, lambda drawn, rows: np.rint(np.clip(drawn, 0.0, 1.0) * output[rows])
    )


def modelled_items(requests: Requests) -> tuple[ModelItems, ...]:
    """Modalities that a suite's models make; they have no quantile function."""
    return tuple(source for source in requests.fields.items if isinstance(source, ModelItems))


def _owners(model: GroupModel, seen: Seen, rows: I8) -> Owners:
    place = seen.places(model, rows)
    of_pool = np.asarray(model.population.recorded if model.population else (), np.int64)
    client = np.where(place >= 0, of_pool[np.maximum(place, 0)], -1)
    weight, edges_s = model.sending
    return Owners(client, seen.workload.planned_s[rows], of_pool, weight, edges_s)


def _items(seen: Seen, rows: I8, modality: str) -> tuple[I8, F8]:
    """Items of one modality: how many each row has, and their tokens in the order of rows."""
    items = seen.workload.items.select(rows)
    number = items.modalities.index(modality) if modality in items.modalities else -1
    mine = items.modality == number
    owner = np.repeat(np.arange(len(rows)), items.count)
    return np.bincount(owner[mine], minlength=len(rows)), items.tokens[mine].astype(float)


def items_of(seen: Seen, rows: I8, modality: str) -> tuple[I8, F8]:
    """Items of one modality: how many each row has (int64[n]), and their tokens in the order of rows (float64[m])."""
    return _items(seen, rows, modality)
