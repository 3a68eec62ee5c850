"""Whatever tells of a workload, by its path or name: a log, or a pool of clients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from servegen_fw.plugin import ClientPool, InputError, Problem, open_pool
from servegen_fw_pools.logs.columns import Columns
from servegen_fw_pools.logs.read import read_log
from servegen_fw_pools.options import Published
from servegen_fw_pools.published.reader import make as published
from servegen_fw_pools.shipped import open_shipped

if TYPE_CHECKING:
    from servegen_fw_pools.logs.formats import OnBadRows
    from servegen_fw_pools.logs.log import Log


def read_source(
    paths: Sequence[str | Path],
    *,
    format: str = "auto",  # noqa: A002 - the option's own name
    columns: Columns = Columns(),  # noqa: B008 - frozen
    time_unit: str = "auto",
    on_bad_rows: OnBadRows = "stop",
) -> Log | ClientPool:
    """Read logs as `read_log` does; or one pool file, published client data folder, or shipped pool by name.

    A file or folder of a shipped pool's name goes before the pool.

    Raises
    ------
        InputError: see `read_log`, `open_pool` and the reader ``servegen-data``.
    """
    if len(paths) == 1 and format == "auto":
        path = Path(paths[0]).expanduser()
        if _is_pool(path, str(paths[0])) and (
            time_unit != "auto" or any(name is not None for _, name in columns.given())
        ):
            what = "is a pool of clients; --column and --time-unit are for logs"
            raise InputError(Problem(what, who=str(path), cure="leave them out"))
        if _is_shipped(path, str(paths[0])):
            return open_shipped(path.name)
        if _is_data(path):
            if next(path.rglob("chunk-*-trace.csv"), None) is None:
                what = (
                    "is neither a result folder (result.json) nor published client data (chunk-N-trace.csv)"
                )
                raise InputError(
                    Problem(what, who=str(path), cure="give one of these, or a log in it by its name")
                )
            return published(Published(path=str(path))).read()
        if path.is_file() and path.suffix == ".pool":
            return open_pool(path)
    return read_log(paths, format=format, columns=columns, time_unit=time_unit, on_bad_rows=on_bad_rows)


def _is_shipped(path: Path, said: str) -> bool:
    return not path.exists() and path.name == said and not path.suffix


def _is_data(path: Path) -> bool:
    return path.is_dir() and not any((path / name).exists() for name in ("result.json", "records.parquet"))


def _is_pool(path: Path, said: str) -> bool:
    return _is_shipped(path, said) or _is_data(path) or (path.is_file() and path.suffix == ".pool")
