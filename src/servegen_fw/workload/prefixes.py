"""Prompt prefixes that sessions share: one per client, or some of a group's own, of a stated or a recorded length."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I4, I8
from servegen_fw.suite.model import Group
from servegen_fw.workload.batch import Batch
from servegen_fw.workload.identity import prefix_id, shared_prefix_id
from servegen_fw.workload.quantities import Quantity

CARRIED = "prefix"
"""Purpose of the two numbers that say whether a session begins with a prefix, and with which."""


@attrs.frozen(eq=False)
class Prefixes:
    """Which prefix the sessions of a group begin with.

    Rows of one id share the shorter of their lengths: a longer prefix continues a shorter one of the same id.

    Attributes
    ----------
        group: name of the group.
        tokens: length of every prefix; 0 to draw it for each session from `recorded`.
        recorded: recorded leading tokens that are those of the client's own prefix; None without.
        number: different prefixes of the whole group, each session choosing one; 0 for one per client.
        skew: Zipf exponent of the choice.
        share: share of the sessions that begin with a prefix.
        clients: names of the pool's clients, for rows that are drawn from several of them.
    """

    group: str
    tokens: int
    recorded: Quantity | None = None
    number: int = 0
    skew: float = 0.0
    share: float = 1.0
    clients: Sequence[str] = ()

    @classmethod
    def of(
        cls, group: Group, name: str, recorded: Quantity | None, clients: Sequence[str]
    ) -> Prefixes | None:
        """Return what a group's options say; None if its prompts begin with no shared prefix."""
        if not group.prefix_tokens and recorded is None:
            return None
        return cls(
            name,
            group.prefix_tokens,
            None if group.prefix_tokens else recorded,
            group.prefixes,
            group.prefix_skew,
            group.prefix_share,
            clients,
        )

    @functools.cached_property
    def shared(self) -> I8:
        """Ids of the group's own prefixes, int64[number]."""
        return np.array([shared_prefix_id(self.group, k) for k in range(self.number)], np.int64)

    @functools.cached_property
    def reach(self) -> F8:
        """Upper end of the part of [0, 1) that chooses each of them, float64[number]; of prefix k the part is k^-skew."""
        weight = np.arange(1.0, self.number + 1) ** -self.skew
        return np.asarray(np.cumsum(weight) / weight.sum())

    @functools.cached_property
    def _of_pool(self) -> I8:
        """Id of every pool client's prefix."""
        return np.array([prefix_id(self.group, name) for name in self.clients], np.int64)

    def ids(self, names: Sequence[str]) -> frozenset[int]:
        """All ids that requests of the clients `names` can have."""
        if self.number:
            return frozenset(self.shared.tolist())
        return frozenset(prefix_id(self.group, name) for name in (*names, *self.clients))

    def chosen(self, own: I8, u: F8) -> I8:
        """Id of each session's prefix, -1 for none; `own` are the clients' ids, `u` (float64[n, 2]) uniform numbers."""
        if self.number:
            which = np.searchsorted(self.reach, u[:, 1], side="right")
            own = self.shared[np.minimum(which, self.number - 1)]
        return np.where(u[:, 0] < self.share, own, -1)

    def draw(self, batch: Batch) -> tuple[I8, I4]:
        """Id (-1 for none) and length of the prefix of each of the batch's rows; those of a session are alike."""
        turns = batch.turns
        if not len(turns):
            return np.empty(0, np.int64), np.empty(0, np.int32)
        first = np.flatnonzero(np.diff(turns.arrival, prepend=-1))
        sessions = len(first)
        client, at_s = batch.places or (batch.client, turns.planned_s)
        if isinstance(client, int):
            own = np.full(sessions, prefix_id(*batch.label), np.int64)
        else:
            client = client[first]
            own = self._of_pool[client]
        ids = own
        if self.number or self.share < 1:
            ids = self.chosen(own, batch.stream(CARRIED).random((sessions, 2)))
        tokens = np.full(sessions, self.tokens, np.int32)
        if self.recorded is not None:
            u = batch.stream("prefix_tokens").random(sessions)
            drawn = self.recorded.draw(client, at_s[first], u, Counter())
            tokens = np.rint(np.maximum(drawn, 0.0)).astype(np.int32)
        rows = np.searchsorted(turns.arrival[first], turns.arrival)[batch.rows]
        return ids[rows], np.where(ids[rows] >= 0, tokens[rows], 0).astype(np.int32)
