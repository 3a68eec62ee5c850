"""Reader of the published client data: finds the workload's folder, compiles it once, and maps the compiled copy."""

from __future__ import annotations

import difflib
from pathlib import Path

import attrs

from servegen_fw.plugin import ClientPool, InputError, Problem
from servegen_fw_pools.options import Published
from servegen_fw_pools.published.cache import compiled
from servegen_fw_pools.published.compile import client_files, compile_folder

_DEPTH = 3


@attrs.frozen
class PublishedReader:
    """Reads one workload of the published data."""

    config: Published

    def read(self) -> ClientPool:
        """Return the pool; `meta["notes"]` tells what was borrowed, dropped or odd.

        Raises
        ------
            InputError: no such folder or workload; damaged files with file:line:col.
        """
        folder = find_workload(Path(self.config.path).expanduser(), self.config.workload)
        missing = self.config.missing

        def compile_pool() -> ClientPool:
            return compile_folder(folder, folder.name, missing)

        if not self.config.cache:
            return compile_pool()
        traces, datasets = client_files(folder)
        return compiled(folder, [*traces.values(), *datasets.values()], missing, compile_pool)


def make(config: Published) -> PublishedReader:
    """Make the reader ``servegen-data``."""
    return PublishedReader(config)


def find_workload(root: Path, workload: str) -> Path:
    """Return the folder of client files: `root` itself, or the one below it that `workload` names.

    Raises
    ------
        InputError: there is none, or several and none is named; lists what there is.
    """
    if not root.is_dir():
        raise InputError(Problem("no such folder", who=str(root), cure="check `path` of the source"))
    if not workload and _holds_clients(root):
        return root
    found = _workloads(root)
    fitting = [folder for folder in found if _is_named(folder, root, workload)]
    if workload and len(fitting) == 1:
        return fitting[0]
    names = [folder.relative_to(root).as_posix() for folder in found]
    if not names:
        cure = "give the folder that holds chunk-0-trace.csv"
        raise InputError(Problem("holds no client data (chunk-N-trace.csv)", who=str(root), cure=cure))
    if not workload:
        cure = f"name one with `workload`: {', '.join(names)}"
        raise InputError(Problem("holds several workloads or none directly", who=str(root), cure=cure))
    short = {name.rsplit("/", 1)[-1]: name for name in names}
    near = difflib.get_close_matches(workload, [*names, *short], 1)
    hint = f"did you mean {near[0]!r}? " if near and not fitting else ""
    what = "matches several workloads" if fitting else "no such workload"
    cure = f"{hint}there are: {', '.join(names)}"
    raise InputError(Problem(f"{what}: {workload!r}", who=str(root), cure=cure))


def _holds_clients(folder: Path) -> bool:
    return any(folder.glob("chunk-*-trace.csv"))


def _workloads(root: Path) -> list[Path]:
    found, level = [], [root]
    for _ in range(_DEPTH):
        level = sorted(path for folder in level for path in folder.iterdir() if path.is_dir())
        found += [folder for folder in level if _holds_clients(folder)]
    return found


def _is_named(folder: Path, root: Path, workload: str) -> bool:
    name = folder.relative_to(root).as_posix()
    return name == workload.strip("/") or name.rsplit("/", 1)[-1] == workload
