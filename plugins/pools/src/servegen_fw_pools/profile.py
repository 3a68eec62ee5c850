"""A client pool written down in a suite: rates and CVs window by window, no recording behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs
import numpy as np

from servegen_fw.plugin import ClientPool, InputError, Problem, Tables

if TYPE_CHECKING:
    from servegen_fw_pools.options import Profile


def problems(config: Profile) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a profile: (option, what, cure)."""
    if not config.rates:
        yield "rates", "there is no window", 'give the rate of every window: rates = ["2/s", "5/s"]'
    elif not any(config.rates):
        yield "rates", "all rates are 0, so that nothing is ever sent", "give one rate at least above 0"
    if len(config.cv) not in {1, len(config.rates)}:
        what = f"{len(config.cv)} values of cv for {len(config.rates)} windows"
        yield "cv", what, "give one for all windows, or one for each"


@attrs.frozen
class ProfileReader:
    """Writes the pool that a profile describes."""

    config: Profile

    def read(self) -> ClientPool:
        """Return a pool whose clients all follow the profile and differ in rate, by Zipf's law; it has no lengths.

        Raises
        ------
            InputError: the numbers of rates and CVs do not fit, or nothing is ever sent.
        """
        config = self.config
        found = [Problem(what, who=f"profile.{option}", cure=cure) for option, what, cure in problems(config)]
        if found:
            raise InputError(*found)
        rates = np.tile(np.asarray(config.rates, np.float64), config.repeat)
        weight = np.arange(1.0, config.clients + 1) ** -config.skew
        count = np.outer(weight / weight.sum(), rates * config.window_s)
        cv = np.resize(np.asarray(config.cv, np.float64), len(config.rates))
        active = count > 0
        return ClientPool(
            name=config.name,
            clients=tuple(f"{config.name}-{k + 1}" for k in range(config.clients)),
            start_s=0.0,
            window_s=config.window_s,
            count=count,
            cv=np.where(active, np.tile(cv, config.repeat), 0.0),
            family=np.where(active, 0, -1).astype(np.int16),
            families=(config.family,),
            fields=(),
            tables=Tables.of([]),
            table=np.empty((0, config.clients, 1), np.int32),
            table_window_s=len(rates) * config.window_s,
            meta={"source": "a profile written in a suite"},
        )


def make(config: Profile) -> ProfileReader:
    """Make the reader ``profile``."""
    return ProfileReader(config)
