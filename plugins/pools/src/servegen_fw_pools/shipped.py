"""Reader of fitted pools: those inside this distribution, and pool files."""

from __future__ import annotations

import difflib
from importlib import resources
from pathlib import Path

import attrs

from servegen_fw.plugin import ClientPool, InputError, Problem, open_pool
from servegen_fw_pools.options import Shipped

_SUFFIX = ".pool"


def shipped_names() -> list[str]:
    """Names of the pools inside this distribution, sorted."""
    folder = resources.files("servegen_fw_pools") / "data"
    return sorted(path.name.removesuffix(_SUFFIX) for path in folder.iterdir() if path.name.endswith(_SUFFIX))


def unknown_pool(name: str) -> tuple[str, str]:
    """What to say, and what to advise, about a name that is none of the shipped pools'."""
    names = shipped_names()
    near = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"no shipped pool is called {name!r}", f"{hint}shipped pools are: {', '.join(names)}"


def open_shipped(name: str) -> ClientPool:
    """Open a shipped pool by name.

    Raises
    ------
        InputError: no pool of that name; lists those there are.
    """
    if name not in shipped_names():
        what, cure = unknown_pool(name)
        raise InputError(Problem(what, who="pool", cure=cure))
    with resources.as_file(resources.files("servegen_fw_pools") / "data" / f"{name}{_SUFFIX}") as path:
        return open_pool(path)


@attrs.frozen
class PoolReader:
    """Reads one fitted pool."""

    config: Shipped

    def read(self) -> ClientPool:
        """Return the pool.

        Raises
        ------
            InputError: neither or both of `name` and `path` are given, the name is unknown, or the file is damaged.
        """
        name, path = self.config.name, self.config.path
        if bool(name) == bool(path):
            cure = f"give `name` (one of {', '.join(shipped_names())}) or `path`, a pool file"
            raise InputError(Problem("a pool needs either a name or a path", who="pool", cure=cure))
        return open_shipped(name) if name else open_pool(Path(path).expanduser())


def make(config: Shipped) -> PoolReader:
    """Make the reader ``pool``."""
    return PoolReader(config)
