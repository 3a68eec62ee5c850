"""What can be told about a suite's sources before anything is read: names of shipped pools, missing files, profiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from servegen_fw_pools import options
from servegen_fw_pools.profile import problems
from servegen_fw_pools.shipped import shipped_names, unknown_pool

_WITH_PATH = (options.Published, options.LogFile)


def check(suite: Any) -> Sequence[tuple[str, str, str]]:
    """Report problems of the groups' sources that are entries of this distribution."""
    found: list[tuple[str, str, str]] = []
    for number, group in enumerate(suite.workload.groups):
        if group.source is not None:
            found += _source(f"workload.group[{number}].source", group.source.config)
    return found


def _source(at: str, config: object) -> Iterator[tuple[str, str, str]]:
    if isinstance(config, options.Shipped):
        yield from _pool(at, config)
    elif isinstance(config, options.Profile):
        yield from ((f"{at}.{option}", what, cure) for option, what, cure in problems(config))
    elif isinstance(config, _WITH_PATH):
        yield from _file(f"{at}.path", config.path)


def _pool(at: str, config: options.Shipped) -> Iterator[tuple[str, str, str]]:
    names = shipped_names()
    if bool(config.name) == bool(config.path):
        what = "a pool needs either a name or a path"
        yield at, what, f"give `name` (one of {', '.join(names)}) or `path`, a pool file"
    elif config.path:
        yield from _file(f"{at}.path", config.path)
    elif config.name not in names:
        yield f"{at}.name", *unknown_pool(config.name)


def _file(at: str, path: str) -> Iterator[tuple[str, str, str]]:
    if not Path(path).expanduser().exists():
        yield (
            at,
            f"no such file or folder: {path}",
            "check the path; a relative one is meant from the suite's folder",
        )
