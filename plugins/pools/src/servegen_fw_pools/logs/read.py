"""Logs of every format, read into one table of columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from servegen_fw_pools.logs.columns import Columns

if TYPE_CHECKING:
    from servegen_fw_pools.logs.formats import OnBadRows
    from servegen_fw_pools.logs.log import Log


def read_log(
    paths: Sequence[str | Path],
    *,
    format: str = "auto",  # noqa: A002 - the option's own name
    columns: Columns = Columns(),  # noqa: B008 - frozen
    time_unit: str = "auto",
    on_bad_rows: OnBadRows = "stop",
) -> Log:
    """Read several files of one format as one log, in the order of their times."""
    raise NotImplementedError
