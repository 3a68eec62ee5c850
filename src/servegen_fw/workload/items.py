"""Images, audio and video of a block of requests, from a pool's fields or from a suite's modality models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I4, I8
from servegen_fw.data.workload import Items
from servegen_fw.workload.batch import Batch
from servegen_fw.workload.products import CheckedModality
from servegen_fw.workload.quantities import Quantity


@attrs.frozen(eq=False)
class Drawn:
    """Items of one modality for n requests: how many each has, and the items' columns in request order."""

    count: I8
    tokens: I4
    width: I4
    height: I4
    seconds: F8


class ItemSource(Protocol):
    """One modality of a group."""

    @property
    def modality(self) -> str:
        """Its name."""
        ...

    def draw(self, batch: Batch) -> Drawn:
        """Items of the batch's rows; random numbers are drawn for all rows of its block."""
        ...


@attrs.frozen(eq=False)
class PoolItems:
    """A modality recorded in a pool: a number of items per request, and a number of tokens per item."""

    modality: str
    count: Quantity
    tokens: Quantity

    def draw(self, batch: Batch) -> Drawn:
        """Items of the batch's rows; those of the rows left out are drawn and skipped."""
        u = batch.uniform_of_all(f"{self.modality}_count")
        client, at_s = batch.places or (batch.client, batch.turns.planned_s)
        # Only what is kept is told of, so borrowed counts are not tallied for rows left out.
        drawn = self.count.draw(client, at_s, u, Counter())
        count = np.rint(drawn).astype(np.int64)
        u = batch.uniform_of_each(f"{self.modality}_tokens", np.repeat(np.arange(len(count)), count))
        take = _items_of(count, batch.rows)
        count = count[batch.rows]
        whose = batch.whose if isinstance(batch.whose, int) else np.repeat(batch.whose, count)
        tokens = self.tokens.draw(whose, np.repeat(batch.at_s, count), u[take], batch.tally)
        zero = np.zeros(len(take), np.int32)
        return Drawn(count, np.rint(tokens).astype(np.int32), zero, zero, np.zeros(len(take)))


@attrs.frozen(eq=False)
class ModelItems:
    """A modality given by the suite.

    Attributes
    ----------
        model: of all clients.
        _own: the one of the client drawn for last, by the client's label; blocks come client by client.
    """

    model: CheckedModality
    _own: dict[tuple[str, ...], CheckedModality] = attrs.field(factory=dict, init=False, repr=False)

    @property
    def modality(self) -> str:
        """Its name."""
        return self.model.modality

    def draw(self, batch: Batch) -> Drawn:
        """Items of the batch's rows; the model is called for the block's full size."""
        model = self._of(batch)
        count = np.asarray(model.items(batch.turns.size, batch.stream(f"{self.modality}_count")), np.int64)
        total = int(count.sum())
        encoded = model.encode(total, batch.stream(f"{self.modality}_items"))
        take = _items_of(count, batch.rows)

        def column(name: str) -> F8:
            return np.asarray(encoded.get(name, np.zeros(total)), float)[take]

        return Drawn(
            count[batch.rows],
            column("tokens").astype(np.int32),
            column("width").astype(np.int32),
            column("height").astype(np.int32),
            column("seconds"),
        )

    def _of(self, batch: Batch) -> CheckedModality:
        """Modality of the batch's client, the same for all its blocks: its stream has no block in its label."""
        if batch.label not in self._own:
            self._own.clear()
            rng = batch.streams.at(*batch.label, f"{self.modality}_client")
            self._own[batch.label] = self.model.for_client(rng)
        return self._own[batch.label]


def _items_of(count: I8, rows: I8) -> I8:
    """Indices of the items of the requests `rows`, where request i has ``count[i]`` items."""
    begin = (np.cumsum(count) - count)[rows]
    taken = count[rows]
    return np.asarray(np.repeat(begin - np.cumsum(taken) + taken, taken) + np.arange(int(taken.sum())))


def gather(drawn: Sequence[Drawn], n: int, modalities: tuple[str, ...]) -> Items:
    """Put the items of several modalities together, request by request, modalities in the order given."""
    if not drawn:
        return Items.none(n)
    counts = np.stack([one.count for one in drawn], axis=1)
    modality = np.concatenate(
        [np.full(len(one.tokens), number, np.int16) for number, one in enumerate(drawn)]
    )
    owner = np.concatenate([np.repeat(np.arange(n), one.count) for one in drawn])
    order = np.argsort(owner, kind="stable") if len(drawn) > 1 else np.arange(len(owner))
    return Items(
        offsets=np.concatenate(([0], np.cumsum(counts.sum(axis=1)))),
        modality=modality[order],
        tokens=np.concatenate([one.tokens for one in drawn])[order],
        width=np.concatenate([one.width for one in drawn])[order],
        height=np.concatenate([one.height for one in drawn])[order],
        seconds=np.concatenate([one.seconds for one in drawn])[order],
        modalities=modalities,
    )
