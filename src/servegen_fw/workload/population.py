"""A group's clients as composition sees them: names, arrivals in blocks, and how fast each one starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from servegen_fw.data.arrays import F8
from servegen_fw.workload.block import Block
from servegen_fw.workload.curve import Curve


class Population(Protocol):
    """Clients of one group, in an order that does not depend on where they were read from."""

    @property
    def names(self) -> Sequence[str]:
        """Stable ids."""
        ...

    @property
    def recorded(self) -> Sequence[int]:
        """Index of each client in its pool; 0 for synthetic clients, which have none."""
        ...

    @property
    def keep(self) -> Curve | None:
        """Probability that an arrival is kept, over the time of the case; None to keep all."""
        ...

    def blocks(self, client: int) -> Iterator[Block]:
        """Arrivals of one client, those outside [0, duration) included where a block reaches further."""
        ...

    def mass(self, at_s: F8) -> F8:
        """Arrivals of all clients expected up to each of the times (float64[n]), before `keep`; float64[n]."""
        ...

    def start_rate(self, client: int) -> float:
        """Arrivals per second at the start of the case, before `keep`, without modulation."""
        ...
