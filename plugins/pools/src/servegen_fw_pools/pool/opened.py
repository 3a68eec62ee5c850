"""Pools as commands name them: a shipped one, a file, or a folder of published client data."""

from __future__ import annotations

from pathlib import Path

from servegen_fw.plugin import ClientPool, InputError, Problem, open_pool
from servegen_fw_pools.options import Published
from servegen_fw_pools.published.reader import make as published
from servegen_fw_pools.shipped import open_shipped, shipped_names, unknown_pool


def opened(named: str) -> ClientPool:
    """Open a pool by its path, or by the name of a shipped one if there is no such path.

    Raises
    ------
        InputError: neither a file nor a shipped pool, or a damaged one.
    """
    path = Path(named).expanduser()
    if path.is_dir():
        return published(Published(path=str(path))).read()
    if path.exists():
        return open_pool(path)
    if named in shipped_names():
        return open_shipped(named)
    what, cure = unknown_pool(named)
    raise InputError(Problem(f"no such file, and {what}", who=named, cure=cure))
